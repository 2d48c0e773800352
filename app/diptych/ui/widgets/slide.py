"""A picture that moves while the pointer drags, so that nothing is drawn anew until it stops."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget


class Slide(QWidget):
    """Lies over the canvas while the pointer drags and shows its picture, the plot itself moved sideways."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._picture = QPixmap()
        self._strip = QRect()
        self._surface = QColor()
        self._shift = 0
        self.hide()

    def hold(self, picture: QPixmap, strip: QRect, surface: QColor) -> None:
        """Take the picture; `strip` is the part of it that moves."""
        self._picture, self._strip, self._surface, self._shift = picture, strip, surface, 0
        self.setGeometry(self._canvas.rect())
        self.show()

    def move_picture(self, shift: int) -> None:
        """Show the strip `shift` pixels to the right of its place."""
        if shift != self._shift:
            self._shift = shift
            self.repaint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        painter.setClipRect(self._strip)
        painter.fillRect(self._strip, self._surface)
        ratio = self._picture.devicePixelRatio()
        part = QRect(self._strip.topLeft() * ratio, self._strip.size() * ratio)
        painter.drawPixmap(self._strip.translated(self._shift, 0), self._picture, part)
