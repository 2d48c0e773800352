"""How a field of a heat map looks, and which names stand above its columns: on the screen and in a picture alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.cividis import Scale, cividis
from diptych.ui.widgets.heatmodel import Patch

_TIGHT = 12
"""Below this width a field shows marks in place of signs."""
_NUMBERED = 42
"""From this width on a field has room for its number."""
_EVERY = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BRIGHT = 0.45
"""From this share of the scale on, black ink is read better on a colour than white."""


def paint_patch(painter: QPainter, rect: QRect, patch: Patch, scale: Scale, theme: Theme) -> None:
    """Paint a field: its colour, the worst of many as a band above it, its sign or, where there is room, its number."""
    cell = rect.adjusted(0, 0, -1 if rect.width() > 5 else 0, -1)
    wide = rect.width() >= _TIGHT
    color, ink = _colors(patch, scale, theme)
    if wide:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(cell, 2, 2)
    else:
        painter.fillRect(cell, color)
    band = 0
    if patch.worst is not None and patch.symbol != "=":
        band = round(cell.height() / 3)
        painter.fillRect(cell.x(), cell.y(), cell.width(), band, cividis(scale.share(patch.worst)))
    text = patch.symbol
    if not text and patch.value is not None and rect.width() >= theme.px(_NUMBERED):
        text = figure(patch.value)
    if text and wide:
        painter.setPen(ink)
        painter.setFont(theme.font(Size.CAPTION))
        painter.drawText(cell.adjusted(0, band, 0, 0), Qt.AlignmentFlag.AlignCenter, text)
    elif text and text != "=":
        painter.fillRect(cell.x(), cell.center().y() - 2, max(cell.width(), 2), 4, ink)


def _colors(patch: Patch, scale: Scale, theme: Theme) -> tuple[QColor, QColor]:
    """The colour of a field and of the ink on it; what is the same for most stays grey."""
    if patch.value is None or patch.symbol == "=" or (patch.worst is not None and patch.value == 0):
        return theme.color("hover"), theme.color(patch.tone)
    share = scale.share(patch.value)
    return cividis(share), QColor("#FFFFFF" if share < _BRIGHT else "#000000")


def figure(value: float) -> str:
    """A value in two digits, both of them always written: `0.20`, `3.1e−5`."""
    if not math.isfinite(value) or not value:
        return display.number(value)
    digits, _, power = f"{value:#.2g}".rstrip(".").partition("e")
    return f"{digits}e{int(power)}".replace("-", "−") if power else digits


def thinned(names: Sequence[str], widths: Sequence[float], metrics: QFontMetrics) -> list[str]:
    """The names as they are written above columns: numbers that are too many give way to every nth.

    A name that ends in a number (`dec 3`) gives way to that number first.
    """
    numbers = [name.rpartition(" ")[2] for name in names]
    counted = [width for number, width in zip(numbers, widths, strict=True) if number.isdigit()]
    longest = metrics.horizontalAdvance("0" * max(3, *(len(number) for number in numbers if number.isdigit()), 0))
    width = sum(counted) / max(len(counted), 1)
    every = next((n for n in _EVERY if n * width > longest + 6), _EVERY[-1]) if longest > width else 1
    shown = []
    for name, number, room in zip(names, numbers, widths, strict=True):
        if number.isdigit() and (name == number or metrics.horizontalAdvance(name) > room):
            shown.append(number if int(number) % every == 0 else "")
        else:
            shown.append(name if metrics.horizontalAdvance(name) <= room + 6 else "")
    return shown
