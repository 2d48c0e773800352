"""The rows of a sheet as the lines of a list."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from diptych import display
from diptych.compare.words import word_diff
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Cell, Column, Row, Sheet, Status
from diptych.job import Job, finish
from diptych.ui.models.rowsorder import Arranged, Entry, Order, Showing, Traits, arranging
from diptych.ui.widgets.lines import Line, Runs, Tone
from diptych.ui.widgets.rowlist import LINE_ROLE

__all__ = ["RowsModel", "Showing", "line_of", "plain_tip", "spoken", "written"]

_ROOT = QModelIndex()
_LONG = 2_000
"""Characters of a value that a line looks at; the inspector shows the whole."""
_NUMBERS = (int, float)
_ESTIMATES = frozenset({"relative_change", "cosine"})
"""Columns of weights that fingerprints fill with estimates."""
_NARROW = str.maketrans("＋", "+")
"""The wide plus lines up in a terminal; fonts of a window often lack it."""
_UNSURE = "no uncertainty known"
_UNPAIRED = "unpaired estimate"
"""Said once for the whole sheet by its note."""
_VERDICTS = {"better": "▲ ", "worse": "▼ "}


class RowsModel(QAbstractListModel):
    """Lines of one sheet."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._arranged = Arranged(Sheet("", "", ""), Showing(), Order(), Traits(), [], {}, [])
        self._lines: dict[int, Line] = {}
        self._members: dict[str, tuple[int, int]] = {}
        self._reviewed: frozenset[str] = frozenset()
        self.columns: tuple[Column, ...] | None = None
        """What follows A and B; None: what the sheet has."""

    def show(self, sheet: Sheet, showing: Showing) -> None:
        """Take another sheet, or show another part of it."""
        if sheet is not self._arranged.sheet or showing != self._arranged.showing:
            self.take(finish(self.arranging(sheet, showing, self._arranged.order)))

    def arranging(self, sheet: Sheet, showing: Showing, order: Order) -> Job[Arranged]:
        """The job that arranges rows for `take`; what is known of the sheet is not looked for again."""
        known = self._arranged.traits if sheet is self._arranged.sheet else None
        return arranging(sheet, showing, order, known)

    def take(self, arranged: Arranged) -> None:
        """Show rows as they were arranged."""
        self.beginResetModel()
        if arranged.sheet is not self._arranged.sheet:
            self._members.clear()
        self._lines.clear()
        self._arranged = arranged
        self.endResetModel()

    def show_reviewed(self, keys: frozenset[str]) -> None:
        """Mark these rows as ticked off."""
        if keys != self._reviewed:
            self._reviewed = keys
            self._lines.clear()
            if self.rowCount():
                self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1))

    @property
    def showing(self) -> Showing:
        """Which rows are shown."""
        return self._arranged.showing

    @property
    def order(self) -> Order:
        """How the rows stand."""
        return self._arranged.order

    def sort_by(self, value: Callable[[Row], float | str | None] | None, descending: bool = True) -> None:
        """Order the rows by a value of theirs (None last), or as the sheet has them; groups give way to an order."""
        self._rearrange(replace(self._arranged.order, value=value, descending=descending))

    def fold(self, index: QModelIndex, folded: bool) -> None:
        """Hide or show the lines below a heading or a nested row."""
        self._rearrange(self.folding(self._arranged.entries[index.row()].path, folded))

    def folding(self, path: tuple[str, ...], folded: bool) -> Order:
        """The present order, with what is below a line hidden or shown."""
        order = self._arranged.order
        return replace(order, folded=order.folded | {path} if folded else order.folded - {path})

    def rows(self) -> list[Row]:
        """The rows in view, in order, without those nested in others."""
        return [entry.row for entry in self._arranged.entries if entry.row is not None and not entry.indent]

    def rows_before(self, line: int) -> int:
        """How many rows stand above a line; headings and what is nested in a row do not count."""
        if line >= self.rowCount():
            return len(self._arranged.places)
        return sum(entry.row is not None and not entry.indent for entry in self._arranged.entries[:line])

    def changes(self) -> list[str]:
        """The keys of the rows in view that differ."""
        return self._arranged.changes

    def row_at(self, index: QModelIndex | QPersistentModelIndex) -> Row | None:
        """The row of a line; None for a heading."""
        entries = self._arranged.entries
        return entries[index.row()].row if index.isValid() and index.row() < len(entries) else None

    def find(self, key: str) -> QModelIndex:
        """The line of a row; unfolds its group. Invalid where the row is not shown."""
        if key not in self._arranged.places:
            showing = self._arranged.showing
            row = next((row for row in self._arranged.sheet.rows if row.key == key and showing.admits(row)), None)
            if row is None or (row.group,) not in self._arranged.order.folded:
                return QModelIndex()
            self._rearrange(self.folding((row.group,), folded=False))
        return self.index(self._arranged.places[key])

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._arranged.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._arranged.entries):
            return None
        if role == LINE_ROLE:
            return self._line(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._line(index.row()).spoken
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self._line(index.row()).spoken)
        return None

    def _rearrange(self, order: Order) -> None:
        self.take(finish(self.arranging(self._arranged.sheet, self._arranged.showing, order)))

    def _members_of(self, group: str) -> tuple[int, int]:
        """How many rows of a group differ, and how many it has; counted for all groups at once."""
        if not self._members:
            rows = self._arranged.sheet.rows
            whole, differing = Counter(row.group for row in rows), Counter(row.group for row in rows if row.differs)
            self._members = {name: (differing[name], count) for name, count in whole.items()}
        return self._members[group]

    def _line(self, at: int) -> Line:
        line = self._lines.get(at)
        if line is None:
            line = self._lines[at] = self._make(self._arranged.entries[at])
        return line

    def _make(self, entry: Entry) -> Line:
        arranged, traits = self._arranged, self._arranged.traits
        if entry.row is None:
            differing, members = self._members_of(entry.group)
            label = display.visible(entry.group)
            note = f"{differing} of {members}"
            return Line(
                "", label, Tone.HEADING, note=note, folded=entry.path in arranged.order.folded,
                spoken=f"Group {label}: {note} differ",
            )  # fmt: skip
        folded = entry.path in arranged.order.folded if entry.row.tree else None
        columns = arranged.sheet.columns if self.columns is None else self.columns
        line = line_of(entry.row, columns, entry.indent, folded)
        label = line.label
        below_heading = traits.headed and arranged.order.value is None
        if entry.row.group and traits.prefixed and not below_heading and not entry.indent:
            label = f"{display.visible(entry.row.group)} · {label}"
        elif below_heading and entry.row.label in ("", entry.row.key):
            label = label.removeprefix(traits.shared.get(entry.row.group, ""))
        if entry.row.key in self._reviewed and not entry.indent:
            line = replace(line, symbol="✓", spoken=f"{line.spoken}, reviewed")
        return replace(line, label=label, lead=traits.lead)


