"""Places for the nodes of a graph of descent: generations from left to right, kin near one another.

An arrow that skips generations takes a narrow lane through each of them, so that it passes no box behind
(Sugiyama, Tagawa and Toda 1981).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

_SWEEPS = 4
_LANE = 0.3
"""Rows that an arrow takes where it passes a generation."""
_PAUSE = 512
"""Nodes that are placed between two pauses."""


@dataclass(frozen=True, slots=True)
class Node:
    """One box."""

    key: str
    title: str
    note: str = ""
    stacked: bool = False
    """Whether it stands for several, and opens."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One line from a parent to a child."""

    key: str
    source: str
    target: str
    text: str = ""
    dashed: bool = False
    faint: bool = False
    tip: str = ""


Slot = tuple[int, float]
"""Generation and row."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands."""

    nodes: Mapping[str, Slot] = field(default_factory=dict)
    """By the key of the node."""
    lanes: Mapping[str, Sequence[Slot]] = field(default_factory=dict)
    """By the key of an arrow that skips generations: where it passes each of them."""


def lay_out(nodes: Sequence[Node], arrows: Sequence[Arrow]) -> Layout:
    """The layout of a graph, at once; see `laying_out`."""
    work = laying_out(nodes, arrows)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            layout: Layout = stop.value
            return layout


def laying_out(nodes: Sequence[Node], arrows: Sequence[Arrow]) -> Generator[None, None, Layout]:
    """Generation by the longest way from a root, rows by the middle of the kin; arrows back in a circle do not count.

    Groups that no arrow joins stand below one another, the largest first; nodes without any come last, in a block.
    Yields now and then.
    """
    keys = [node.key for node in nodes]
    below, above = _kin(keys, arrows)
    generations = _generations(keys, below, above)
    yield
    lone = [key for key in keys if not below[key] and not above[key]]
    lanes = _with_lanes(arrows, generations, below, above)
    passing = {lane: arrow for arrow, places in lanes.items() for lane in places}
    slots: dict[str, Slot] = {}
    row, placed = 0.0, 0
    for group in _groups([*keys, *passing], below, above):
        if len(group) > 1:
            rows = _rows(group, generations, below, above, passing)
            slots |= {key: (generations[key], row + rows[key]) for key in group}
            row += max(rows.values()) + 1.5
        placed += len(group)
        if placed >= _PAUSE:
            placed = 0
            yield
    columns = max((place for place, _ in slots.values()), default=3) + 1
    for number, key in enumerate(lone):
        slots[key] = (number % columns, row + number // columns)
    return Layout(
        {key: slots[key] for key in keys},
        {arrow: [slots[lane] for lane in places] for arrow, places in lanes.items()},
    )


def _with_lanes(
    arrows: Sequence[Arrow], generations: dict[str, int], below: dict[str, list[str]], above: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Put a lane for each generation that an arrow skips between its ends; the lanes of each arrow, from its source."""
    lanes: dict[str, list[str]] = {}
    for arrow in arrows:
        source, target = arrow.source, arrow.target
        if target not in below.get(source, ()) or generations[target] - generations[source] < 2:
            continue
        way = [f"\0{arrow.key}\0{place}" for place in range(generations[source] + 1, generations[target])]
        below[source].remove(target)
        above[target].remove(source)
        for one, other in zip((source, *way), (*way, target), strict=True):
            below.setdefault(one, []).append(other)
            above.setdefault(other, []).append(one)
        generations |= {lane: generations[source] + 1 + number for number, lane in enumerate(way)}
        lanes[arrow.key] = way
    return lanes


def _kin(keys: Sequence[str], arrows: Sequence[Arrow]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    below: dict[str, list[str]] = {key: [] for key in keys}
    above: dict[str, list[str]] = {key: [] for key in keys}
    for arrow in arrows:
        joined = arrow.source in below and arrow.target in below and arrow.source != arrow.target
        if joined and arrow.target not in below[arrow.source]:
            below[arrow.source].append(arrow.target)
            above[arrow.target].append(arrow.source)
    return below, above


def _generations(
    keys: Sequence[str], below: Mapping[str, Sequence[str]], above: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    waiting = {key: len(above[key]) for key in keys}
    found = dict.fromkeys(keys, 0)
    ready = [key for key in keys if not waiting[key]]
    open_ = dict.fromkeys(keys)
    while open_:
        # in a circle nobody is ready: then the first in line is taken as its beginning
        key = ready.pop() if ready else next(iter(open_))
        if key not in open_:
            continue
        del open_[key]
        for child in below[key]:
            if child in open_:
                found[child] = max(found[child], found[key] + 1)
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
    return found


def _groups(
    keys: Sequence[str], below: Mapping[str, Sequence[str]], above: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    groups, seen = [], set[str]()
    for key in keys:
        if key in seen:
            continue
        seen.add(key)
        group = [key]
        for one in group:
            for other in (*below[one], *above[one]):
                if other not in seen:
                    seen.add(other)
                    group.append(other)
        groups.append(group)
    return sorted(groups, key=len, reverse=True)


def _rows(
    group: Sequence[str],
    generations: Mapping[str, int],
    below: Mapping[str, Sequence[str]],
    above: Mapping[str, Sequence[str]],
    lanes: Mapping[str, str],
) -> dict[str, float]:
    """Rows within a group: each column sorted by the middle of its neighbours, swept to and fro. Lanes are narrow."""
    columns: dict[int, list[str]] = defaultdict(list)
    for key in group:
        columns[generations[key]].append(key)
    rows = {key: float(place) for column in columns.values() for place, key in enumerate(column)}
    for sweep in range(_SWEEPS):
        kin = above if sweep % 2 == 0 else below
        for number in sorted(columns, reverse=bool(sweep % 2)):
            wanted = {
                key: sum(rows[one] for one in kin[key]) / len(kin[key]) if kin[key] else rows[key]
                for key in columns[number]
            }
            free = -1e9
            for key in sorted(columns[number], key=lambda key: (wanted[key], rows[key])):
                half = (_LANE if key in lanes else 1.0) / 2
                rows[key] = max(wanted[key], free + half)
                free = rows[key] + half
    top = min(rows.values())
    return {key: row - top for key, row in rows.items()}
