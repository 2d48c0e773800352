"""Curves as drawings within the report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from diptych import display
from diptych.domain.sheet import Chart, Line
from diptych.reports.markup import text

_WIDTH, _HEIGHT = 480, 180
_LEFT, _BOTTOM, _TOP = 56, 20, 8
_BUCKETS = 400
"""Parts of the x axis of which the lowest and the highest point are drawn."""


def charts(found: Sequence[Chart]) -> str:
    """Every chart that has points, A as a line and B dashed."""
    drawn = [drawing for chart in found if (drawing := _chart(chart))]
    if not drawn:
        return ""
    return f'<div class="charts">{"".join(drawn)}</div>'


def _chart(chart: Chart) -> str:
    points = [_thinned(line) for line in chart.lines]
    finite = [(x, y) for line in points for x, y in line if math.isfinite(x) and math.isfinite(y)]
    if not finite:
        return ""
    x_range = _range([x for x, _ in finite])
    y_range = _range([y for _, y in finite])
    paths = "".join(
        f'<path class="{line.side if line.side in ("left", "right") else ""}" d="{_path(each, x_range, y_range)}"/>'
        for line, each in zip(chart.lines, points, strict=True)
    )
    floor = _HEIGHT - _BOTTOM
    labels = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{where}">{text(words)}</text>'
        for x, y, where, words in (
            (_LEFT - 6, _TOP + 8, "end", display.number(y_range[1], 3)),
            (_LEFT - 6, floor, "end", display.number(y_range[0], 3)),
            (_LEFT, _HEIGHT - 4, "start", f"{display.number(x_range[0])}"),
            (_WIDTH, _HEIGHT - 4, "end", f"{chart.x_label} {display.number(x_range[1])}"),
        )
    )
    note = f'<p class="note">{text(chart.note)}</p>' if chart.note else ""
    return (
        f'<div><h3>{text(chart.title)} <span class="of-a">● A</span> <span class="of-b">■ B (dashed)</span></h3>'
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" aria-label="{text(chart.title)}">'
        f'<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{floor}H{_WIDTH}"/>{paths}{labels}</svg>{note}</div>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if not math.isfinite(high - low):
        return low / 2, high / 2
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _path(points: Sequence[tuple[float, float]], x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    """A path that is interrupted where a value is not finite."""
    parts = []
    pen = "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        across = _LEFT + (x - x_range[0]) / (x_range[1] - x_range[0]) * (_WIDTH - _LEFT)
        down = _TOP + (1 - (y - y_range[0]) / (y_range[1] - y_range[0])) * (_HEIGHT - _BOTTOM - _TOP)
        parts.append(f"{pen}{across:.1f} {down:.1f}")
        pen = "L"
    return "".join(parts)


def _thinned(line: Line) -> list[tuple[float, float]]:
    points = list(zip(line.x, line.y, strict=False))
    return points if len(points) <= 2 * _BUCKETS else list(_extremes(points))


def _extremes(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The lowest and the highest point of each of many equal runs, so that no spike is lost."""
    stride = math.ceil(len(points) / _BUCKETS)
    for start in range(0, len(points), stride):
        finite = [point for point in points[start : start + stride] if math.isfinite(point[1])]
        if not finite:
            yield points[start]
            continue
        ends = {min(finite, key=lambda point: point[1]), max(finite, key=lambda point: point[1])}
        yield from sorted(ends)
