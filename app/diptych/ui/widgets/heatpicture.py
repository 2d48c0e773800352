"""A heat map as a picture of its own: all of it, with its names, its legend and what it is of, at twice the density."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QFontMetrics, QImage, QPainter

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.heatlegend import Legend
from diptych.ui.widgets.heatmodel import HeatModel
from diptych.ui.widgets.heatpaint import paint_patch, thinned

DENSITY = 2
_WIDE = 1100
"""What the columns fill, if that makes them neither too narrow nor too wide."""
_NARROWEST, _WIDEST = 5, 56
_LARGEST = 30_000
"""Pixels of a side, below what a picture may have."""
_ROW = 24
_LABEL = 320


def picture(heat: HeatModel, legend: Legend, title: str, theme: Theme) -> QImage:
    """Draw the map."""
    small, bold = QFontMetrics(theme.font(Size.CAPTION)), QFontMetrics(theme.font(Size.BODY, bold=True))
    labels = min(max((small.horizontalAdvance(name) for name in heat.rows), default=0), theme.px(_LABEL))
    columns = max(len(heat.columns), 1)
    column = min(max(theme.px(_WIDE) // columns, _NARROWEST), theme.px(_WIDEST))
    column = max(min(column, (_LARGEST // DENSITY - labels - 4 * Space.XL) // columns), 1)
    row, head, edge = theme.px(_ROW), theme.px(Size.CAPTION + 9), int(Space.XL)
    left, top = edge + labels + Space.M, edge + bold.height() + Space.M + head
    bottom = top + len(heat.rows) * row
    width = max(left + columns * column, edge + legend.needed(), edge + bold.horizontalAdvance(title)) + edge
    image = QImage(
        min(width, _LARGEST // DENSITY) * DENSITY, (bottom + Space.S + legend.height() + edge) * DENSITY,
        QImage.Format.Format_RGB32,
    )  # fmt: skip
    image.setDevicePixelRatio(DENSITY)
    image.fill(theme.color("surface"))
    painter = QPainter(image)
    painter.setFont(theme.font(Size.BODY, bold=True))
    painter.setPen(theme.color("text"))
    painter.drawText(QRect(edge, edge, width - 2 * edge, bold.height()), Qt.AlignmentFlag.AlignLeft, title)
    painter.setFont(theme.font(Size.CAPTION))
    painter.setPen(theme.color("muted"))
    for at, name in enumerate(thinned(heat.columns, [column] * len(heat.columns), small)):
        place = QRect(left + at * column - 20, top - head, column + 40, head)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, name)
    for at, name in enumerate(heat.rows):
        painter.setFont(theme.font(Size.CAPTION))
        painter.setPen(theme.color("text"))
        text = small.elidedText(name, Qt.TextElideMode.ElideMiddle, labels)
        place = QRect(edge, top + at * row, labels, row)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        for across in range(len(heat.columns)):
            patch = heat.patch(heat.index(at, across))
            if patch is not None:
                paint_patch(painter, QRect(left + across * column, top + at * row, column, row), patch, heat.scale,
                            theme)  # fmt: skip
    legend.paint_at(painter, QPoint(edge, bottom + Space.S))
    painter.end()
    return image
