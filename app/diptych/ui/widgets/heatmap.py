"""A heat map that can be walked with the arrow keys: modules down, layers across, a log scale in cividis."""

from __future__ import annotations

from bisect import bisect

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from diptych.ui.theme import Theme
from diptych.ui.widgets.heatheads import LEAST, Layers, Modules
from diptych.ui.widgets.heatmodel import HeatModel, Patch
from diptych.ui.widgets.heatpaint import paint_patch
from diptych.ui.widgets.label import label
from diptych.ui.widgets.viewport import own_viewport

__all__ = ["HeatMap", "HeatModel", "Patch"]

_COLUMN = 56
"""The widest a field becomes by itself."""
_ALONE = 160
"""The same where it is the only one of its line."""
_WIDEST = 112
"""The widest it is made by hand."""
_STEP = 1.5
_NOTCH = 120
"""What a wheel turns in one notch, in eighths of a degree."""


class HeatMap(QTableView):
    """Shows a `HeatModel`; as wide as its place until it is zoomed, as high as its modules."""

    moved = Signal(int, int)
    """The cursor is on this row and column."""
    opened = Signal(int, int)
    left_over = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        own_viewport(self)
        self.theme = theme
        self.heat = HeatModel(self)
        self._row = theme.px(24)
        self._zoom = 1.0
        self._turned = 0
        self._lead = 0
        self.setModel(self.heat)
        self.setAccessibleName("Heat map of the change of every tensor, layers across")
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setCornerButtonEnabled(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._across = Layers(theme, self, lambda: self.heat.columns)
        self.setHorizontalHeader(self._across)
        self._down = Modules(theme, self, lambda: self.heat.rows)
        self.setVerticalHeader(self._down)
        self._corner = label("layer", "caption")
        self._corner.setParent(self)
        self._corner.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row(), index.column()))
        self.heat.modelReset.connect(self._begin)
        theme.changed.connect(self.viewport().update)

    def set_row_height(self, height: int) -> None:
        """How high a module is."""
        self._row = height
        self.fit()

    def set_corner(self, text: str) -> None:
        """Say what the columns are."""
        self._corner.setText(text)

    def widen_first(self, wide: bool) -> None:
        """Give the first column room for numbers, since it is of another kind than the others."""
        self._lead = self.theme.px(_COLUMN) if wide else 0

    def zoom(self, by: int) -> bool:
        """Make the fields wider (1) or narrower (-1), or fit all of them in (0); False where nothing changes.

        The field under the cursor stays in sight.
        """
        before = self._width()
        wanted = {1: self._zoom * _STEP, -1: self._zoom / _STEP, 0: 1.0}[by]
        self._zoom = min(max(wanted, 1.0), max(self.theme.px(_WIDEST) / self._fitting(), 1.0))
        if self._width() == before:
            return False
        self.fit()
        self.scrollTo(self.currentIndex())
        return True

    def fit(self) -> None:
        """Divide the width among the layers, more than there is if zoomed, and take the height of the modules."""
        columns = self.heat.columnCount()
        self._down.setDefaultSectionSize(self._row)
        overflows = False
        if columns:
            labels = self._down.label_width()
            self._down.setFixedWidth(labels)
            self._corner.setGeometry(0, 0, labels - 10, self._across.height_of())
            width = self._width()
            edges = [round(at * width) for at in range(columns + 1)]
            for column in range(columns):
                least = LEAST if column else max(LEAST, self._lead)
                self.setColumnWidth(column, max(edges[column + 1] - edges[column], least))
            self._across.thin()
            overflows = self._across.length() > self._room()
        always, never = Qt.ScrollBarPolicy.ScrollBarAlwaysOn, Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setHorizontalScrollBarPolicy(always if overflows else never)
        bar = self.horizontalScrollBar().sizeHint().height() if overflows else 0
        self.setFixedHeight(self.heat.rowCount() * self._row + self._across.height_of() + 2 + bar)
        self.updateGeometries()  # so that the map can be scrolled at once

    def _begin(self) -> None:
        """Another map is shown whole."""
        self._zoom = 1.0
        self.fit()

    def _room(self) -> int:
        return self.width() - self._down.label_width() - 2

    def _between(self) -> int:
        """What the columns of one kind share."""
        return self._room() - self._lead

    def _fitting(self) -> float:
        """The width of a field where all fit in, as far as they can be seen."""
        columns = max(self.heat.columnCount() - bool(self._lead), 1)
        most = _COLUMN if columns > 1 else _ALONE
        return min(max(self._between() / columns, LEAST), self.theme.px(most))

    def _width(self) -> float:
        return self._fitting() * self._zoom

    def set_cursor(self, row: int, column: int) -> None:
        """Move the cursor."""
        self.setCurrentIndex(self.heat.index(row, column))

    def cursor_text(self) -> str:
        """The field under the cursor in words."""
        patch = self.heat.patch(self.currentIndex())
        return patch.text if patch is not None else ""

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self.moved.emit(current.row(), current.column())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.fit()
            self.scrollTo(self.currentIndex())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the fields in view, and the cursor around one of them.

        Done here rather than by a delegate, since hundreds of layers are thousands of fields.
        """
        painter = QPainter(self.viewport())
        first, last = (self.columnAt(x) for x in (event.rect().left(), event.rect().right()))
        columns = range(max(first, 0), last + 1 if last >= 0 else self.heat.columnCount())
        across = [(column, self.columnViewportPosition(column), self.columnWidth(column)) for column in columns]
        for row in range(self.heat.rowCount()):
            y, height = self.rowViewportPosition(row), self.rowHeight(row)
            for column, x, width in across:
                patch = self.heat.patch_at(row, column)
                if patch is not None:
                    paint_patch(painter, QRect(x, y, width, height), patch, self.heat.scale, self.theme)
        current = self.currentIndex()
        if self.heat.patch(current) is not None:
            cell = QRectF(self.visualRect(current)).adjusted(0.5, 0.5, -1.5, -1.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.theme.color("surface"), 3))
            painter.drawRect(cell)
            painter.setPen(QPen(self.theme.color("focus" if self.hasFocus() else "muted"), 2))
            painter.drawRect(cell)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """With Ctrl the wheel zooms about the pointer, sideways it scrolls, else it is the page's."""
        turned = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._turned += turned.y()
            if abs(self._turned) >= _NOTCH:
                self._zoom_about(1 if self._turned > 0 else -1, round(event.position().x()))
                self._turned = 0
            event.accept()
        elif abs(turned.x()) > abs(turned.y()):
            super().wheelEvent(event)
        else:
            event.ignore()

    def _zoom_about(self, by: int, x: int) -> None:
        bar = self.horizontalScrollBar()
        share = (bar.value() + x) / max(self._across.length(), 1)
        if self.zoom(by):
            bar.setValue(round(share * self._across.length() - x))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        at = self.currentIndex()
        key = event.key()
        steps = {
            Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0),
        }  # fmt: skip
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at.isValid():
            self.opened.emit(at.row(), at.column())
        elif key in steps:
            self._walk(*steps[Qt.Key(key)])
        elif event.text() and event.text().isprintable():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _walk(self, down: int, across: int) -> None:
        """Go to the next field that holds a tensor; beyond the last row, leave."""
        at = self.currentIndex()
        if not at.isValid():
            first = next((index for index in self._known()), QModelIndex())
            self.setCurrentIndex(first)
            return
        row, column = at.row() + down, at.column() + across
        while 0 <= row < self.heat.rowCount() and 0 <= column < self.heat.columnCount():
            if self.heat.patch(self.heat.index(row, column)) is not None:
                self.set_cursor(row, column)
                return
            row, column = row + down, column + across
        if down:
            nearest = self._nearest_in(range(at.row() + down, self.heat.rowCount() if down > 0 else -1, down), at)
            if nearest.isValid():
                self.setCurrentIndex(nearest)
            else:
                self.left_over.emit(down)

    def _nearest_in(self, rows: range, at: QModelIndex) -> QModelIndex:
        for row in rows:
            known = [c for c in range(self.heat.columnCount()) if self.heat.patch(self.heat.index(row, c)) is not None]
            if known:
                near = bisect(known, at.column())
                return self.heat.index(row, known[min(near, len(known) - 1)])
        return QModelIndex()

    def _known(self) -> list[QModelIndex]:
        indexes = (
            self.heat.index(row, column)
            for row in range(self.heat.rowCount())
            for column in range(self.heat.columnCount())
        )
        return [index for index in indexes if self.heat.patch(index) is not None]
