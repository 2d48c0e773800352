"""The few shapes an answer can take. A facet returns a `Sheet`; the window, the terminal and the reports draw it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from diptych.domain.evidence import Plain
from diptych.domain.version import Source


class Status(StrEnum):
    """How the two sides of one row relate. The words are part of the JSON output."""

    SAME = "same"
    DIFFERS = "differs"
    LEFT_ONLY = "left only"
    RIGHT_ONLY = "right only"
    NOT_COMPARABLE = "not comparable"

    @property
    def symbol(self) -> str:
        """One sign that tells the status without colour."""
        return {"same": "=", "differs": "◆", "left only": "−", "right only": "＋", "not comparable": "≠"}[self.value]


@dataclass(frozen=True, slots=True)
class Cell:
    """One side of a row."""

    text: str
    """As shown; never cut."""
    value: Plain = None
    """As exported."""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was compared."""

    key: str
    """Unique within its sheet."""
    status: Status
    left: Cell | None = None
    """None where the side does not have it, which is not the same as a null."""
    right: Cell | None = None
    label: str = ""
    """What people read in place of the key; empty: the key."""
    group: str = ""
    """Rows of one group stand together under this heading."""
    change: str = ""
    """The difference in words and numbers (`÷40`, `+0.021 better`), read as B against A."""
    magnitude: float | None = None
    """The size and sign of the change on the sheet's own scale from -1 to 1, for a bar; None: no bar."""
    note: str = ""
    """Why it is not comparable, what was derived, which alias matched."""
    ignored: bool = False
    """Differs, but a rule says that this difference does not matter; counted apart."""
    derived: bool = False
    """Computed from other rows, not found in a record."""
    values: Mapping[str, Plain] = field(default_factory=dict)
    """What this facet says beyond the common fields; flattened into the row's JSON."""
    tree: tuple[Row, ...] = ()
    """Rows below this one (the entries of a nested value), where there are any."""

    @property
    def differs(self) -> bool:
        """Whether there is something to look at: it is not known to be the same, and no rule ignores it."""
        return self.status is not Status.SAME and not self.ignored


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet beyond key, A, B and change; its cells are `Row.values[key]`."""

    key: str
    title: str
    numeric: bool = True
    format: str = ""
    """How a number is written: `g3`, `percent`, `bytes`, `count`; empty: as it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of a chart."""

    side: str
    """`left` or `right`."""
    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str = ""
    axes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """The places of the points by other measures than steps (`epoch`, `tokens`), where each of them is known."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over a common axis."""

    key: str
    """The key of the row that the chart draws."""
    title: str
    x_label: str
    lines: tuple[Line, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """What stands behind a field that many tensors share (the experts of one layer)."""

    count: int
    same: int
    """How many of them are the same on both sides."""
    worst: float
    """The largest relative change, and the row that it is of."""
    worst_key: str
    median: float


@dataclass(frozen=True, slots=True)
class GridCell:
    """One field of a grid; a field may stand for several rows (the experts of one layer)."""

    row: str
    column: str
    status: Status
    value: float | None
    """What the colour shows; None while unknown, or where a symbol says it all."""
    keys: tuple[str, ...]
    """The rows of the sheet behind the field."""
    symbol: str = ""
    """`=` identical, `╳` missing on a side, `?` not known, `≠` reshaped, `~` tied; empty: colour, also under `!`."""
    fold: Fold | None = None
    """Of the experts behind the field, once all are known; None where it stands for no such number."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A heat map: layers down, modules across."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[GridCell, ...]
    legend: str
    """What the colour means (`‖B−A‖ ∕ ‖A‖`)."""


class Span(NamedTuple):
    """A run of text, and whether the other side has it too."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Spans:
    """Two texts, each as runs that agree or differ; a run's text may be empty on one side only by being absent."""

    left: tuple[Span, ...]
    right: tuple[Span, ...]
    changed: float
    """Share of the words of both sides that differ, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One statement of a verdict, and where its evidence stands."""

    text: str
    facet: str
    row: str = ""
    """The key of a row of that facet; empty: the facet as a whole."""
    weight: int = 0
    """0 background, 1 worth knowing, 2 read this first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows differ, could not be compared, and are ignored."""

    differs: int
    undecided: int
    ignored: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answer of one facet to "what differs?"."""

    key: str
    title: str
    noun: str
    """What the rows are, in the plural (`hyperparameters`)."""
    rows: tuple[Row, ...] = ()
    columns: tuple[Column, ...] = ()
    charts: tuple[Chart, ...] = ()
    grid: Grid | None = None
    clauses: tuple[Clause, ...] = ()
    """Statements for the verdict, written by the facet that knows."""
    notes: tuple[str, ...] = ()
    """What the reader must know: matched shares, missing records, partial results."""
    complete: bool = True
    """False while a job is still filling it."""

    _tally: Tally = field(init=False, repr=False, compare=False)
    """Counted by whoever makes the sheet, since it is asked for often and rows may be many."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tally", _counted(self.rows))

    @property
    def differs(self) -> int:
        """How many rows are known to differ, ignored ones apart."""
        return self._tally.differs

    @property
    def ignored(self) -> int:
        """How many rows differ in a way that a rule ignores."""
        return self._tally.ignored

    @property
    def total(self) -> int:
        """How many things were compared."""
        return len(self.rows)

    @property
    def same(self) -> int:
        """How many rows are equal."""
        return self.total - self.differs - self.undecided - self.ignored

    @property
    def undecided(self) -> int:
        """How many rows could not be compared; they are neither equal nor different."""
        return self._tally.undecided

    @property
    def counts(self) -> str:
        """The counts in words: `14 of 62 hyperparameters differ · 48 the same`."""
        if not self.rows:
            return f"no {self.noun}"
        parts = [f"{self.differs:,} of {self.total:,} {self.noun} differ"]
        if self.undecided:
            parts.append(f"{self.undecided:,} not comparable")
        parts.append(f"{self.same:,} the same")
        if self.ignored:
            parts.append(f"{self.ignored:,} ignored")
        return " · ".join(parts)


def _counted(rows: Iterable[Row]) -> Tally:
    kinds = Counter((row.status, row.ignored) for row in rows)
    ignored = sum(count for (_, each), count in kinds.items() if each)
    undecided = kinds[Status.NOT_COMPARABLE, False]
    return Tally(kinds.total() - ignored - undecided - kinds[Status.SAME, False], undecided, ignored)
