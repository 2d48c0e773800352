"""Paints one line of a comparison on the shared grid."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.lines import Columns, Line, Runs, Span, Tone, shorten

_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_PAD = 4
_INDENT = 16


def paint_line(painter: QPainter, rect: QRect, line: Line, columns: Columns, theme: Theme) -> None:
    """Draw `line` in `rect`; the background is the caller's."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    body = theme.font()
    if line.tone is Tone.HEADING:
        _heading(painter, rect, line, columns, theme)
        return
    quiet = theme.color("muted")
    plain = quiet if line.tone is Tone.QUIET else theme.color("text")
    tint = {Tone.LEFT: "a", Tone.RIGHT: "b"}.get(line.tone, "muted")
    painter.setFont(theme.font(bold=line.tone in (Tone.LEFT, Tone.RIGHT)))
    painter.setPen(theme.color(tint))
    painter.drawText(_room(rect, columns.symbol), _MIDDLE | Qt.AlignmentFlag.AlignLeft, line.symbol)
    painter.setFont(body)
    indent = line.indent * theme.px(_INDENT)
    if line.folded is not None:
        painter.setPen(quiet)
        painter.drawText(
            QRect(rect.x() + columns.label.x + indent - theme.px(14), rect.y(), theme.px(14), rect.height()),
            _MIDDLE, "▸" if line.folded else "▾",
        )  # fmt: skip
    painter.setPen(plain)
    _text(painter, rect, Span(columns.label.x + indent, columns.label.width - indent), line.label, body)
    differs = line.tone is Tone.PLAIN
    for side, span, runs in (("a", columns.left, line.left), ("b", columns.right, line.right)):
        shift = min(_shift(runs, line.lead, body), span.width // 2)
        _runs(painter, rect, Span(span.x + shift, span.width - shift), runs, theme, side, differs, line.tone)
    _change(painter, rect, line, columns, theme)
    painter.setFont(theme.font(Size.CAPTION))
    painter.setPen(quiet)
    _text(painter, rect, columns.note, line.note, painter.font(), Qt.TextElideMode.ElideRight)
    painter.setFont(body)
    painter.setPen(plain)
    for span, text in zip(columns.extra, line.extra, strict=False):
        painter.drawText(_room(rect, span), _MIDDLE | Qt.AlignmentFlag.AlignRight, text)


def _heading(painter: QPainter, rect: QRect, line: Line, columns: Columns, theme: Theme) -> None:
    painter.setFont(theme.font(Size.CAPTION))
    painter.setPen(theme.color("muted"))
    painter.drawText(_room(rect, columns.symbol), _MIDDLE, "▸" if line.folded else "▾")
    painter.setFont(theme.font(Size.CAPTION, bold=True))
    shown = QFontMetrics(painter.font()).elidedText(
        line.label, Qt.TextElideMode.ElideMiddle, rect.width() - columns.label.x - theme.px(160)
    )
    room = QRect(rect.x() + columns.label.x, rect.y(), rect.width() - columns.label.x, rect.height())
    painter.drawText(room, _MIDDLE, shown)
    room.setLeft(room.left() + QFontMetrics(painter.font()).horizontalAdvance(shown) + theme.px(8))
    painter.setFont(theme.font(Size.CAPTION))
    painter.drawText(room, _MIDDLE, line.note)
    painter.setPen(QPen(theme.color("hairline"), 1))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.drawLine(rect.x() + columns.symbol.x, rect.bottom(), rect.right() - columns.symbol.x, rect.bottom())


def _shift(runs: Runs, lead: int, font: QFont) -> int:
    """How far a number moves to the right for its point to stand under the others."""
    if not lead or not runs:
        return 0
    before = len(runs[0][0].partition(".")[0])
    return max(lead - before, 0) * QFontMetrics(font).horizontalAdvance("0")


def _runs(
    painter: QPainter, rect: QRect, span: Span, runs: Runs, theme: Theme, side: str, differs: bool, tone: Tone
) -> None:
    """Draw one side's value; what the other side lacks stands on the side's tint."""
    if not runs:
        if tone is not Tone.QUIET:
            painter.setPen(theme.color("faint"))
            painter.drawText(_room(rect, span), _MIDDLE, "—")
        return
    font = painter.font()
    metrics = QFontMetrics(font)
    text_color = theme.color("muted" if tone is Tone.QUIET else "text")
    whole = sum(metrics.horizontalAdvance(text) for text, _ in runs)
    shown = list(runs) if whole <= span.width else _fit(runs, span.width, metrics)
    x = float(rect.x() + span.x)
    height = metrics.height() + 4
    top = rect.y() + (rect.height() - height) / 2
    for text, changed in shown:
        advance = metrics.horizontalAdvance(text)
        if changed and differs and text:
            tint = "word" if len(shown) > 1 else "row"
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(f"{side}_{tint}"))
            pad = _PAD if len(shown) == 1 else 1
            painter.drawRoundedRect(QRectF(x - pad, top, advance + 2 * pad, height), 3, 3)
        painter.setPen(text_color)
        painter.drawText(QRectF(x, rect.y(), advance + 2, rect.height()), int(_MIDDLE), text)
        x += advance


