"""A narrow list of pairs: sign, name, what the scores say, how much of the text changed."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.lines import Tone
from diptych.ui.widgets.rowlist import RowList


class PairList(RowList):
    """Shows `Line`s in the width of a side column."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, parent)
        self._pair = _PairDelegate(self)
        self.setItemDelegate(self._pair)

    def fit(self) -> None:
        """Take the height of the place."""
        self._size_rows()


class _PairDelegate(QStyledItemDelegate):
    def __init__(self, pairs: PairList) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(64, self._pairs.theme.row)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        line = self._pairs.line(index)
        if line is None:
            return
        theme = self._pairs.theme
        rect: QRect = option.rect
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(rect, theme.color("selected"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        middle, left, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        inner = rect.adjusted(theme.px(12), 0, -theme.px(12), 0)
        painter.setPen(theme.color({Tone.LEFT: "a", Tone.RIGHT: "b"}.get(line.tone, "muted")))
        painter.setFont(theme.font())
        painter.drawText(inner, middle | left, line.symbol)
        painter.setPen(theme.color("muted"))
        painter.drawText(inner, middle | right, line.change)
        room = inner.adjusted(theme.px(22), 0, -theme.px(48), 0)
        if line.note:
            painter.setFont(theme.font(Size.CAPTION, bold=True))
            painter.setPen(theme.color("text"))
            painter.drawText(room, middle | right, line.note)
            room.setRight(room.right() - painter.fontMetrics().horizontalAdvance(line.note) - theme.px(8))
        painter.setFont(theme.font())
        painter.setPen(theme.color("muted" if line.tone is Tone.QUIET else "text"))
        label = painter.fontMetrics().elidedText(line.label, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, middle | left, label)
        if selected and self._pairs.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(2, 1, -3, -2), 4, 4)
        painter.restore()
