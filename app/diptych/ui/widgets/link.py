"""A line of text that can be clicked, chosen with Enter, and is cut in the middle where there is no room."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QEnterEvent, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from diptych.display import visible
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size

_GAP = 8


class Link(QAbstractButton):
    """Plain text that leads somewhere; underlined under the pointer."""

    def __init__(
        self,
        theme: Theme,
        text: str,
        font: QFont,
        color: str = "text",
        detail: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """`detail` follows the text, small and quiet."""
        super().__init__(parent)
        self._detail = visible(detail)
        self._theme = theme
        self._color = color
        self._within = False
        self.setFont(font)
        self._shown = ""
        self.set_text(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_text(self, text: str) -> None:
        """Show `text`."""
        self._shown = visible(text)
        self.setAccessibleName(f"{self._shown} {self._detail}".strip())
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """The text, whole."""
        return self._shown

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        small = QFontMetrics(self._theme.font(Size.CAPTION))
        detail = small.horizontalAdvance(self._detail) + _GAP if self._detail else 0
        return QSize(metrics.horizontalAdvance(self._shown) + detail + 4, metrics.height() + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, self.sizeHint().height())

    def enterEvent(self, event: QEnterEvent) -> None:
        self._within = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._within = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = QFontMetrics(self.font())
        text = metrics.elidedText(self._shown, Qt.TextElideMode.ElideMiddle, self.width() - 2)
        painter.setFont(self.font())
        painter.setPen(self._theme.color(self._color))
        painter.drawText(self.rect().adjusted(1, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)
        if self._detail:
            x = metrics.horizontalAdvance(text) + _GAP
            painter.setFont(self._theme.font(Size.CAPTION))
            painter.setPen(self._theme.color("muted"))
            baseline = (self.height() + metrics.ascent() - metrics.descent()) // 2
            painter.drawText(x, baseline, self._detail)
        if self._within or self.hasFocus():
            y = (self.height() + metrics.height()) // 2 - metrics.descent() + 2
            painter.setPen(QPen(self._theme.color("focus" if self.hasFocus() else "faint"), 1))
            painter.drawLine(1, y, min(metrics.horizontalAdvance(text), self.width()) + 1, y)
