"""A heat map that can be walked with the arrow keys: modules down, layers across, a log scale in cividis."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QResizeEvent, QWheelEvent
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
from diptych.ui.widgets.cividis import Scale, cividis, scale_of
from diptych.ui.widgets.label import label

_ROOT = QModelIndex()
_HEADER = 20
_LABEL = 84
_TIGHT = 12
"""Below this width a cell shows marks in place of signs."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One field of the map."""

    text: str
    """In words, for the tooltip and screen readers."""
    value: float | None = None
    symbol: str = ""
    tone: str = "muted"
    """The token of the symbol's colour."""


class HeatModel(QAbstractTableModel):
    """Patches by module and layer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[str, ...] = ()
        self.columns: tuple[str, ...] = ()
        self.scale = Scale(-4.0, 0.0)
        self._patches: dict[tuple[int, int], Patch] = {}

    def show(self, rows: tuple[str, ...], columns: tuple[str, ...], patches: dict[tuple[int, int], Patch]) -> None:
        """Take a map; one of the same shape repaints in place."""
        same_shape = rows == self.rows and columns == self.columns
        if not same_shape:
            self.beginResetModel()
        self.rows, self.columns, self._patches = rows, columns, patches
        self.scale = scale_of([patch.value for patch in patches.values() if patch.value is not None])
        if not same_shape:
            self.endResetModel()
        elif rows and columns:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(columns) - 1))

    def patch(self, index: QModelIndex | QPersistentModelIndex) -> Patch | None:
        """The patch of a field; None where the model has no such tensor."""
        return self._patches.get((index.row(), index.column())) if index.isValid() else None

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role not in (
            Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole,
        ):  # fmt: skip
            return None
        patch = self.patch(index)
        return patch.text if patch is not None else ""

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        names = self.columns if orientation == Qt.Orientation.Horizontal else self.rows
        if role == Qt.ItemDataRole.DisplayRole and 0 <= section < len(names):
            return names[section]
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        known = self.patch(index) is not None
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable if known else Qt.ItemFlag.NoItemFlags


class HeatMap(QTableView):
    """Shows a `HeatModel`; as wide as its place, as high as its modules."""

    moved = Signal(int, int)
    """The cursor is on this row and column."""
    opened = Signal(int, int)
    left_over = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.heat = HeatModel(self)
        self._row = theme.px(24)
        self.setModel(self.heat)
        self.setAccessibleName("Heat map of the change of every tensor, layers across")
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setCornerButtonEnabled(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._delegate = _PatchDelegate(self)
        self.setItemDelegate(self._delegate)
        self._across = _Layers(theme, self)
        self.setHorizontalHeader(self._across)
        self._down = _Modules(theme, self)
        self.setVerticalHeader(self._down)
        self._corner = label("layer", "caption")
        self._corner.setParent(self)
        self._corner.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row(), index.column()))
        self.heat.modelReset.connect(self.fit)
        theme.changed.connect(self.viewport().update)

    def set_row_height(self, height: int) -> None:
        """How high a module is."""
        self._row = height
        self.fit()

    def fit(self) -> None:
        """Divide the width among the layers and take the height of the modules."""
        columns = self.heat.columnCount()
        row = self._row
        self._down.setDefaultSectionSize(row)
        if columns:
            labels = self._down.label_width()
            self._down.setFixedWidth(labels)
            self._corner.setGeometry(0, 0, labels - 10, self._across.height_of())
            room = max(self.width() - labels - 2, columns * 4)
            width = min(room / columns, self.theme.px(56))
            edges = [round(at * width) for at in range(columns + 1)]
            for column in range(columns):
                self.setColumnWidth(column, max(edges[column + 1] - edges[column], 3))
        self.setFixedHeight(self.heat.rowCount() * row + self._across.height_of() + 2)

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

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

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


class _PatchDelegate(QStyledItemDelegate):
    def __init__(self, view: HeatMap) -> None:
        super().__init__(view)
        self._view = view

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        view, theme = self._view, self._view.theme
        patch = view.heat.patch(index)
        if patch is None:
            return
        rect: QRect = option.rect
        wide = rect.width() >= _TIGHT
        cell = QRectF(rect).adjusted(0, 0, -1 if rect.width() > 5 else 0, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, wide)
        painter.setPen(Qt.PenStyle.NoPen)
        ink = theme.color(patch.tone)
        if patch.value is not None and patch.symbol != "=":
            share = view.heat.scale.share(patch.value)
            painter.setBrush(cividis(share))
            ink = QColor("#FFFFFF" if share < 0.6 else "#000000")
        else:
            painter.setBrush(theme.color("hover"))
        painter.drawRoundedRect(cell, 2 if wide else 0, 2 if wide else 0)
        if patch.symbol and wide:
            painter.setPen(ink)
            painter.setFont(theme.font(Size.CAPTION))
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, patch.symbol)
        elif patch.symbol and patch.symbol != "=":
            painter.setBrush(ink)
            painter.drawRect(QRectF(cell.x(), cell.center().y() - 2, max(cell.width(), 2), 4))
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("surface"), 3))
            painter.drawRect(cell.adjusted(0.5, 0.5, -0.5, -0.5))
            painter.setPen(QPen(theme.color("focus" if view.hasFocus() else "muted"), 2))
            painter.drawRect(cell.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.restore()


class _Layers(QHeaderView):
    """Names of the layers; where they are too many, every fifth or tenth."""

    def __init__(self, theme: Theme, view: HeatMap) -> None:
        super().__init__(Qt.Orientation.Horizontal, view)
        self._theme = theme
        self._view = view
        self.setMinimumSectionSize(3)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSectionsClickable(False)
        self.setFixedHeight(self.height_of())

    def height_of(self) -> int:
        """The height it takes."""
        return self._theme.px(_HEADER)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        names = self._view.heat.columns
        if section >= len(names):
            return
        painter.save()
        painter.setFont(self._theme.font(Size.CAPTION))
        painter.setPen(self._theme.color("muted"))
        text = names[section]
        metrics = painter.fontMetrics()
        room = rect
        if text.isdigit() and metrics.horizontalAdvance("000") > rect.width():
            width = self.length() / len(names)
            every = next(n for n in (2, 5, 10, 20, 50, 1000) if n * width > metrics.horizontalAdvance("000") + 6)
            text = text if int(text) % every == 0 else ""
            room = rect.adjusted(-20, 0, 20, 0)
        elif not text.isdigit():
            text = text if metrics.horizontalAdvance(text) <= rect.width() + 6 else ""
            room = rect.adjusted(-4, 0, 4, 0)
        painter.setClipping(False)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()

    def sizeHint(self) -> QSize:
        return QSize(0, self.height_of())


class _Modules(QHeaderView):
    """Names of the modules."""

    def __init__(self, theme: Theme, view: HeatMap) -> None:
        super().__init__(Qt.Orientation.Vertical, view)
        self._theme = theme
        self._view = view
        self.setMinimumSectionSize(3)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSectionsClickable(False)

    def label_width(self) -> int:
        """Room for the longest name within limits."""
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name in self._view.heat.rows), default=0)
        return min(max(widest + self._theme.px(16), self._theme.px(_LABEL)), self._theme.px(200))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        names = self._view.heat.rows
        if section >= len(names):
            return
        painter.save()
        painter.setFont(self._theme.font(Size.CAPTION))
        painter.setPen(self._theme.color("text"))
        text = painter.fontMetrics().elidedText(names[section], Qt.TextElideMode.ElideMiddle, rect.width() - 12)
        painter.drawText(rect.adjusted(0, 0, -10, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        painter.restore()