def line_of(row: Row, extras: tuple[Column, ...] = (), indent: int = 0, folded: bool | None = None) -> Line:
    """A row, ready to paint."""
    tone = {Status.LEFT_ONLY: Tone.LEFT, Status.RIGHT_ONLY: Tone.RIGHT}.get(row.status, Tone.PLAIN)
    if not row.differs:
        tone = Tone.QUIET
    left, right = _values(row)
    notes = [row.note] if row.note else []
    change = row.change
    if row.values.get("verdict") == _UNSURE:
        change = change.removesuffix(_UNSURE).strip()
        notes.insert(0, _UNSURE)
    notes = [note.replace(_UNPAIRED, "").strip("; ") for note in notes]
    if row.values.get("n") is not None and not extras:
        notes.insert(0, f"n {row.values['n']}")
    if row.derived:
        notes.insert(0, "derived")
    if row.ignored:
        notes.insert(0, "ignored")
    label = display.visible(row.label or row.key)
    verdict = str(row.values.get("verdict") or "")
    sign = _VERDICTS.get(verdict, "")
    bar, interval = _bar(row)
    return Line(
        key=row.key,
        label=label,
        tone=tone,
        symbol="·" if row.ignored else row.status.symbol.translate(_NARROW),
        left=left,
        right=right,
        change=display.visible(sign + (change or _one_sided(row.status))),
        strong=bool(sign),
        bar=bar,
        interval=interval,
        sure=row.values.get("verdict") != _UNSURE,
        note=display.visible(" · ".join(note for note in notes if note)),
        extra=tuple(told(row, column) for column in extras),
        indent=indent,
        folded=folded,
        spoken=spoken(row),
    )


