"""A histogram shows nought where its bins have it, also where they grow."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from diptych.ui.theme import Theme
from diptych.ui.widgets.histogram import Histogram


def written(histogram: Histogram, columns: range) -> list[int]:
    """The pixels from left to right that something is written in below the bars."""
    picture = histogram.grab().toImage()
    lines = range(picture.height() - 8, picture.height() - 3)
    empty = picture.pixel(columns.start, lines.start)
    return [x for x in columns if any(picture.pixel(x, y) != empty for y in lines)]


def test_nought_is_written_below_its_bin(theme: Theme, qtbot: QtBot) -> None:
    histogram = Histogram(theme, "change", "muted")
    qtbot.addWidget(histogram)
    histogram.resize(400, 72)
    sizes = [2.0**at for at in range(7)]
    histogram.show_counts([1] * 10, [*(-size for size in reversed(sizes)), 1.0, 2.0, 4.0, 8.0])
    found = written(histogram, range(60, 380))
    assert found
    assert abs((found[0] + found[-1]) / 2 - 400 * 6.5 / 10) < 3
    assert "10 values from −64 to 8" in histogram.toolTip()
