"""Small pictures within cells: stars, chips, ratings, curves and the focus of a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPen, QPolygonF

from diptych.ui.theme import Theme
from diptych.ui.tokens import RADIUS, Size, Space

STARS = 5
_STAR = 12
FOCUS_BAR = 3
CHIP_LEAST = 72
"""A word cut to less than this says nothing."""


def fill(painter: QPainter, area: QRect, color: QColor) -> None:
    """Fill `area`. Qt's own `fillRect` takes gradients too, and PySide makes their 170 names before it has a look."""
    painter.setBackground(color)
    painter.eraseRect(area)


def stars(painter: QPainter, theme: Theme, area: QRect, count: int, lively: bool = False) -> None:
    """`count` filled stars; the rest as outlines where the row is `lively`, since only there they can be clicked."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = theme.px(_STAR)
    for number in range(STARS):
        if number >= count and not lively:
            return
        place = QRectF(area.left() + number * (side + 2), area.center().y() - side / 2 + 0.5, side, side)
        if place.right() > area.right() + 1:
            return
        painter.setPen(QPen(theme.color("text" if number < count else "faint"), 1))
        painter.setBrush(theme.color("text") if number < count else Qt.BrushStyle.NoBrush)
        painter.drawPath(_star(place.adjusted(0.5, 0.5, -0.5, -0.5)))


def stars_width(theme: Theme) -> int:
    """The room five stars take."""
    return STARS * (theme.px(_STAR) + 2)


def star_at(theme: Theme, area: QRect, point: QPoint) -> int:
    """Which star stands at `point`, counted from one; 0 for none."""
    number = (point.x() - area.left()) // (theme.px(_STAR) + 2) + 1
    return number if 1 <= number <= STARS else 0


def chips(painter: QPainter, theme: Theme, area: QRect, words: Sequence[str], font: QFont) -> None:
    """Words in quiet boxes, as many as fit, and how many more there are."""
    small = QFont(font)
    small.setPixelSize(theme.px(Size.CAPTION))
    metrics = QFontMetrics(small)
    painter.setFont(small)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    height = metrics.height() + 4
    left = area.left()
    for number, word in enumerate(words):
        more = f"+{len(words) - number}"
        last = number == len(words) - 1
        room = area.right() - left - (0 if last else metrics.horizontalAdvance("+9") + Space.S)
        if room < min(metrics.horizontalAdvance(word) + 2 * Space.S - 4, CHIP_LEAST):
            painter.setPen(theme.color("muted"))
            place = QRect(left, area.top(), max(area.right() - left, 0), area.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, more)
            return
        text = metrics.elidedText(word, Qt.TextElideMode.ElideMiddle, room - 2 * Space.S + 4)
        width = metrics.horizontalAdvance(text) + 2 * Space.S - 4
        box = QRectF(left + 0.5, area.center().y() - height / 2 + 0.5, width, height)
        painter.setPen(QPen(theme.color("hairline"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box, RADIUS - 2, RADIUS - 2)
        painter.setPen(theme.color("muted"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        left += width + Space.XS


def curve(painter: QPainter, theme: Theme, area: QRect, values: Sequence[float]) -> None:
    """Values from left to right without axes; NaN leaves a gap, the last value ends in a dot."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = area.width() / max(len(values) - 1, 1)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.color("muted"), 1.2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    run: list[QPointF] = []
    for number, value in enumerate(values):
        if math.isfinite(value):
            height = 0.5 if high == low else (value - low) / span
            run.append(QPointF(area.left() + number * step, area.bottom() - height * area.height()))
        elif run:
            painter.drawPolyline(QPolygonF(run))
            run = []
    if run:
        painter.drawPolyline(QPolygonF(run))
        painter.setBrush(theme.color("text"))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(run[-1], 1.8, 1.8)


def rating(painter: QPainter, theme: Theme, area: QRect, count: int) -> int:
    """One star and a figure; returns the room they took."""
    side = theme.px(_STAR)
    box = QRectF(area.left(), area.center().y() - side / 2 + 0.5, side, side)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("muted"))
    painter.drawPath(_star(box.adjusted(1, 1, -1, -1)))
    painter.setFont(theme.font(Size.CAPTION))
    painter.setPen(theme.color("muted"))
    place = QRect(area.left() + side + 1, area.top(), area.width() - side, area.height())
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, str(count))
    return rating_width(theme)


def rating_width(theme: Theme) -> int:
    """The room a rating takes."""
    return theme.px(_STAR + Space.S + 1)


def row_focus(painter: QPainter, theme: Theme, rect: QRect) -> None:
    """The sign of the row that keys go to: a bar at its left end."""
    fill(painter, QRect(rect.left(), rect.top(), FOCUS_BAR, rect.height() - 1), theme.color("focus"))


def _star(box: QRectF) -> QPainterPath:
    path = QPainterPath()
    radius = box.width() / 2
    for corner in range(10):
        length = radius if corner % 2 == 0 else radius * 0.45
        angle = math.pi * corner / 5 - math.pi / 2
        point = QPointF(box.center().x() + length * math.cos(angle), box.center().y() + length * math.sin(angle))
        if corner == 0:
            path.moveTo(point)
        else:
            path.lineTo(point)
    path.closeSubpath()
    return path
