"""What a version is most often compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from diptych import display
from diptych.domain.version import State, Version
from diptych.errors import DiptychError
from diptych.job import Job, Tick
from diptych.ui.models.summary import direction
from diptych.workbench import Workbench

_LOOKED_AT = 60
"""Of what a query finds, so many are looked at for names that begin with it."""
SIBLINGS = 2000
"""Checkpoints of one run looked at for the best one."""


class Partner(NamedTuple):
    """One version worth comparing with, and why."""

    reason: str
    version: Version


def partners(workbench: Workbench, version: Version, last: int | None = None) -> Job[list[Partner]]:
    """The previous and next checkpoint, the base, the best of the run, and the one compared with last."""
    yield Tick("Looking for versions to compare with")
    run = workbench.page(f"model={quoted(version.model)}", "step", False, SIBLINGS)
    siblings = [other for other in run if other.model == version.model]
    found: list[Partner] = []
    if version.step is not None:
        before = [other for other in siblings if other.step is not None and other.step < version.step]
        after = [other for other in siblings if other.step is not None and other.step > version.step]
        if before:
            found.append(Partner("Previous checkpoint", max(before, key=lambda other: other.step or 0)))
        if after:
            found.append(Partner("Next checkpoint", min(after, key=lambda other: other.step or 0)))
    yield Tick("Looking for the base")
    base = parent(workbench, version)
    if base is not None:
        found.append(Partner("Base", base))
    best = _best(version, siblings)
    if best is not None:
        found.append(best)
    if last is not None and last != version.key:
        found += [Partner("Last compared with", other) for other in workbench.versions([last])]
    once: dict[int, Partner] = {}
    for partner in found:
        if partner.version.key != version.key:
            once.setdefault(partner.version.key, partner)
    return list(once.values())


def called(workbench: Workbench, text: str, limit: int) -> list[Version]:
    """What someone means who types `text`: what has it as its name, what begins with it, what else the query finds.

    A query finds words anywhere, as the base's name in every fine-tune of it.
    """
    text = text.strip()
    found = workbench.page(text, limit=max(limit, _LOOKED_AT))
    if not text:
        return found[:limit]
    begins = [version for version in found if version.name.casefold().startswith(text.casefold())]
    named = workbench.page(f"name={quoted(text)}", limit=limit)
    return list({version.key: version for version in (*named, *begins, *found)}.values())[:limit]


def parent(workbench: Workbench, version: Version) -> Version | None:
    """The base of a version, where the catalog holds it."""
    if version.base is None or version.base.parent is None:
        return None
    try:
        found: Version = workbench.resolve(version.base.parent)
    except DiptychError:
        return None
    return found


def in_order(first: Version, second: Version) -> tuple[Version, Version]:
    """Two versions as A and B: the base before what was made of it, the earlier before the later."""
    if first.base is not None and first.base.parent == second.id:
        return second, first
    if second.base is not None and second.base.parent == first.id:
        return first, second
    if first.model == second.model and first.step is not None and second.step is not None:
        return (first, second) if first.step <= second.step else (second, first)
    moments = first.created or 0.0, second.created or 0.0
    return (first, second) if moments[0] <= moments[1] else (second, first)


def quoted(value: str) -> str:
    """A value as the query language wants it."""
    if value and all(character.isalnum() or character in "-_./+@" for character in value):
        return value
    return '"' + value.replace('"', " ") + '"'


def _best(version: Version, siblings: Sequence[Version]) -> Partner | None:
    counts: dict[str, int] = {}
    for sibling in siblings:
        for name in sibling.metrics:
            counts[name] = counts.get(name, 0) + 1
    known = [name for name in counts if direction(name) is not None and counts[name] > 1]
    if not known:
        return None
    name = max(known, key=lambda name: (counts[name], name in version.metrics))
    measured = [s for s in siblings if s.metrics.get(name) == s.metrics.get(name, 0) and s.state is not State.DAMAGED]
    measured = [sibling for sibling in measured if name in sibling.metrics]
    if not measured:
        return None
    choose = max if direction(name) else min
    top = choose(measured, key=lambda sibling: sibling.metrics[name])
    return Partner(f"Best {display.visible(name.removesuffix(',none'))}", top)
