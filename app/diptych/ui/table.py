"""A sheet's rows with their titles above and the count of what is not shown below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from diptych.domain.sheet import Column, Row, Sheet
from diptych.job import finish
from diptych.ui.models.rows import RowsModel
from diptych.ui.models.rowsorder import Arranged, Order, Showing
from diptych.ui.runner import Runner, Running
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.lines import Span
from diptych.ui.widgets.link import Link
from diptych.ui.widgets.rowlist import SHOWN, RowList, title_height

_AT_ONCE = 2_000
"""Rows that are arranged in an instant."""


class SheetTable(QWidget):
    """Titles, rows, and one grey line about the rest."""

    row_entered = Signal(object)
    focus_asked = Signal()
    left_over = Signal(int)
    menu_asked = Signal(object)
    rearranged = Signal()
    opened = Signal(object)
    """Enter on a row."""

    def __init__(self, theme: Theme, name: str, runner: Runner | None = None) -> None:
        """With a `runner`, rows that are many are arranged by a worker, and shown when that is done."""
        super().__init__()
        self._theme = theme
        self._runner = runner
        self._arranging: Running | None = None
        self._wanted = ""
        """The row to go to once the rows are arranged."""
        self._sheet: Sheet | None = None
        self._showing = Showing()
        self._same_shown = False
        self._alone = False
        self._quiet = False
        self.model = RowsModel(self)
        self.list = RowList(theme, name)
        self.list.setModel(self.model)
        self.titles = _Titles(theme, self.list)
        self.titles.sort_asked.connect(self._sort)
        self._rest = Link(theme, "show equal rows", theme.font(), "muted")
        self._rest.clicked.connect(self._toggle_same)
        self._more = Link(theme, "show all rows", theme.font())
        self._more.clicked.connect(self.focus_asked)
        self._nothing = label(role="muted")
        foot = QHBoxLayout()
        foot.setContentsMargins(Space.L + Space.XL, Space.XS, Space.L, 0)
        foot.setSpacing(Space.L)
        foot.addWidget(self._nothing)
        foot.addWidget(self._more)
        foot.addWidget(self._rest)
        foot.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.titles)
        column.addWidget(self.list)
        column.addLayout(foot)
        self._spring = column
        self.list.moved.connect(self._moved)
        self.list.opened.connect(self._opened)
        self.list.folded.connect(self._fold)
        self.list.left_over.connect(self.left_over)
        self.list.menu_asked.connect(self.menu_asked)
        self.list.verticalScrollBar().valueChanged.connect(self._tell_rest)
        self.setFocusProxy(self.list)

    def show_sheet(self, sheet: Sheet, columns: tuple[Column, ...] | None = None) -> None:
        """Take another sheet, with these of its columns or all; the cursor stays on its row."""
        shown = sheet.columns if columns is None else columns
        if self._sheet is None or self.model.columns != shown:
            self.model.columns = shown
            self.list.set_extras(len(shown))
            self.titles.set_extras([(column.key, column.title) for column in shown])
        self._sheet = sheet
        self._show()

    def show_rows(self, showing: Showing) -> None:
        """Show another part of the rows."""
        self._showing = showing
        self._same_shown = False
        self._show()

    def stand_alone(self, alone: bool) -> None:
        """Scroll by yourself, or be part of a report."""
        self._alone = alone
        self.list.set_within_report(not alone)
        self._spring.setStretchFactor(self.list, 1 if alone else 0)
        self._tell_rest()

    def changes(self) -> Sequence[str]:
        """Keys of the differences in the order in which they stand."""
        return self.model.changes()

    def select(self, key: str) -> bool:
        """Put the cursor on a row, now or once the rows are arranged."""
        if self._arranging is not None:
            self._wanted = key
            return True
        index = self.model.find(key)
        if index.isValid():
            self.list.set_cursor(index)
        return index.isValid()

    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.model.row_at(self.list.currentIndex())

    def cursor_rect(self) -> QRect:
        """Where the cursor is, in this widget's coordinates."""
        rect = self.list.visualRect(self.list.currentIndex())
        return QRect(self.list.viewport().mapTo(self, rect.topLeft()), rect.size())

    def show_reviewed(self, keys: frozenset[str]) -> None:
        """Mark the rows that the reader has ticked off."""
        self.model.show_reviewed(keys)

    def next_order(self) -> None:
        """Sort by the next column, for those without a mouse."""
        self.titles.next_order()

    def _show(self) -> None:
        if self._sheet is None:
            return
        showing = Showing(self._showing.all or self._same_shown, self._showing.needle)
        self._arrange(showing, self.model.order)

    def _arrange(self, showing: Showing, order: Order) -> None:
        """Bring the rows into order, in a worker where they are many; the cursor goes with its row."""
        assert self._sheet is not None
        current = self.current()
        self._wanted = self._wanted or (current.key if current is not None else "")
        if self._arranging is not None:
            self._arranging.cancel()
            self._arranging = None
        job = self.model.arranging(self._sheet, showing, order)
        if self._runner is None or len(self._sheet.rows) <= _AT_ONCE:
            self._take(finish(job))
        else:
            self._arranging = self._runner.start("Arrange rows", job, done=self._arranged, quiet=True)

    def _arranged(self, arranged: Arranged) -> None:
        self._arranging = None
        if arranged.sheet is self._sheet:
            self._take(arranged)
            self.rearranged.emit()

    def _take(self, arranged: Arranged) -> None:
        self.model.take(arranged)
        self.list.fit()
        self.list.setVisible(self.model.rowCount() > 0)
        self.titles.setVisible(self.model.rowCount() > 0)
        self._tell_rest()
        wanted, self._wanted = self._wanted, ""
        if wanted:
            self._quiet = True
            self.select(wanted)
            self._quiet = False

    def _tell_rest(self) -> None:
        sheet = self._sheet
        if sheet is None:
            return
        hidden = []
        if sheet.same:
            hidden.append(f"{sheet.same:,} the same")
        if sheet.ignored:
            hidden.append(f"{sheet.ignored:,} ignored")
        shown = self._showing.all or self._same_shown
        self._rest.setVisible(bool(hidden) and not self._showing.all)
        self._rest.set_text(f"{' · '.join(hidden)}   {'hide' if shown else 'show'}")
        first, last, lines = self.list.hidden_below()
        self._more.setVisible(not self._alone and lines > SHOWN)
        if not self._more.isHidden():
            count = self.model.rows_before(lines)
            place = f"{self.model.rows_before(first - 1) + 1:,}–{self.model.rows_before(last):,} of {count:,}"
            self._more.set_text(f"{place}   show all  ↵" if first > 1 else f"show all {count:,}  ↵")
        nothing = "" if lines else f"no {sheet.noun} with “{self._showing.needle}”" if self._showing.needle else ""
        self._nothing.setText(nothing)
        self._nothing.setVisible(bool(nothing))

    def _toggle_same(self) -> None:
        self._same_shown = not self._same_shown
        self._show()
        self.rearranged.emit()

    def _moved(self, index: QModelIndex) -> None:
        if not self._quiet:
            self.row_entered.emit(self.model.row_at(index))
        self._tell_rest()

    def _opened(self, index: QModelIndex) -> None:
        row = self.model.row_at(index)
        line = self.list.line(index)
        if row is None and line is not None:
            self._fold(index, not line.folded)
        elif row is not None:
            self.opened.emit(row)

    def _fold(self, index: QModelIndex, folded: bool) -> None:
        at = index.row()
        self.model.fold(index, folded)
        self.list.fit()
        self.list.set_cursor(self.model.index(at))
        self._tell_rest()
        self.rearranged.emit()

    def _sort(self, key: str, descending: bool) -> None:
        if self._sheet is not None:
            order = replace(self.model.order, value=_value(key), descending=descending)
            self._arrange(self.model.showing, order)
            self.rearranged.emit()


