"""The picture of what the program does: two panels, equal but for one line."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import RADIUS, Space

_PANEL = QSize(148, 92)
_BARS = (0.72, 0.48, 0.62, 0.36)
_CHANGED = 2


class Emblem(QWidget):
    """Paints A and B side by side in the colours of the theme."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedSize(2 * _PANEL.width() + Space.S, _PANEL.height())
        self.setAccessibleName("Two versions side by side")
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for side, left in (("a", 0), ("b", _PANEL.width() + Space.S)):
            panel = QRectF(left + 0.5, 0.5, _PANEL.width() - 1, _PANEL.height() - 1)
            painter.setPen(self._theme.color("hairline"))
            painter.setBrush(self._theme.color("raised"))
            painter.drawRoundedRect(panel, RADIUS, RADIUS)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color(side))
            mark = QRectF(left + Space.M, Space.M, 9, 9)
            if side == "a":
                painter.drawEllipse(mark)
            else:
                painter.drawRect(mark)
            for line, share in enumerate(_BARS):
                top = Space.M + 20 + line * 14
                changed = line == _CHANGED
                width = (_PANEL.width() - 2 * Space.M) * (share if side == "a" or not changed else share + 0.22)
                painter.setBrush(self._theme.color(f"{side}_word" if changed else "hairline"))
                painter.drawRoundedRect(QRectF(left + Space.M, top, width, 6), 3, 3)
