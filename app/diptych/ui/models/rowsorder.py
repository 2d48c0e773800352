"""Which rows of a sheet are seen and in which order: filtered, grouped, folded and sorted here, never by Qt.

It is a function of what it is given, so that a worker can arrange rows that are too many for the window to wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import Any, TypeAlias

from diptych.domain.sheet import Row, Sheet
from diptych.job import Job, Tick

Value: TypeAlias = "float | str | None"

_NUMBERS = (int, float)
_LONG = 2_000
"""Characters of a value that a filter looks at."""
_WORTH_A_HEADING = 4
"""Rows a group must have on average; the names of smaller groups stand before their rows where labels repeat."""
_SAY_LITTLE_ALONE = "metrics"
"""The sheet whose names mean something only beside their group: of `acc` one wants to know the task."""
_MOST_LEAD = 2
"""Digits before the point for which room is kept; a longer number begins where the column does."""
_TOGETHER = 2_000
"""Rows between two ticks."""


@dataclass(frozen=True, slots=True)
class Showing:
    """Which rows a reader wants to see."""

    all: bool = False
    """Equal and ignored rows too."""
    needle: str = ""
    """Text that the name or a value must contain, in any case."""

    def admits(self, row: Row) -> bool:
        """Whether a row is shown."""
        if not (self.all or row.differs):
            return False
        return not self.needle or self.needle in _haystack(row)


@dataclass(frozen=True, slots=True)
class Order:
    """How rows stand: by a value of theirs (None last), or as the sheet has them; and what is folded away."""

    value: Callable[[Row], Value] | None = None
    descending: bool = True
    folded: frozenset[tuple[str, ...]] = frozenset()


@dataclass(slots=True)
class Entry:
    """One line of the list."""

    row: Row | None
    """None for a heading."""
    group: str
    indent: int = 0
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traits:
    """What the rows of a sheet have in common."""

    headed: bool = False
    """Groups stand below headings."""
    prefixed: bool = False
    """Names of groups stand before names of rows where no heading stands above them."""
    shared: dict[str, str] = field(default_factory=dict)
    """What all keys of a group begin with: the heading stands for it."""
    lead: int = 0
    """Digits before the point of the longest number, where both columns hold little but numbers; else 0."""

    @classmethod
    def of(cls, sheet: Sheet) -> Traits:
        """Look at all rows of a sheet."""
        groups = {row.group for row in sheet.rows}
        headed = groups != {""} and len(sheet.rows) >= _WORTH_A_HEADING * len(groups)
        labels = {row.label or row.key for row in sheet.rows}
        prefixed = sheet.key == _SAY_LITTLE_ALONE or len(labels) < len(sheet.rows)
        shared = _shared_beginnings(sheet.rows) if headed else {}
        return cls(headed, prefixed, shared, _lead(sheet.rows))


@dataclass(frozen=True, slots=True)
class Arranged:
    """The lines of a list, ready to be shown."""

    sheet: Sheet
    showing: Showing
    order: Order
    traits: Traits
    entries: list[Entry]
    places: dict[str, int]
    """The line of each row, by key."""
    changes: list[str]
    """The rows that differ, in order."""


def arranging(sheet: Sheet, showing: Showing, order: Order, known: Traits | None = None) -> Job[Arranged]:
    """Arrange the rows of a sheet, of which the traits may be known."""
    yield Tick("Arranging rows", 0, len(sheet.rows), sheet.noun)
    traits = known if known is not None else Traits.of(sheet)
    entries: list[Entry] = []
    for entry in _ordered(sheet, showing, order, traits.headed):
        entries.append(entry)
        if not len(entries) % _TOGETHER:
            yield Tick("Arranging rows", len(entries), len(sheet.rows), sheet.noun)
    tops = [(at, entry.row) for at, entry in enumerate(entries) if entry.row is not None and not entry.indent]
    return Arranged(
        sheet, showing, order, traits, entries, {row.key: at for at, row in tops},
        [row.key for _, row in tops if row.differs],
    )  # fmt: skip


def _ordered(sheet: Sheet, showing: Showing, order: Order, headed: bool) -> Iterator[Entry]:
    rows = [row for row in sheet.rows if showing.admits(row)]
    if order.value is not None:
        for row in _sorted(rows, order.value, order.descending):
            yield from _with_nested(row, 0, (row.key,), showing, order)
        return
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for group, members in groups.items():
        if headed and group:
            yield Entry(None, group, 0, (group,))
            if (group,) in order.folded:
                continue
        for row in members:
            yield from _with_nested(row, 0, (group, row.key), showing, order)


def _with_nested(row: Row, indent: int, path: tuple[str, ...], showing: Showing, order: Order) -> Iterator[Entry]:
    yield Entry(row, row.group, indent, path)
    if row.tree and path not in order.folded:
        for child in row.tree:
            if showing.all or child.differs:
                yield from _with_nested(child, indent + 1, (*path, child.key), showing, order)


def _shared_beginnings(rows: tuple[Row, ...]) -> dict[str, str]:
    """What all keys of a group begin with, up to a dot: the heading stands for it."""
    ends: dict[str, tuple[str, str]] = {}
    for row in rows:
        low, high = ends.get(row.group, (row.key, row.key))
        ends[row.group] = min(low, row.key), max(high, row.key)
    return {group: _beginning(low, high) for group, (low, high) in ends.items() if low != high}


def _beginning(low: str, high: str) -> str:
    same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[: low.rfind(".", 0, same) + 1]


def _lead(rows: tuple[Row, ...]) -> int:
    """Digits before the point of the longest number, where both columns hold little but numbers; else 0."""
    cells = [cell for row in rows for cell in (row.left, row.right) if cell is not None]
    numbers = [cell for cell in cells if isinstance(cell.value, _NUMBERS) and not isinstance(cell.value, bool)]
    if not cells or len(numbers) < 0.9 * len(cells):
        return 0
    return min(max(len(cell.text.partition(".")[0]) for cell in numbers), _MOST_LEAD)


def _sorted(rows: list[Row], by: Callable[[Row], Value], descending: bool) -> list[Row]:
    """Numbers before texts, each in order; what has no value last in either direction."""
    valued = [(by(row), row) for row in rows]
    numbers = [(value, row) for value, row in valued if isinstance(value, _NUMBERS) and not math.isnan(value)]
    texts = [(value, row) for value, row in valued if isinstance(value, str)]
    known = [row for _, row in _in_order(numbers, descending)]
    known += [row for _, row in _in_order(texts, descending)]
    placed = {id(row) for row in known}
    return known + [row for row in rows if id(row) not in placed]


def _in_order(pairs: Sequence[tuple[Any, Row]], descending: bool) -> Iterable[tuple[Any, Row]]:
    """Pairs by their values: parts are sorted, then merged, since one long sort would hold up the window."""
    parts = [
        sorted(pairs[begin : begin + _TOGETHER], key=itemgetter(0), reverse=descending)
        for begin in range(0, len(pairs), _TOGETHER)
    ]
    return parts[0] if len(parts) == 1 else merge(*parts, key=itemgetter(0), reverse=descending)


def _haystack(row: Row) -> str:
    sides = "\n".join(cell.text[:_LONG] for cell in (row.left, row.right) if cell is not None)
    return f"{row.key}\n{row.label}\n{row.group}\n{row.note}\n{sides}".casefold()
