"""How a field of a heat map looks, and which names stand above its columns: on the screen and in a picture alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, Qt
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


def paint_patch(painter: QPainter, rect: QRect, patch: Patch, scale: Scale, theme: Theme) -> QRectF:
    """Paint a field; what it fills of `rect` is returned, for a cursor around it."""
    wide = rect.width() >= _TIGHT
    cell = QRectF(rect).adjusted(0, 0, -1 if rect.width() > 5 else 0, -1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, wide)
    painter.setPen(Qt.PenStyle.NoPen)
    ink = theme.color(patch.tone)
    if patch.value is not None and patch.symbol != "=" and not (patch.worst is not None and patch.value == 0):
        ink = _fill(painter, cell, scale.share(patch.value), wide)
    else:
        painter.setBrush(theme.color("hover"))
        painter.drawRoundedRect(cell, 2 if wide else 0, 2 if wide else 0)
    if patch.worst is not None and patch.symbol != "=":
        band = QRectF(cell.x(), cell.y(), cell.width(), round(cell.height() / 3))
        painter.setBrush(cividis(scale.share(patch.worst)))
        painter.drawRect(band)
    if patch.symbol and wide:
        _write(painter, cell, patch.symbol, ink, theme)
    elif patch.symbol and patch.symbol != "=":
        painter.setBrush(ink)
        painter.drawRect(QRectF(cell.x(), cell.center().y() - 2, max(cell.width(), 2), 4))
    elif patch.value is not None and rect.width() >= theme.px(_NUMBERED):
        low = QRectF(cell.x(), cell.y() + (round(cell.height() / 3) if patch.worst is not None else 0),
                     cell.width(), cell.height())  # fmt: skip
        low.setBottom(cell.bottom())
        _write(painter, low, figure(patch.value), ink, theme)
    painter.restore()
    return cell


def figure(value: float) -> str:
    """A value in two digits, both of them always written: `0.20`, `3.1e−5`."""
    if not math.isfinite(value) or not value:
        return display.number(value)
    digits, _, power = f"{value:#.2g}".rstrip(".").partition("e")
    return f"{digits}e{int(power)}".replace("-", "−") if power else digits


def thinned(names: Sequence[str], widths: Sequence[float], metrics: QFontMetrics) -> list[str]:
    """The names as they are written above columns: numbers that are too many give way to every nth."""
    numbers = [width for name, width in zip(names, widths, strict=True) if name.isdigit()]
    longest = metrics.horizontalAdvance("0" * max(3, *(len(name) for name in names if name.isdigit()), 0))
    width = sum(numbers) / max(len(numbers), 1)
    every = next((n for n in _EVERY if n * width > longest + 6), _EVERY[-1]) if longest > width else 1
    return [
        name if (int(name) % every == 0 if name.isdigit() else metrics.horizontalAdvance(name) <= room + 6) else ""
        for name, room in zip(names, widths, strict=True)
    ]


def _fill(painter: QPainter, cell: QRectF, share: float, wide: bool) -> QColor:
    """Fill a field with the colour of a share; the colour of ink that is read on it."""
    painter.setBrush(cividis(share))
    painter.drawRoundedRect(cell, 2 if wide else 0, 2 if wide else 0)
    return QColor("#FFFFFF" if share < _BRIGHT else "#000000")


def _write(painter: QPainter, cell: QRectF, text: str, ink: QColor, theme: Theme) -> None:
    painter.setPen(ink)
    painter.setFont(theme.font(Size.CAPTION))
    painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)