def _value(key: str) -> Callable[[Row], float | str | None] | None:
    if not key:
        return None
    if key == "label":
        return lambda row: (row.label or row.key).casefold()
    if key == "change":
        return lambda row: None if row.magnitude is None else abs(row.magnitude)

    def value(row: Row) -> float | str | None:
        found = row.values.get(key)
        return found if isinstance(found, int | float | str) else None

    return value


class _Titles(QWidget):
    """Titles of the columns; a click sorts by one, a second turns the order, a third gives the sheet's own back."""

    sort_asked = Signal(str, bool)

    def __init__(self, theme: Theme, rows: RowList) -> None:
        super().__init__()
        self._theme = theme
        self._rows = rows
        self._extras: list[tuple[str, str]] = []
        self._order: tuple[str, bool] = ("", True)
        self.setFixedHeight(title_height(theme))
        self.setAccessibleName("Column titles")
        self.setToolTip("Click a title to sort by it")
        theme.changed.connect(self.update)

    def set_extras(self, extras: list[tuple[str, str]]) -> None:
        """Keys and titles of the columns after the change."""
        self._extras = extras
        self.update()

    def order(self) -> tuple[str, bool]:
        """The key sorted by (empty: the sheet's own order) and whether the largest comes first."""
        return self._order

    def next_order(self) -> None:
        """Sort by the next column, the largest first; after the last by none."""
        keys = ["", "label", "change", *(key for key, _ in self._extras)]
        key = keys[(keys.index(self._order[0]) + 1) % len(keys)]
        self._take((key, key != "label"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        key = next((key for key, span, _, _ in self._spans() if span.x <= x <= span.end), "")
        if not key:
            return
        first = key != "label"
        if self._order[0] != key:
            self._take((key, first))
        else:
            self._take((key, not first) if self._order[1] == first else ("", True))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._theme.font(Size.CAPTION))
        columns = self._rows.columns()
        for title, span, token in (("● A", columns.left, "a"), ("■ B", columns.right, "b"),
                                   ("note", columns.note, "muted")):  # fmt: skip
            if span.width:
                self._title(painter, span, title, token, Qt.AlignmentFlag.AlignLeft)
        for key, span, title, alignment in self._spans():
            arrow = (" ↓" if self._order[1] else " ↑") if self._order[0] == key else ""
            self._title(painter, span, title + arrow, "muted", alignment)
        painter.setPen(QPen(self._theme.color("hairline"), 1))
        inset = columns.symbol.x
        painter.drawLine(inset, self.height() - 1, self.width() - inset, self.height() - 1)

    def _spans(self) -> list[tuple[str, Span, str, Qt.AlignmentFlag]]:
        columns = self._rows.columns()
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        spans = [("label", columns.label, "name", left), ("change", columns.change, "change", left)]
        return spans + [
            (key, span, title, right) for (key, title), span in zip(self._extras, columns.extra, strict=False)
        ]

    def _title(self, painter: QPainter, span: Span, title: str, token: str, alignment: Qt.AlignmentFlag) -> None:
        painter.setPen(self._theme.color(token))
        rect = QRect(span.x, 0, span.width, self.height() - 1)
        painter.drawText(rect, alignment | Qt.AlignmentFlag.AlignVCenter, title)

    def _take(self, order: tuple[str, bool]) -> None:
        self._order = order
        self.sort_asked.emit(*order)
        self.update()
