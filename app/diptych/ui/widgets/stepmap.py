"""A map of layers down and steps across, in cividis on a logarithmic scale, with its legend."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.cividis import Scale, cividis
from diptych.ui.widgets.stepview import StepView

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEAD = 18
_LEGEND = 26
_LEAST, _TALLEST, _WIDEST = 3, 36, 120
_LABEL = 160
_GAPS = 6
"""From this size on fields stand apart."""
_SIGN = (12, 12)
_NUMBERED = (44, 16)
_EVERY = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SHADES = 256
_BRIGHT = 0.45
"""From this share of the scale on, black ink is read better on a colour than white."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """What the map shows."""

    rows: tuple[str, ...]
    values: NDArray[np.float64]
    """Rows by steps, none negative."""
    errors: NDArray[np.float64]
    """Relative; a value of nought without error is equal, one of infinite error cannot be told."""
    own: int | None
    """The step that everything is held against, where that is the same for all: it has no values."""
    meaning: str
    scale: Scale


class StepMap(StepView):
    """The fields of a lattice; Up and Down walk along the layers."""

    row_chosen = Signal(int)

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, parent)
        self.row = 0
        self._lattice: Lattice | None = None
        self._image = QImage()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_lattice(self, steps: tuple[int, ...], lattice: Lattice) -> None:
        """Show other fields."""
        self.steps, self._lattice = steps, lattice
        self.row = min(self.row, max(len(lattice.rows) - 1, 0))
        self._image = _image(lattice, self.theme)
        around = self.theme.px(_HEAD + _LEGEND) + 2
        self.setMinimumHeight(around + max(len(lattice.rows) * _LEAST, 60))
        self.setMaximumHeight(around + len(lattice.rows) * self.theme.px(_TALLEST))
        self.update()

    def text_at(self, row: int, place: int) -> str:
        """A field in words."""
        lattice = self._lattice
        if lattice is None or not lattice.rows:
            return ""
        where = f"{display.visible(lattice.rows[row])} at step {self.steps[place]:,}"
        if place == lattice.own:
            return f"{where}: what the others are held against"
        value, error = float(lattice.values[row, place]), float(lattice.errors[row, place])
        if not value and not error:
            return f"{where}: the same values"
        if np.isinf(error):
            return f"{where}: differs by too little to tell"
        sure = f" ±{display.number(error * 100, 2)} %" if error else ""
        return f"{where}: {display.number(value, 3)}{sure}"

    def sizeHint(self) -> QSize:
        return QSize(self.theme.px(400), min(self.maximumHeight(), self.theme.px(320)))

    def place_at(self, point: QPointF) -> int | None:
        left, _, wide, _ = self._grid()
        if not self.steps or point.x() < left:
            return None
        return min(int((point.x() - left) / wide), len(self.steps) - 1)

    def tip_at(self, point: QPointF) -> str:
        row, place = self._row_at(point), self.place_at(point)
        return self.text_at(row, place) if row is not None and place is not None else ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if by is None or self._lattice is None:
            super().keyPressEvent(event)
        else:
            self._set_row(self.row + by)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position())
        if row is not None:
            self._set_row(row)
        super().mousePressEvent(event)

    def _set_row(self, row: int) -> None:
        if self._lattice is not None and 0 <= row < len(self._lattice.rows):
            self.row = row
            self.row_chosen.emit(row)
            self.update()

    def _row_at(self, point: QPointF) -> int | None:
        _, top, _, high = self._grid()
        rows = len(self._lattice.rows) if self._lattice is not None else 0
        row = int((point.y() - top) / high) if high else -1
        return row if 0 <= row < rows and point.y() >= top else None

    # painting --------------------------------------------------------------------------------------------------

    def _grid(self) -> tuple[float, float, float, float]:
        """Left and upper edge of the fields, their width and height."""
        lattice = self._lattice
        if lattice is None or not self.steps or not lattice.rows:
            return 0.0, 0.0, 1.0, 0.0
        metrics = QFontMetricsF(self.theme.font(Size.CAPTION))
        widest = max(metrics.horizontalAdvance(display.visible(name)) for name in lattice.rows)
        left = min(widest, self.theme.px(_LABEL)) + Space.S + Space.M
        top = float(self.theme.px(_HEAD))
        wide = min((self.width() - left - Space.S) / len(self.steps), self.theme.px(_WIDEST))
        high = (self.height() - top - self.theme.px(_LEGEND)) / len(lattice.rows)
        return left, top, max(wide, 1.0), min(max(high, 1.0), self.theme.px(_TALLEST))

    def paintEvent(self, event: QPaintEvent) -> None:
        lattice = self._lattice
        painter = self.begin()
        if lattice is None or not lattice.rows:
            return
        left, top, wide, high = self._grid()
        fields = QRectF(left, top, wide * len(self.steps), high * len(lattice.rows))
        painter.drawImage(fields, self._image)
        painter.setPen(QPen(self.theme.color("surface"), 1))
        apart = min(wide, high) >= _GAPS
        if apart:
            for place in range(1, len(self.steps)):
                x = round(left + place * wide) + 0.5
                painter.drawLine(QPointF(x, fields.top()), QPointF(x, fields.bottom()))
        if apart:
            for row in range(1, len(lattice.rows)):
                y = round(top + row * high) + 0.5
                painter.drawLine(QPointF(fields.left(), y), QPointF(fields.right(), y))
        self._write_fields(painter, lattice, fields, wide, high)
        self._write_names(painter, lattice, fields, wide, high)
        self._legend(painter, lattice, fields)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        column = QRectF(left + self.place * wide, top, wide, fields.height())
        field = QRectF(column.x(), top + self.row * high, wide, high)
        for mark, width in ((column, 1), (field, 2)):
            painter.setPen(QPen(self.theme.color("surface"), width + 2))
            painter.drawRect(mark.adjusted(-0.5, -0.5, 0.5, 0.5))
            painter.setPen(QPen(self.theme.color("focus"), width))
            painter.drawRect(mark.adjusted(-0.5, -0.5, 0.5, 0.5))

    def _write_fields(self, painter: QPainter, lattice: Lattice, fields: QRectF, wide: float, high: float) -> None:
        """Numbers where they fit, else the signs of what has none."""
        theme = self.theme
        if wide < theme.px(_SIGN[0]) or high < theme.px(_SIGN[1]):
            return
        numbers = wide >= theme.px(_NUMBERED[0]) and high >= theme.px(_NUMBERED[1])
        for row in range(len(lattice.rows)):
            for place in range(len(self.steps)):
                value, sign = float(lattice.values[row, place]), _sign(lattice, row, place)
                if place == lattice.own or not (sign or numbers):
                    continue
                bright = lattice.scale.share(value) >= _BRIGHT
                ink = theme.color("muted") if sign else QColor("#000000" if bright else "#FFFFFF")
                painter.setPen(ink)
                cell = QRectF(fields.x() + place * wide, fields.y() + row * high, wide, high)
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, sign or display.number(value, 2))

    def _write_names(self, painter: QPainter, lattice: Lattice, fields: QRectF, wide: float, high: float) -> None:
        metrics = painter.fontMetrics()
        painter.setPen(self.theme.color("muted"))
        widths = [metrics.horizontalAdvance(f"{step:,}") for step in self.steps]
        every = next((n for n in _EVERY if n * wide > max(widths) + Space.M), _EVERY[-1])
        middle = fields.x() + (self.place + 0.5) * wide
        for place, step in enumerate(self.steps):
            here = place == self.place
            x = fields.x() + (place + 0.5) * wide
            clear = abs(x - middle) > (widths[place] + widths[self.place]) / 2 + Space.S
            # the step in view is always named
            if here or (place % every == 0 and clear):
                painter.setPen(self.theme.color("text" if here else "muted"))
                begin = min(x - widths[place] / 2, self.width() - widths[place] - 2)
                painter.drawText(QPointF(begin, fields.y() - 5), f"{step:,}")
        end = float("-inf")
        room = fields.x() - Space.S - Space.M
        for row, name in enumerate(lattice.rows):
            middle = fields.y() + (row + 0.5) * high
            clear = abs(row - self.row) * high >= metrics.height() - 3
            if row != self.row and (middle - end < metrics.height() - 3 or not clear):
                continue
            text = metrics.elidedText(display.visible(name), Qt.TextElideMode.ElideMiddle, int(room) + 1)
            painter.setPen(self.theme.color("text"))
            box = QRectF(Space.S, middle - metrics.height() / 2, room + 2, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            end = middle

    def _legend(self, painter: QPainter, lattice: Lattice, fields: QRectF) -> None:
        theme, metrics = self.theme, painter.fontMetrics()
        middle = fields.bottom() + theme.px(_LEGEND) / 2 + 3
        x = fields.x()

        def write(text: str, color: str = "muted") -> None:
            nonlocal x
            painter.setPen(theme.color(color))
            painter.drawText(QPointF(x, middle + metrics.ascent() / 2 - 1), text)
            x += metrics.horizontalAdvance(text)

        write(_power(lattice.scale.low))
        x += theme.px(6)
        width = theme.px(140)
        for at in range(width):
            painter.fillRect(QRectF(x + at, middle - 5, 1.5, 10), cividis(at / width))
        x += width + theme.px(6)
        write(_power(lattice.scale.high))
        x += theme.px(12)
        write(lattice.meaning)
        for sign, name in (("=", "the same values"), ("≈", "too little to tell")):
            if any(
                _sign(lattice, row, at) == sign for row in range(len(lattice.rows)) for at in range(len(self.steps))
            ):
                x += theme.px(Space.L)
                painter.fillRect(QRectF(x, middle - 6, 14, 12), theme.color("hover"))
                painter.setPen(theme.color("muted"))
                painter.drawText(QRectF(x, middle - 8, 14, 16), Qt.AlignmentFlag.AlignCenter, sign)
                x += 14 + theme.px(5)
                write(name)


def _sign(lattice: Lattice, row: int, place: int) -> str:
    if place == lattice.own or lattice.values[row, place]:
        return ""
    return "=" if not lattice.errors[row, place] else "≈"


def _power(exponent: float) -> str:
    return display.number(10**exponent, 1)


def _image(lattice: Lattice, theme: Theme) -> QImage:
    """One pixel for each field; scaled up when it is painted."""
    with np.errstate(divide="ignore"):
        logs = np.log10(lattice.values)
    shares = (logs - lattice.scale.low) / (lattice.scale.high - lattice.scale.low)
    shades = np.clip(np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0), 0, 1) * (_SHADES - 1)
    pixels = _colors()[shades.astype(np.int64)]
    pixels[lattice.values == 0] = theme.color("hover").rgb()
    if lattice.own is not None:
        pixels[:, lattice.own] = theme.color("raised").rgb()
    height, width = pixels.shape
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()


@cache
def _colors() -> NDArray[np.uint32]:
    return np.array([cividis(shade / (_SHADES - 1)).rgb() for shade in range(_SHADES)], np.uint32)
