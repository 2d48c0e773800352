"""Hashing the files of versions, which gives them their final ids and shows what is the same or has moved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych import display
from diptych.catalog import Catalog, Place
from diptych.domain.changes import Changes
from diptych.domain.version import Digest, Problem
from diptych.errors import NotFound
from diptych.job import Job, Tick, retold
from diptych.tensors.digest import digest_files

_BATCH_BYTES = 1 << 30
_BATCH_PLACES = 50
"""Places are hashed together until either is reached: enough to keep all cores busy, little to lose on Cancel."""


@dataclass(frozen=True, slots=True)
class HashReport:
    """What hashing came to."""

    changes: Changes
    files: int
    bytes: int
    problems: tuple[Problem, ...]
    duplicates: int
    """Versions that turned out to be another one that is still in its older place: copies, not moves."""

    def __str__(self) -> str:
        parts = [f"{display.plural(self.files, 'file')}, {display.size(self.bytes)}"]
        if self.duplicates:
            parts.append(f"{display.plural(self.duplicates, 'version')} found in a second place")
        if self.problems:
            parts.append(f"{display.plural(len(self.problems), 'file')} could not be hashed")
        return " · ".join(parts)


def hash_files(catalog: Catalog, keys: Collection[int] | None = None) -> Job[HashReport]:
    """Hash every file of the versions that are not hashed yet, or of those among `keys`."""
    places = catalog.unhashed(keys)
    total = sum(artifact.bytes for place in places for artifact in place.artifacts)
    changes = Changes()
    problems: list[Problem] = []
    files = done = duplicates = 0
    for batch in batches(places):
        paths = {file_of(place, artifact.path): place for place in batch for artifact in place.artifacts}
        found = yield from retold(digest_files(list(paths)), onward(done, total))
        files += len(paths)
        done += sum(artifact.bytes for place in batch for artifact in place.artifacts)
        problems += [outcome for outcome in found.values() if isinstance(outcome, Problem)]
        for place in batch:
            digests = {
                artifact.path: outcome
                for artifact in place.artifacts
                if isinstance(outcome := found.get(file_of(place, artifact.path)), Digest)
            }
            try:
                noted = catalog.digests(place.path, digests)
            except NotFound:  # taken off the list while its files were read
                continue
            changes |= noted
            duplicates += doubled(catalog, noted, place.path)
    return HashReport(changes, files, done, tuple(problems), duplicates)


def doubled(catalog: Catalog, changes: Changes, place: Path) -> bool:
    """Whether the version at `place` was united with one that lies elsewhere too."""
    if not changes.removed:
        return False
    united = (one for one in catalog.versions(list(changes.updated)) if place in one.places)
    return any(other != place and other.exists() for version in united for other in version.places)


def file_of(place: Place, name: str) -> Path:
    """A file of a place; the place itself, or what lies beside it, where a weight file lies loose."""
    if place.path.name == name:
        return place.path
    loose = any(artifact.path == place.path.name for artifact in place.artifacts)
    return place.path.with_name(name) if loose else place.path / name


def batches(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Places to read together."""
    batch: list[Place] = []
    room = 0
    for place in places:
        batch.append(place)
        room += sum(artifact.bytes for artifact in place.artifacts)
        if room >= _BATCH_BYTES or len(batch) >= _BATCH_PLACES:
            yield batch
            batch, room = [], 0
    if batch:
        yield batch


def onward(before: float, total: float) -> Callable[[Tick], Tick]:
    """The ticks of one batch as part of the whole."""
    return lambda tick: Tick(tick.text, before + tick.done, total, "bytes")
