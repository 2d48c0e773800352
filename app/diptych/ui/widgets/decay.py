"""Values that fall from the first to the last, on a logarithmic scale, with the place where they drop."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size

_DECADES = 6
"""What is smaller than the first value by more lies on the ground."""


class Decay(QWidget):
    """A curve of falling values; a line stands behind the last one that counts."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._name = name
        self._values: Sequence[float] = ()
        self._mark: int | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        theme.changed.connect(self.update)

    def show_values(self, values: Sequence[float], mark: int | None = None) -> None:
        """Draw `values`, the largest first, and a line behind the first `mark` of them."""
        self._values, self._mark = values, mark
        if len(values):
            said = f"{len(values)} values from {display.number(values[0], 3)} to {display.number(values[-1], 3)}"
            self.setAccessibleDescription(said)
            self.setToolTip(f"{self._name}: {said}")
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
        painter.setPen(theme.color("text"))
        painter.drawText(QRectF(0, 0, self.width(), caption), Qt.AlignmentFlag.AlignLeft, self._name)
        painter.setPen(QPen(theme.color("hairline"), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        if len(self._values) < 2 or self._values[0] <= 0:
            return
        points = [self._point(plot, at, value) for at, value in enumerate(self._values)]
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        painter.setPen(QPen(theme.color("text"), 1.5))
        painter.drawPath(path)
        painter.setPen(theme.color("muted"))
        foot = QRectF(0, plot.bottom() + 2, self.width(), caption)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, "1")
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, str(len(self._values)))
        if self._mark is not None and 0 < self._mark < len(self._values):
            x = (points[self._mark - 1].x() + points[self._mark].x()) / 2
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            painter.drawText(QRectF(x - 20, foot.y(), 40, caption), Qt.AlignmentFlag.AlignHCenter, str(self._mark))

    def _point(self, plot: QRectF, at: int, value: float) -> QPointF:
        ratio = value / self._values[0]
        height = max(0.0, 1 + math.log10(ratio) / _DECADES) if ratio > 0 else 0.0
        return QPointF(plot.x() + plot.width() * at / (len(self._values) - 1), plot.bottom() - height * plot.height())
