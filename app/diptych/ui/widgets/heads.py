"""Heads of columns in up to two lines: what a title belongs to stands small above it, and no arrow is ever cut."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.paint import fill

HEAD = int(Qt.ItemDataRole.UserRole) + 2


class Head(NamedTuple):
    """What stands above a column."""

    title: str
    above: str = ""
    """The task of a metric, the group of a setting."""
    arrow: str = ""
    """Points where the rows are sorted by this column."""
    right: bool = False
    """The title stands at the right, over numbers."""


class Heads(QHeaderView):
    """Paints a `Head` where the model has one for a column, else its title."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme = theme
        self._tall = False
        self.setHighlightSections(False)
        self.setMinimumSectionSize(theme.px(28))
        self.fit()

    def fit(self) -> None:
        """Take the height that the heads need."""
        self._tall = any(self._head(section).above for section in range(self.count()))
        row = self._theme.row
        self.setFixedHeight(row + self._theme.px(Space.M) if self._tall else row)

    def sizeHint(self) -> QSize:
        # the height is that of `fit`; Qt would ask the model four things about every section
        return QSize(self.length(), self.minimumHeight())

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        head = self._head(section)
        theme = self._theme
        painter.save()
        fill(painter, rect, theme.color("surface"))
        painter.setPen(QPen(theme.color("hairline"), 1))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        font = theme.font(Size.CAPTION)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        side = Qt.AlignmentFlag.AlignRight if head.right else Qt.AlignmentFlag.AlignLeft
        line = metrics.height() + 1
        area = rect.adjusted(Space.S, 0, -Space.S, 0)
        title = QRect(area.left(), area.center().y() - line // 2, area.width(), line)
        if self._tall:
            title.moveBottom(area.bottom() - Space.XS - 1)
        if head.above:
            painter.setPen(theme.color("muted"))
            above = title.translated(0, -line)
            painter.drawText(above, side, metrics.elidedText(head.above, Qt.TextElideMode.ElideMiddle, area.width()))
        arrow = f" {head.arrow}" if head.arrow else ""
        room = area.width() - metrics.horizontalAdvance(arrow)
        painter.setPen(theme.color("text" if head.arrow else "muted"))
        painter.drawText(title, side, metrics.elidedText(head.title, Qt.TextElideMode.ElideMiddle, room) + arrow)
        painter.restore()

    def _head(self, section: int) -> Head:
        model = self.model()
        found = model.headerData(section, Qt.Orientation.Horizontal, HEAD)
        if isinstance(found, Head):
            return found
        alignment = model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        title = model.headerData(section, Qt.Orientation.Horizontal)
        right = bool(int(alignment or 0) & int(Qt.AlignmentFlag.AlignRight))
        return Head(str(title or ""), right=right)
