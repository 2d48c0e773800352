"""Lines over the steps of a run, each with the band in which it may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.stepview import StepView, ticks

_DOTS = 40
"""Of so many steps or fewer, each point is marked."""


@dataclass(frozen=True)
class Line:
    """One line."""

    label: str
    values: Sequence[float]
    errors: Sequence[float]
    """Relative."""
    color: str = "text"
    dashed: bool = False


class StepLines(StepView):
    """A small chart; both axes begin at nought or at the first step."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, parent)
        self._lines: tuple[Line, ...] = ()
        self._top = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(theme.px(120))

    def show_lines(self, steps: tuple[int, ...], lines: tuple[Line, ...]) -> None:
        """Show other lines."""
        self.steps, self._lines = steps, lines
        highest = max((value * (1 + _finite(error)) for line in lines
                       for value, error in zip(line.values, line.errors, strict=True)), default=0.0)  # fmt: skip
        self._top = highest * 1.05 or 1.0
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(320), self.theme.px(180))

    def place_at(self, point: QPointF) -> int | None:
        area = self._area()
        return min(range(len(self.steps)), key=lambda at: abs(self._x(area, at) - point.x()), default=None)

    def tip_at(self, point: QPointF) -> str:
        place = self.place_at(point)
        if place is None:
            return ""
        told = [f"{line.label} {display.number(line.values[place], 3)}" for line in self._lines]
        return f"step {self.steps[place]:,}: {', '.join(told)}"

    def _area(self) -> QRectF:
        metrics = self.fontMetrics()
        left, top = self.theme.px(56), metrics.height() + Space.M
        return QRectF(left, top, max(self.width() - left - Space.M, 1), max(self.height() - top - Space.XL, 1))

    def _x(self, area: QRectF, place: int) -> float:
        first, last = self.steps[0], self.steps[-1]
        return area.left() + area.width() * (self.steps[place] - first) / ((last - first) or 1)

    def _y(self, area: QRectF, value: float) -> float:
        return area.bottom() - area.height() * min(max(value / self._top, 0.0), 1.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = self.begin()
        if not self.steps:
            return
        area = self._area()
        self._axes(painter, area)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        here = self._x(area, self.place)
        painter.setPen(QPen(self.theme.color("focus"), 1))
        painter.drawLine(QPointF(here, area.top()), QPointF(here, area.bottom()))
        x = area.left()
        for line in self._lines:
            x = self._name(painter, line, x)
            self._draw(painter, area, line)

    def _axes(self, painter: QPainter, area: QRectF) -> None:
        theme, metrics = self.theme, painter.fontMetrics()
        for value in ticks(0, self._top, max(int(area.height() // (metrics.height() * 2)), 1)):
            y = round(self._y(area, value)) + 0.5
            painter.setPen(QPen(theme.color("hairline"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(theme.color("muted"))
            place = QRectF(0, y - metrics.height() / 2, area.left() - Space.S, metrics.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                             display.number(round(value, 12), 3))  # fmt: skip
        end = float("-inf")
        painter.setPen(theme.color("muted"))
        first, last = self.steps[0], self.steps[-1]
        for step in ticks(first, last, max(int(area.width() // theme.px(80)), 1)):
            text = f"{round(step):,}"
            wide = metrics.horizontalAdvance(text)
            middle = area.left() + area.width() * (step - first) / ((last - first) or 1)
            begin = min(max(middle - wide / 2, area.left() - Space.S), self.width() - wide - 2)
            if step == round(step) and begin > end + Space.S:
                painter.drawText(QPointF(begin, area.bottom() + metrics.ascent() + 5), text)
                end = begin + wide

    def _name(self, painter: QPainter, line: Line, x: float) -> float:
        """Write the name of a line with a piece of it at `x`; where it ends."""
        theme, metrics = self.theme, painter.fontMetrics()
        middle = metrics.height() / 2 + 2
        painter.setPen(_pen(theme.color(line.color), line.dashed))
        painter.drawLine(QPointF(x, middle), QPointF(x + 22, middle))
        painter.setPen(theme.color("text"))
        text = f"{line.label} {display.number(line.values[self.place], 3)}"
        painter.drawText(QPointF(x + 28, middle + metrics.ascent() / 2 - 1), text)
        return x + 28 + metrics.horizontalAdvance(text) + theme.px(Space.XL)

    def _draw(self, painter: QPainter, area: QRectF, line: Line) -> None:
        color = self.theme.color(line.color)
        xs = [self._x(area, place) for place in range(len(self.steps))]
        bands = [(value, _finite(error)) for value, error in zip(line.values, line.errors, strict=True)]
        upper = [QPointF(x, self._y(area, value * (1 + error))) for x, (value, error) in zip(xs, bands, strict=True)]
        lower = [QPointF(x, self._y(area, value * (1 - error))) for x, (value, error) in zip(xs, bands, strict=True)]
        shade = QColor(color)
        shade.setAlphaF(0.18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawPolygon(QPolygonF([*upper, *reversed(lower)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        points = [QPointF(x, self._y(area, value)) for x, value in zip(xs, line.values, strict=True)]
        painter.setPen(_pen(color, line.dashed))
        painter.drawPolyline(QPolygonF(points))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        for place, point in enumerate(points):
            if place == self.place:
                painter.drawEllipse(point, 4, 4)
            elif len(points) <= _DOTS:
                painter.drawEllipse(point, 2, 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _finite(error: float) -> float:
    """An error that can be drawn: what cannot be told may be twice as much or nothing."""
    return min(error, 1.0)


def _pen(color: QColor, dashed: bool) -> QPen:
    pen = QPen(color, 1.5)
    if dashed:
        pen.setDashPattern([4, 3])
    return pen