def spoken(row: Row) -> str:
    """A row in words: `learning_rate: A 2e-05, B 5e-07, differs, ÷40`."""
    sides = [
        f"{letter} {display.visible(display.elide(cell.text, 300)) if cell else 'has none'}"
        for letter, cell in (("A", row.left), ("B", row.right))
    ]
    status = "ignored" if row.ignored else row.status.value
    parts = [*sides, status, *(display.visible(part) for part in (row.change, row.note) if part)]
    return f"{display.visible(row.label or row.key)}: {', '.join(parts)}"


def told(row: Row, column: Column) -> str:
    """What a row has in a column; of what fingerprints only estimate, no more digits than are worth anything."""
    value = row.values.get(column.key)
    if row.values.get("estimated") is True and column.key in _ESTIMATES and isinstance(value, float):
        return f"≈ {display.number(value, 3)}"
    return written(value, column.format)


def written(value: Plain, form: str) -> str:
    """A number as its column wants it."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return display.visible(str(value))
    if not math.isfinite(value):
        return display.number(float(value))
    if form == "percent":
        return f"{value:.1%}" if value in (0, 1) or abs(value) >= 0.001 else f"{value:.1e}"
    if form == "bytes":
        return display.size(int(value))
    if form == "count":
        return f"{int(value):,}"
    return display.number(float(value), int(form[1:]) if form.startswith("g") and form[1:].isdigit() else 6)


def plain_tip(text: str) -> str:
    """Text for a tooltip that Qt must not take for rich text."""
    return text.replace("<", "\u2039").replace(">", "\u203a")


def _values(row: Row) -> tuple[Runs, Runs]:
    left = display.visible(row.left.text[:_LONG]) if row.left is not None else ""
    right = display.visible(row.right.text[:_LONG]) if row.right is not None else ""
    if row.left is not None and row.right is not None and row.differs and _is_prose(row.left) and _is_prose(row.right):
        spans = word_diff(left, right)
        if spans.changed < 1:
            return [(s.text, s.changed) for s in spans.left], [(s.text, s.changed) for s in spans.right]
    changed = row.status is Status.DIFFERS and left != right
    return _whole(row.left, left, changed), _whole(row.right, right, changed)


def _whole(cell: Cell | None, text: str, changed: bool) -> Runs:
    return [] if cell is None else [(text or "“”", changed)]


def _is_prose(cell: Cell) -> bool:
    return not isinstance(cell.value, (*_NUMBERS, bool)) and len(cell.text) > 8


def _bar(row: Row) -> tuple[float | None, tuple[float, float] | None]:
    """The bar, and the interval of a metric on the same axis."""
    low, high, axis = (row.values.get(key) for key in ("ci_low", "ci_high", "axis"))
    if isinstance(low, _NUMBERS) and isinstance(high, _NUMBERS) and isinstance(axis, _NUMBERS) and axis:
        return row.magnitude, (float(low) / axis, float(high) / axis)
    return row.magnitude, None


def _one_sided(status: Status) -> str:
    return {Status.LEFT_ONLY: "only in A", Status.RIGHT_ONLY: "only in B"}.get(status, "")
