"""A list of compared rows: symbol, name, A, B, change with bar, note. It can sit in a scrolling report."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.linepaint import paint_line
from diptych.ui.widgets.lines import Columns, Line, Tone, columns
from diptych.ui.widgets.viewport import own_viewport

LINE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The role under which a model hands out `Line`."""
SHOWN = 12
"""Rows of a table within a report."""


class RowList(QTableView):
    """Shows the `Line`s of a model. Within a report it is as high as its rows and leaves the wheel to the page.

    A table of one column, since a list of Qt's asks for every line that it has before it shows one.
    """

    moved = Signal(QModelIndex)
    """The cursor is on another line."""
    opened = Signal(QModelIndex)
    """Enter or a double click."""
    folded = Signal(QModelIndex, bool)
    """Fold (True) or unfold the lines below this one."""
    left_over = Signal(int)
    """The cursor wants to go beyond the last (1) or the first (-1) line."""
    menu_asked = Signal(object)
    """A context menu is wanted at this global position."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        own_viewport(self)
        self.theme = theme
        self.extras = 0
        self._within_report = True
        self._columns: Columns | None = None
        self.setAccessibleName(name)
        self.setProperty("role", "lines")
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalHeader(_hidden(Qt.Orientation.Horizontal))
        self.horizontalHeader().setStretchLastSection(True)
        self.setVerticalHeader(_hidden(Qt.Orientation.Vertical))
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._delegate = _LineDelegate(self)
        self.setItemDelegate(self._delegate)
        self.doubleClicked.connect(self.opened)
        self.set_within_report(True)
        theme.changed.connect(self._size_rows)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        if model is not None:
            for header in (self.horizontalHeader(), self.verticalHeader()):
                # one that shares the selection asks every line whether it is selected
                header.setSelectionModel(QItemSelectionModel(model, self))

    def set_within_report(self, within: bool) -> None:
        """Whether the list is part of a scrolling page, or a page of its own."""
        self._within_report = within
        bar = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if within else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setVerticalScrollBarPolicy(bar)
        self.fit()

    def fit(self) -> None:
        """Take the height of the rows, up to the limit of a report."""
        self._size_rows()
        if not self._within_report:
            self.setMinimumHeight(3 * self.theme.row)
            self.setMaximumHeight(16777215)
            return
        self.setFixedHeight(min(self._count(), SHOWN) * self.theme.row)

    def _size_rows(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self.theme.row)

    def columns(self) -> Columns:
        """Where the columns stand at the present width."""
        if self._columns is None:
            scale = self.theme.px(100) / 100
            self._columns = columns(self.width() - self._bar_width(), self.extras, scale)
        return self._columns

    def set_extras(self, count: int) -> None:
        """How many columns follow the change."""
        self.extras = count
        self._columns = None

    def hidden_below(self) -> tuple[int, int, int]:
        """First and last line in view (from 1), and how many there are."""
        count = self._count()
        first = self.verticalScrollBar().value() // max(self.theme.row, 1)
        return first + 1, min(first + SHOWN, count), count

    def set_cursor(self, index: QModelIndex) -> None:
        """Move the cursor, so that the line is in view within the list."""
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)

    def line(self, index: QModelIndex | QPersistentModelIndex) -> Line | None:
        """The line at an index."""
        line = index.data(LINE_ROLE) if index.isValid() else None
        return line if isinstance(line, Line) else None

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self.moved.emit(self.currentIndex())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._columns = None
        super().resizeEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._within_report:
            event.ignore()
        else:
            super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_asked.emit(event.globalPos())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        line = self.line(index)
        if line is not None and line.folded is not None and event.position().x() < self.columns().left.x:
            self.folded.emit(index, not line.folded)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        line = self.line(index)
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(index)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and line is not None and line.folded is not None:
            self.folded.emit(index, key == Qt.Key.Key_Left)
        elif key == Qt.Key.Key_Down and index.row() == self.model().rowCount() - 1:
            self.left_over.emit(1)
        elif key == Qt.Key.Key_Up and index.row() <= 0:
            self.left_over.emit(-1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and self._count():
            self.set_cursor(self.model().index(0 if key == Qt.Key.Key_Home else self._count() - 1, 0))
        elif event.text() and event.text().isprintable():
            event.ignore()  # single letters are the page's actions, not a search within the list
        else:
            super().keyPressEvent(event)

    def _count(self) -> int:
        model: QAbstractItemModel | None = self.model()
        return model.rowCount() if model else 0

    def _bar_width(self) -> int:
        bar = self.verticalScrollBar()
        return bar.width() if not self._within_report and bar.isVisible() else 0


def _hidden(orientation: Qt.Orientation) -> QHeaderView:
    """An edge of the table that is not shown, with lines of one height."""
    header = QHeaderView(orientation)
    header.setMinimumSectionSize(1)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.hide()
    return header


class _LineDelegate(QStyledItemDelegate):
    def __init__(self, rows: RowList) -> None:
        super().__init__(rows)
        self._rows = rows

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(64, self._rows.theme.row)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        line = self._rows.line(index)
        if line is None:
            return
        theme = self._rows.theme
        rect: QRect = option.rect
        state = option.state
        painter.save()
        inner = rect.adjusted(8, 0, -8, 0)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(inner, theme.color("selected"))
        elif line.tone is Tone.LEFT:
            painter.fillRect(inner, theme.color("a_row"))
        elif line.tone is Tone.RIGHT:
            painter.fillRect(inner, theme.color("b_row"))
        elif state & QStyle.StateFlag.State_MouseOver and line.tone is not Tone.HEADING:
            painter.fillRect(inner, theme.color("hover"))
        paint_line(painter, rect, line, self._rows.columns(), theme)
        if state & QStyle.StateFlag.State_Selected and self._rows.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(inner.adjusted(0, 0, -1, -1), 4, 4)
        painter.restore()


def title_height(theme: Theme) -> int:
    """Height of the strip of titles above a list."""
    return theme.px(Size.CAPTION) + 13
