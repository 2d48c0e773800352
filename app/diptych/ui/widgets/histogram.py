"""Histograms painted with the window's own means: three small ones cost nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size


class Histogram(QWidget):
    """Counts over equal or growing bins, all drawn as wide; heights by square root so that thin tails are seen."""

    def __init__(self, theme: Theme, name: str, token: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._name = name
        self._token = token
        self._counts: Sequence[int] = ()
        self._edges: Sequence[float] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Histogram of {name}")
        theme.changed.connect(self.update)

    def show_counts(self, counts: Sequence[int], edges: Sequence[float]) -> None:
        """Draw `counts`, one fewer than `edges`; without any, nothing but the name."""
        self._counts, self._edges = counts, edges
        told = "not counted"
        if len(edges):
            told = f"{sum(counts):,} values from {display.number(edges[0], 3)} to {display.number(edges[-1], 3)}"
        self.setAccessibleDescription(told)
        self.setToolTip(f"{self._name}: {told}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(240), self._theme.px(72))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        painter.setFont(theme.font(Size.CAPTION))
        caption = painter.fontMetrics().height()
        plot = QRectF(0, caption + 2, self.width(), self.height() - 2 * caption - 6)
        painter.setPen(theme.color(self._token if self._token in ("a", "b") else "text"))
        painter.drawText(QRectF(0, 0, self.width(), caption), Qt.AlignmentFlag.AlignLeft, self._name)
        painter.setPen(QPen(theme.color("hairline"), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        if not len(self._counts) or not max(self._counts):
            return
        peak = max(self._counts) ** 0.5
        step = plot.width() / len(self._counts)
        path = QPainterPath(plot.bottomLeft())
        for at, count in enumerate(self._counts):
            y = plot.bottom() - (count**0.5 / peak) * plot.height()
            path.lineTo(QPointF(plot.x() + at * step, y))
            path.lineTo(QPointF(plot.x() + (at + 1) * step, y))
        path.lineTo(plot.bottomRight())
        fill = QColor(theme.color(self._token))
        fill.setAlpha(56)
        painter.setBrush(fill)
        painter.setPen(QPen(theme.color(self._token), 1))
        painter.drawPath(path)
        painter.setPen(theme.color("muted"))
        foot = QRectF(0, plot.bottom() + 2, self.width(), caption)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, display.number(self._edges[0], 2))
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, display.number(self._edges[-1], 2))
        if self._edges[0] < 0 < self._edges[-1]:
            x = plot.x() + step * _place(0, self._edges)
            painter.drawText(QRectF(x - 20, foot.y(), 40, caption), Qt.AlignmentFlag.AlignHCenter, "0")


def _place(value: float, edges: Sequence[float]) -> float:
    """Where a value between the outermost edges lies, counted in bins."""
    after = bisect_right(edges, value)
    before, behind = edges[after - 1], edges[after]
    return after - 1 + (value - before) / (behind - before)
