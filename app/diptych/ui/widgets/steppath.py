"""The path of a run in a plane: a point for each step, both axes in one unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.stepview import StepView, ticks

_NEAR = 400.0
"""The square of the distance in pixels within which a point is meant."""


class StepPath(StepView):
    """Points joined in order; the first is hollow, the last is square."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, parent)
        self._points: Sequence[tuple[float, float]] = ()
        self._told = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(theme.px(120))

    def show_path(self, steps: tuple[int, ...], points: Sequence[tuple[float, float]], told: str) -> None:
        """Show other points; `told` says how much of the movement the plane holds."""
        self.steps, self._points, self._told = steps, points, told
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(320), self.theme.px(180))

    def place_at(self, point: QPointF) -> int | None:
        placed = self._placed()
        apart = [(at.x() - point.x()) ** 2 + (at.y() - point.y()) ** 2 for at in placed]
        nearest = min(range(len(apart)), key=apart.__getitem__, default=None)
        return nearest if nearest is not None and apart[nearest] <= _NEAR else None

    def _area(self) -> QRectF:
        line = self.fontMetrics().height()
        return QRectF(self.rect()).adjusted(Space.XL, line + Space.L, -Space.XXL, -line - Space.L)

    def _frame(self) -> tuple[float, float, float]:
        """Pixels for one unit, and the middle of all points."""
        xs, ys = [x for x, _ in self._points], [y for _, y in self._points]
        wide, high = max(xs) - min(xs), max(ys) - min(ys)
        area = self._area()
        scale = min(area.width() / wide if wide else math.inf, area.height() / high if high else math.inf)
        return (scale if math.isfinite(scale) else 1.0), (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2

    def _placed(self) -> list[QPointF]:
        if not self._points:
            return []
        scale, x, y = self._frame()
        middle = self._area().center()
        return [QPointF(middle.x() + (px - x) * scale, middle.y() - (py - y) * scale) for px, py in self._points]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = self.begin()
        if not self._points:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self.theme
        placed = self._placed()
        painter.setPen(QPen(theme.color("muted"), 1.2))
        painter.drawPolyline(QPolygonF(placed))
        last = len(placed) - 1
        size = 2.5 if len(placed) <= 60 else 1.6
        for place, point in enumerate(placed):
            painter.setPen(QPen(theme.color("text"), 1.5))
            painter.setBrush(theme.color("surface" if place == 0 else "text"))
            if place == last:
                painter.drawRect(QRectF(point.x() - 4, point.y() - 4, 8, 8))
            elif place == 0:
                painter.drawEllipse(point, 4, 4)
            else:
                painter.drawEllipse(point, size, size)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("focus"), 2))
        painter.drawEllipse(placed[self.place], 8, 8)
        self._write(painter, placed)

    def _write(self, painter: QPainter, placed: list[QPointF]) -> None:
        """Name the first, the current and the last point, say what the plane holds, and how long a stretch is."""
        theme, metrics = self.theme, painter.fontMetrics()
        taken: list[QRectF] = []
        for place, color in ((self.place, "text"), (0, "muted"), (len(placed) - 1, "muted")):
            text = f"{self.steps[place]:,}"
            wide, point = metrics.horizontalAdvance(text), placed[place]
            x = min(max(point.x() - wide / 2, 2.0), self.width() - wide - 2.0)
            above = point.y() - 12
            box = QRectF(x, above - metrics.ascent(), wide, metrics.height())
            if not any(box.intersects(other) for other in taken):
                painter.setPen(theme.color(color))
                painter.drawText(QPointF(x, above), text)
                taken.append(box)
        painter.setPen(theme.color("muted"))
        foot = self.height() - Space.XS
        painter.drawText(QPointF(Space.S, foot - 2), self._told)
        scale, _, _ = self._frame()
        length = max(ticks(0, theme.px(120) / scale, 2))
        if length > 0 and length * scale < self.width() / 2:
            right = self.width() - Space.M
            text = display.number(length, 2)
            painter.drawText(QPointF(right - metrics.horizontalAdvance(text), foot - 8), text)
            painter.setPen(QPen(theme.color("muted"), 1.5))
            painter.drawLine(QPointF(right - length * scale, foot - 3), QPointF(right, foot - 3))
