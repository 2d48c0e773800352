"""The rows of a sheet as the lines of a list: filtered, grouped, folded and sorted here, never by Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from diptych import display
from diptych.compare.words import word_diff
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Cell, Column, Row, Sheet, Status
from diptych.ui.widgets.lines import Line, Runs, Tone
from diptych.ui.widgets.rowlist import LINE_ROLE

_ROOT = QModelIndex()
_MOST_LEAD = 2
"""Digits before the point for which room is kept; a longer number begins where the column does."""
_LONG = 2_000
"""Characters of a value that a line looks at; the inspector shows the whole."""
_NUMBERS = (int, float)
_NARROW = str.maketrans("＋", "+")
"""The wide plus lines up in a terminal; fonts of a window often lack it."""
_WORTH_A_HEADING = 4
"""Rows a group must have on average; the names of smaller groups stand before their rows where labels repeat."""
_UNSURE = "no uncertainty known"
_UNPAIRED = "unpaired estimate"
"""Said once for the whole sheet by its note."""
_VERDICTS = {"better": "▲ ", "worse": "▼ "}


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


@dataclass(slots=True)
class _Entry:
    row: Row | None
    """None for a heading."""
    group: str
    indent: int = 0
    path: tuple[str, ...] = field(default=())


class RowsModel(QAbstractListModel):
    """Lines of one sheet."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sheet = Sheet("", "", "")
        self._showing = Showing()
        self._folded: set[tuple[str, ...]] = set()
        self._sort: Callable[[Row], float | str | None] | None = None
        self._descending = True
        self._entries: list[_Entry] = []
        self._lines: dict[int, Line] = {}
        self._by_key: dict[str, int] = {}
        self._headed = False
        self._prefixed = False
        self._shared: dict[str, str] = {}
        self._lead = 0

    def show(self, sheet: Sheet, showing: Showing) -> None:
        """Take another sheet, or show another part of it."""
        if sheet is self._sheet and showing == self._showing:
            return
        if sheet is not self._sheet:
            groups = {row.group for row in sheet.rows}
            self._headed = groups != {""} and len(sheet.rows) >= _WORTH_A_HEADING * len(groups)
            self._lead = _lead(sheet.rows)
            labels = {row.label or row.key for row in sheet.rows}
            self._shared = _shared_beginnings(sheet.rows) if self._headed else {}
            self._prefixed = not self._headed and len(labels) < len(sheet.rows)
        self._sheet = sheet
        self._showing = showing
        self._arrange()

    def sort_by(self, value: Callable[[Row], float | str | None] | None, descending: bool = True) -> None:
        """Order the rows by a value of theirs (None last), or as the sheet has them; groups give way to an order."""
        self._sort = value
        self._descending = descending
        self._arrange()

    def fold(self, index: QModelIndex, folded: bool) -> None:
        """Hide or show the lines below a heading or a nested row."""
        path = self._entries[index.row()].path
        if folded:
            self._folded.add(path)
        else:
            self._folded.discard(path)
        self._arrange()

    def rows(self) -> list[Row]:
        """The rows in view, in order, without those nested in others."""
        return [entry.row for entry in self._entries if entry.row is not None and not entry.indent]

    def row_at(self, index: QModelIndex | QPersistentModelIndex) -> Row | None:
        """The row of a line; None for a heading."""
        return self._entries[index.row()].row if index.isValid() and index.row() < len(self._entries) else None

    def find(self, key: str) -> QModelIndex:
        """The line of a row; unfolds its group. Invalid where the row is not shown."""
        if key not in self._by_key:
            row = next((row for row in self._sheet.rows if row.key == key and self._showing.admits(row)), None)
            if row is None:
                return QModelIndex()
            self._folded.discard((row.group,))
            self._arrange()
        return self.index(self._by_key[key]) if key in self._by_key else QModelIndex()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._entries):
            return None
        if role == LINE_ROLE:
            return self._line(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._line(index.row()).spoken
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self._line(index.row()).spoken)
        return None

    def _arrange(self) -> None:
        self.beginResetModel()
        self._lines.clear()
        self._entries = list(self._ordered())
        self._by_key = {
            entry.row.key: at for at, entry in enumerate(self._entries) if entry.row is not None and not entry.indent
        }
        self.endResetModel()

    def _ordered(self) -> Iterator[_Entry]:
        rows = [row for row in self._sheet.rows if self._showing.admits(row)]
        if self._sort is not None:
            for row in _sorted(rows, self._sort, self._descending):
                yield from self._with_nested(row, 0, (row.key,))
            return
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(row.group, []).append(row)
        for group, members in groups.items():
            if self._headed and group:
                yield _Entry(None, group, 0, (group,))
                if (group,) in self._folded:
                    continue
            for row in members:
                yield from self._with_nested(row, 0, (group, row.key))

    def _with_nested(self, row: Row, indent: int, path: tuple[str, ...]) -> Iterator[_Entry]:
        yield _Entry(row, row.group, indent, path)
        if row.tree and path not in self._folded:
            for child in row.tree:
                if self._showing.all or child.differs:
                    yield from self._with_nested(child, indent + 1, (*path, child.key))

    def _line(self, at: int) -> Line:
        line = self._lines.get(at)
        if line is None:
            line = self._lines[at] = self._make(self._entries[at])
        return line

    def _make(self, entry: _Entry) -> Line:
        if entry.row is None:
            members = [row for row in self._sheet.rows if row.group == entry.group]
            differing = sum(row.differs for row in members)
            label = display.visible(entry.group)
            note = f"{differing} of {len(members)}"
            return Line(
                "", label, Tone.HEADING, note=note, folded=entry.path in self._folded,
                spoken=f"Group {label}: {note} differ",
            )  # fmt: skip
        folded = entry.path in self._folded if entry.row.tree else None
        line = line_of(entry.row, self._sheet.columns, entry.indent, folded)
        label = line.label
        if entry.row.group and self._prefixed and not entry.indent:
            label = f"{display.visible(entry.row.group)} · {label}"
        elif self._headed and self._sort is None and entry.row.label in ("", entry.row.key):
            label = label.removeprefix(self._shared.get(entry.row.group, ""))
        return replace(line, label=label, lead=self._lead)


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
        extra=tuple(written(row.values.get(column.key), column.format) for column in extras),
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


def _sorted(rows: list[Row], by: Callable[[Row], float | str | None], descending: bool) -> list[Row]:
    """Numbers before texts, each in order; what has no value last in either direction."""
    valued = [(by(row), row) for row in rows]
    numbers = [(value, row) for value, row in valued if isinstance(value, _NUMBERS) and not math.isnan(value)]
    texts = [(value, row) for value, row in valued if isinstance(value, str)]
    known = [row for _, row in sorted(numbers, key=lambda pair: pair[0], reverse=descending)]
    known += [row for _, row in sorted(texts, key=lambda pair: pair[0], reverse=descending)]
    placed = {id(row) for row in known}
    return known + [row for row in rows if id(row) not in placed]


def _haystack(row: Row) -> str:
    sides = "\n".join(cell.text[:_LONG] for cell in (row.left, row.right) if cell is not None)
    return f"{row.key}\n{row.label}\n{row.group}\n{row.note}\n{sides}".casefold()
