"""The curves of a comparison, over sheets written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from scripted import row, scripted, shown

from diptych.domain.sheet import Chart, Column, Line, Sheet
from diptych.settings import Settings
from diptych.ui.context import Context
from diptych.ui.models.rows import Showing
from diptych.ui.panes.curves import CurvesPane
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench


@pytest.fixture
def context(workbench: Workbench, inline_runner: Runner, theme: Theme) -> Context:
    return Context(workbench, inline_runner, theme)


@pytest.fixture
def curves() -> Sheet:
    lines = (Line("left", (1.0, 2.0, 3.0), (3.0, 2.0, 1.0)), Line("right", (1.0, 2.0), (2.5, float("nan"))))
    charts = (Chart("loss", "loss", "step", lines), Chart("same", "same", "step", lines))
    rows = (row("loss", "1", "2.5"), row("same", "1", "1"))
    return Sheet("curves", "Curves", "curves", rows, (Column("best_left", "best A"),), charts)


def test_curves_are_told_apart_without_colour(context: Context, curves: Sheet, qtbot: QtBot) -> None:
    pane = CurvesPane(context, scripted({}))
    shown(pane, curves, qtbot)
    qtbot.waitUntil(lambda: "loss" in pane.cards and pane.cards["loss"].plot.isVisible())
    assert list(pane.cards) == ["loss"]
    canvas = pane.cards["loss"].plot.focusProxy()
    assert isinstance(canvas, FigureCanvasQTAgg)
    canvas.draw()
    a, b = canvas.figure.axes[0].lines[:2]
    assert (a.get_marker(), a.get_linestyle()) == ("o", "-")
    assert (b.get_marker(), b.get_linestyle()) == ("s", "--")
    pane.show_rows(Showing(all=True))
    qtbot.waitUntil(lambda: "same" in pane.cards and pane.cards["same"].plot.isVisible())
    assert pane.select("loss")
    assert pane.current() is not None


def test_the_crosshair_is_shared_and_tells_values(context: Context, curves: Sheet, qtbot: QtBot) -> None:
    pane = CurvesPane(context, scripted({}))
    shown(pane, curves, qtbot)
    qtbot.waitUntil(lambda: "loss" in pane.cards and pane.cards["loss"].plot.isVisible())
    pane.cards["loss"].plot.pointed.emit(3.0)
    assert "● 1 at 3" in pane.cards["loss"].values_text()
    pane.cards["loss"].plot.pointed.emit(None)
    assert "A solid" in pane.cards["loss"].values_text()


def test_curves_go_over_another_axis_and_smoother_with_what_was_logged_below(
    context: Context, curves: Sheet, qtbot: QtBot
) -> None:
    lines = tuple(replace(line, axes={"epoch": tuple(x / 2 for x in line.x)}) for line in curves.charts[0].lines)
    pane = CurvesPane(context, scripted({}))
    shown(pane, replace(curves, charts=(replace(curves.charts[0], lines=lines),)), qtbot)
    qtbot.waitUntil(lambda: "loss" in pane.cards and pane.cards["loss"].plot.isVisible())
    offered = {button.text(): button for button in pane.bar.findChildren(QPushButton) if button.isVisible()}
    assert list(offered) == ["Step", "Epoch", "Progress"]
    canvas = pane.cards["loss"].plot.focusProxy()
    assert isinstance(canvas, FigureCanvasQTAgg)

    def drawn() -> list[list[float]]:
        canvas.draw()
        return [list(line.get_xdata()) for line in canvas.figure.axes[0].lines]

    qtbot.mouseClick(offered["Epoch"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: drawn() == [[0.5, 1.0, 1.5], [0.5, 1.0]])
    qtbot.mouseClick(offered["Progress"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: drawn() == [pytest.approx([100 / 3, 200 / 3, 100]), [50.0, 100.0]])
    pane.bar.slider.setFocus()
    qtbot.keyClick(pane.bar.slider, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: len(drawn()) == 4)
    pane.cards["loss"].plot.pointed.emit(100.0)
    assert "● smoothed 1.108 at 100" in pane.cards["loss"].values_text()
    qtbot.waitUntil(lambda: Settings.load().smoothing == 0.1)
    assert CurvesPane(context, scripted({})).bar.axis() == "progress"


def test_an_axis_that_is_not_known_of_every_curve_is_not_offered(context: Context, curves: Sheet, qtbot: QtBot) -> None:
    context.workbench.settings.curves_over = "epoch"
    pane = CurvesPane(context, scripted({}))
    shown(pane, curves, qtbot)
    assert [b.text() for b in pane.bar.findChildren(QPushButton) if b.isVisible()] == ["Step", "Progress"]
    assert pane.bar.axis() == "step"
