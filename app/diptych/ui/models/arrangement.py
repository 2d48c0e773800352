"""Which versions the library shows, in which order and under which runs: asked of the catalog in a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from diptych.job import Job, Tick
from diptych.workbench import Workbench

CHUNK = 10_000
"""Versions grouped between two ticks."""


class View(NamedTuple):
    """What was asked for."""

    query: str = ""
    sort: str = "created"
    descending: bool = True
    grouped: bool = True


class Group(NamedTuple):
    """The versions of one model or run, in the order asked for."""

    model: str
    keys: tuple[int, ...]


class _Answer(NamedTuple):
    view: View
    groups: tuple[Group, ...] = ()
    keys: Sequence[int] = ()
    """Every version, in the order of the rows when all groups are open."""
    total: int = 0
    """How many versions the catalog holds, shown or not."""
    problem: str = ""
    """Why the query cannot be answered; then the rest is empty."""


class Arrangement(_Answer):
    """The answer: groups in the order of their first versions, or one flat list."""

    @cached_property
    def group_of(self) -> dict[int, int]:
        """The number of the group that a version stands under; versions that stand alone are left out."""
        return {key: number for number, group in enumerate(self.groups) if len(group.keys) > 1 for key in group.keys}

    def rows(self, is_open: Callable[[Group], bool]) -> list[int]:
        """The rows in sight: the key of a version, or `~number` of a group. A group of one shows its version alone."""
        if not self.view.grouped:
            return list(self.keys)
        rows: list[int] = []
        for number, group in enumerate(self.groups):
            if len(group.keys) == 1:
                rows.append(group.keys[0])
                continue
            rows.append(~number)
            if is_open(group):
                rows.extend(group.keys)
        return rows


def arrange(workbench: Workbench, view: View) -> Job[Arrangement]:
    """Ask the catalog. One query, whatever the size of the library."""
    yield Tick("Looking up versions")
    problem = workbench.explain(view.query)
    total = workbench.count()
    if problem:
        return Arrangement(view, total=total, problem=problem)
    if not view.grouped:
        return Arrangement(view, keys=workbench.keys(view.query, view.sort, view.descending), total=total)
    yield Tick("Grouping versions")
    models = workbench.catalog.models()
    members: dict[str, list[int]] = {}
    for place, key in enumerate(workbench.keys(view.query, view.sort, view.descending)):
        if place % CHUNK == 0:
            yield Tick("Grouping versions", place)
        members.setdefault(models.get(key, ""), []).append(key)
    groups = tuple(Group(model, tuple(keys)) for model, keys in members.items())
    arrangement = Arrangement(view, groups, [key for group in groups for key in group.keys], total)
    yield Tick("Grouping versions", len(arrangement.group_of), total)
    return arrangement
