"""Charts are drawn in strokes: what comes out is what matplotlib draws at once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from diptych.ui.theme import Theme
from diptych.ui.widgets.brush import Brush
from diptych.ui.widgets.chartcanvas import ChartCanvas
from diptych.ui.widgets.curves import Curve
from diptych.ui.widgets.plot import Plot

STEPS = np.arange(0, 600, 10.0)
LOSS = np.exp(-STEPS / 200)
PAIR = (Curve("A", STEPS, LOSS, "a", "o"), Curve("B", STEPS, 0.9 * LOSS, "b", "s", dashed=True))


class Drawing:
    """A canvas that notes what was done, and has one stroke after another while it is held."""

    def __init__(self, fails: bool = False) -> None:
        self.done: list[str] = []
        self.fails = fails
        self.held = False

    def strokes(self) -> Iterator[None]:
        self.done.append("begun")
        yield
        if self.fails:
            raise ValueError("no ink")
        while self.held:
            yield
        self.done.append("whole")


@pytest.fixture
def plot(theme: Theme, qtbot: QtBot) -> Plot:
    """A chart that is shown, of nothing yet."""
    made = Plot(theme)
    made.resize(400, 220)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def canvas_of(plot: Plot) -> ChartCanvas:
    canvas = plot.focusProxy()
    assert isinstance(canvas, ChartCanvas)
    return canvas


def at_once(plot: Plot) -> QImage:
    """The figure as matplotlib draws it, on its own canvas."""
    figure = canvas_of(plot).figure
    try:
        whole = FigureCanvasAgg(figure)
        whole.draw()
        pixels = whole.buffer_rgba()
        return QImage(pixels, pixels.shape[1], pixels.shape[0], QImage.Format.Format_RGBA8888).copy()
    finally:
        figure.set_canvas(canvas_of(plot))


def shown(plot: Plot) -> QImage:
    return canvas_of(plot).grab().toImage().convertToFormat(QImage.Format.Format_RGBA8888)


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_what_is_drawn_in_strokes_is_what_matplotlib_draws_at_once(
    plot: Plot, theme: Theme, qtbot: QtBot, look: str, logarithmic: bool
) -> None:
    theme.use(look)
    plot.draw(PAIR, "step", "loss", "training", logarithmic)
    qtbot.waitUntil(lambda: shown(plot) == at_once(plot))


def test_what_changes_while_a_chart_is_drawn_is_drawn_as_well(plot: Plot, theme: Theme, qtbot: QtBot) -> None:
    canvas = canvas_of(plot)
    plot.draw(PAIR, "step")
    drawing = canvas.strokes()
    next(drawing)
    theme.use("dark")
    next(drawing)
    plot.resize(500, 260)
    next(drawing)
    plot.zoom(2)
    canvas.draw()
    drawing.close()
    assert (canvas.width(), canvas.height()) == (shown(plot).width(), shown(plot).height())
    assert shown(plot) == at_once(plot)
    low, high = canvas.figure.axes[0].get_xlim()
    assert high - low == pytest.approx(0.5 * 1.04 * STEPS[-1])


def test_the_crosshair_is_painted_over_the_picture(plot: Plot, theme: Theme) -> None:
    plot.draw(PAIR, "step")
    canvas = canvas_of(plot)
    canvas.draw()
    plain = shown(plot)
    plot.point_at(float(STEPS[20]))
    axes = canvas.figure.axes[0]
    place = QPoint(int(axes.transData.transform((STEPS[20], 0))[0] + 0.5), 100)
    assert shown(plot).pixelColor(place) == theme.color("focus")
    plot.point_at(float(STEPS[-1] * 2))
    assert shown(plot) == plain
    plot.point_at(None)
    assert shown(plot) == plain


def test_a_chart_asked_for_again_is_begun_anew_and_drawn_once(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.ui.widgets.brush.isValid", lambda canvas: True)
    brush, first, second = Brush(), Drawing(), Drawing()
    first.held = True
    for drawing in (first, second, first):
        brush.ask(drawing)
    qtbot.waitUntil(lambda: first.done == ["begun"])
    first.held = False
    brush.ask(first)
    qtbot.waitUntil(lambda: first.done[-1] == "whole")
    assert second.done == ["begun", "whole"]
    assert first.done == ["begun", "begun", "whole"]


def test_one_chart_that_cannot_be_drawn_leaves_the_others(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.ui.widgets.brush.isValid", lambda canvas: True)
    brush, bad, good = Brush(), Drawing(fails=True), Drawing()
    with qtbot.captureExceptions() as raised:
        brush.ask(bad)
        brush.ask(good)
        qtbot.waitUntil(lambda: good.done == ["begun", "whole"])
    assert [str(error) for _, error, _ in raised] == ["no ink"]


def test_a_chart_that_goes_while_it_is_drawn_is_left(theme: Theme, qtbot: QtBot) -> None:
    going, staying = Plot(theme), Plot(theme)
    qtbot.addWidget(staying)
    for plot in (going, staying):
        plot.resize(300, 200)
        plot.show()
        plot.draw(PAIR, "step")
    qtbot.waitUntil(lambda: bool(canvas_of(going).figure.axes))
    delete(going)
    qtbot.waitUntil(lambda: shown(staying) == at_once(staying))


def test_arrows_step_within_what_is_shown(plot: Plot, qtbot: QtBot) -> None:
    plot.draw(PAIR)
    seen: list[object] = []
    plot.pointed.connect(seen.append)
    plot.zoom(4)
    low, _ = canvas_of(plot).figure.axes[0].get_xlim()
    for _ in range(2):
        qtbot.keyClick(canvas_of(plot), Qt.Key.Key_Right)
    inside = STEPS[low <= STEPS]
    assert seen == [inside[0], inside[1]]


def test_what_stands_beside_the_curves_does_not_slide_into_them(plot: Plot, theme: Theme, qtbot: QtBot) -> None:
    canvas = canvas_of(plot)
    canvas.setFocus()
    plot.draw(PAIR)
    plot.zoom(4)
    canvas.draw()
    right = round(canvas.figure.axes[0].bbox.x1)
    middle = canvas.height() // 2
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(right - 40, middle))
    qtbot.mouseMove(canvas, QPoint(right - 80, middle))
    picture = plot.grab().toImage()
    ring = theme.color("focus").name()
    within = {picture.pixelColor(x, middle // 2).name() for x in range(right - 60, right)}
    assert ring not in within
    assert picture.pixelColor(plot.width() - 1, middle // 2).name() == ring
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(right - 80, middle))
