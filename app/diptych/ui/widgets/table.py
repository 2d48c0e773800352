"""The one table of the window: whole rows are selected and focused, and no row costs a widget."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QAbstractItemModel, QEvent, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from diptych.ui.theme import Theme
from diptych.ui.widgets.cells import CellDelegate
from diptych.ui.widgets.heads import Heads
from diptych.ui.widgets.viewport import own_viewport


class RowTable(QTableView):
    """A table over a model of cells."""

    opened = Signal(QModelIndex)
    """Enter, or a double-click."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        own_viewport(self, canvas=_Canvas(self._leave))
        self.delegate = CellDelegate(theme, self)
        self.setItemDelegate(self.delegate)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.heads = Heads(theme, self)
        self.setHorizontalHeader(self.heads)
        theme.changed.connect(self._restyle)
        self._restyle()

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        self.heads.fit()
        selection = self.selectionModel()
        if model is not None and selection is not None:
            selection.currentRowChanged.connect(self._current_changed)
            # a header that shares the selection asks every row of every column whether it is selected
            self.horizontalHeader().setSelectionModel(QItemSelectionModel(model, self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(index)

    # the pointer: `viewportEvent` would hear of all of it, and have PySide make every class of event at the start

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.rowAt(event.position().toPoint().y()))
        super().mouseMoveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._hover(self.rowAt(event.position().toPoint().y()))
        super().wheelEvent(event)

    def _leave(self) -> None:
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self.delegate.hovered:
            before, self.delegate.hovered = self.delegate.hovered, row
            self._repaint_row(before)
            self._repaint_row(row)

    def _current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        self._repaint_row(previous.row())
        self._repaint_row(current.row())

    def _repaint_row(self, row: int) -> None:
        if row >= 0:
            top = self.rowViewportPosition(row)
            self.viewport().update(0, top, self.viewport().width(), self._theme.row)

    def _restyle(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self._theme.row)
        self.heads.fit()
        self.viewport().update()


class _Canvas(QWidget):
    """The viewport of a table, which tells when the pointer has left it."""

    def __init__(self, left: Callable[[], None]) -> None:
        super().__init__()
        self._left = left

    def leaveEvent(self, event: QEvent) -> None:
        self._left()
        super().leaveEvent(event)


class ReportTable(RowTable):
    """A table within a page that scrolls as a whole: as tall as its rows, and the wheel belongs to the page."""

    def __init__(self, theme: Theme, name: str, most: int, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, parent)
        self._most = most
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.changed.connect(self.fit)

    def fit(self) -> None:
        """Take the height of the rows, up to the most."""
        rows = min(self.model().rowCount(), self._most)
        header = self.horizontalHeader()
        self.setFixedHeight(rows * self._theme.row + (0 if header.isHidden() else self._theme.row) + 2)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page, except sideways."""
        if event.angleDelta().x() and not event.angleDelta().y():
            super().wheelEvent(event)
        else:
            event.ignore()