def _fit(runs: Runs, width: int, metrics: QFontMetrics) -> list[tuple[str, bool]]:
    """Runs that fit into `width`: shared parts give way first, then the end."""
    if len(runs) == 1:
        text, changed = runs[0]
        return [(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width), changed)]
    fitted: list[tuple[str, bool]] = []
    room = width
    for text, changed in shorten(runs):
        advance = metrics.horizontalAdvance(text)
        if advance > room:
            fitted.append((metrics.elidedText(text, Qt.TextElideMode.ElideRight, room), changed))
            break
        fitted.append((text, changed))
        room -= advance
    return fitted


def _change(painter: QPainter, rect: QRect, line: Line, columns: Columns, theme: Theme) -> None:
    font = theme.font(bold=line.strong)
    painter.setFont(font)
    painter.setPen(theme.color("muted" if line.tone is Tone.QUIET else "text"))
    _text(painter, rect, columns.change, line.change, font, Qt.TextElideMode.ElideRight)
    if columns.bar.width and line.bar is not None and line.tone is not Tone.QUIET:
        paint_bar(painter, _room(rect, columns.bar), line.bar, line.interval, theme, line.sure)
    painter.setFont(theme.font())


def paint_bar(
    painter: QPainter, room: QRect, value: float, interval: tuple[float, float] | None, theme: Theme, sure: bool = True
) -> None:
    """Draw a difference on an axis from -1 to 1 with its zero line: to the left A is larger, to the right B."""
    middle = room.x() + room.width() / 2
    half = room.width() / 2 - 2
    y = room.y() + room.height() / 2
    end = middle + max(-1.0, min(1.0, value)) * half
    painter.setPen(QPen(theme.color("faint"), 1))
    painter.drawLine(round(middle), round(y - 8), round(middle), round(y + 8))
    if interval is None:
        color = theme.color("b" if value > 0 else "a")
        painter.setPen(Qt.PenStyle.NoPen if sure else QPen(color, 1))
        painter.setBrush(color if sure else Qt.BrushStyle.NoBrush)
        left, right = min(middle, end), max(middle, end)
        painter.drawRoundedRect(QRectF(left, y - 3, max(right - left, 1.5), 6), 1.5, 1.5)
        return
    low, high = (middle + max(-1.0, min(1.0, bound)) * half for bound in interval)
    painter.setPen(QPen(theme.color("muted"), 1.5))
    painter.drawLine(round(low), round(y), round(high), round(y))
    for x in (low, high):
        painter.drawLine(round(x), round(y - 3), round(x), round(y + 3))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("text"))
    painter.drawEllipse(QRectF(end - 3, y - 3, 6, 6))


def _room(rect: QRect, span: Span) -> QRect:
    return QRect(rect.x() + span.x, rect.y(), span.width, rect.height())


def _text(
    painter: QPainter, rect: QRect, span: Span, text: str, font: QFont,
    mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
) -> None:  # fmt: skip
    if text and span.width > 0:
        shown = QFontMetrics(font).elidedText(text, mode, span.width)
        painter.drawText(_room(rect, span), _MIDDLE | Qt.AlignmentFlag.AlignLeft, shown)
