"""The time-lapse of a run: its checkpoints by step, and how the weights moved between those with a fingerprint."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.version import State, Version
from diptych.errors import NotFound
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from diptych.compare.timelapse import Timelapse
    from diptych.domain.fingerprint import Fingerprint

_READABLE = (State.COMPLETE, State.UNREAD)


@dataclass(frozen=True, slots=True, eq=False)
class RunLapse:
    """What can be shown of a run."""

    model: str
    versions: tuple[Version, ...]
    """The checkpoints that have a fingerprint, by step; the arrays of `moved` go by them."""
    waiting: tuple[Version, ...]
    """Checkpoints whose weights are here and have no fingerprint yet."""
    absent: int
    """Checkpoints without fingerprint and without weights to make one of."""
    moved: Timelapse | None
    """None where fewer than two have a fingerprint."""
    told: tuple[str, ...] = ()
    """What a reader should know of it, in sentences."""


def run_of(catalog: Catalog, ref: str) -> str:
    """The run that people mean: its own name, or a reference to any of its versions. `NotFound` for neither."""
    return ref if ref in set(catalog.models().values()) else catalog.resolve(ref).model


def checkpoints(catalog: Catalog, model: str) -> tuple[Version, ...]:
    """The checkpoints of a run by step, one for each step. `NotFound` where there is no such run."""
    models = catalog.models()
    keys = [key for key, name in models.items() if name == model]
    found: dict[int, Version] = {}
    known = catalog.fingerprints.known()
    for version in catalog.versions(keys):
        if version.step is None:
            continue
        other = found.get(version.step)
        if other is None or _worth(version, known) > _worth(other, known):
            found[version.step] = version
    if not found:
        raise NotFound(
            f"{display.visible(model)}: no checkpoints of such a run are known", "diptych list shows what is."
        )
    return tuple(found[step] for step in sorted(found))


def run_lapse(catalog: Catalog, model: str) -> Job[RunLapse]:
    """How the weights of a run moved, from its fingerprints."""
    yield Tick("Looking up checkpoints")
    every = checkpoints(catalog, model)
    known = catalog.fingerprints.known()
    shown = tuple(one for one in every if one.hashed and one.id in known)
    keys = {one.key for one in shown}
    others = [one for one in every if one.key not in keys]
    waiting = tuple(one for one in others if one.path is not None and one.state in _READABLE)
    absent = len(others) - len(waiting)
    if len(shown) < 2:
        return RunLapse(model, shown, waiting, absent, None)
    # it computes, which a look at what is missing does not wait for
    from diptych.compare.timelapse import timelapse
    from diptych.compare.uneven import told

    def read(place: int) -> Fingerprint:
        found = catalog.fingerprints.of(shown[place].id)
        if found is None:  # the catalog keeps them for good, unless somebody empties it meanwhile
            raise NotFound(f"{display.visible(shown[place].name)}: its fingerprint is gone", "Make it again.")
        return found

    moved = yield from timelapse([one.step or 0 for one in shown], read)
    return RunLapse(model, shown, waiting, absent, moved, told(moved))


def _worth(version: Version, known: Collection[str]) -> tuple[bool, bool]:
    """Which of two versions of one step is shown: one with a fingerprint, else one that can get it."""
    return version.hashed and version.id in known, version.path is not None and version.state in _READABLE
