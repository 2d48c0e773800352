"""The heat map and its table in a comparison: walked by keys, filled while it is shown, opened at a tensor."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from scripted import scripted, shown, weights

from diptych.errors import Refused
from diptych.job import Job, Tick
from diptych.tensors.histogram import Histogram
from diptych.tensors.spectrum import Spectrum
from diptych.ui.context import Context
from diptych.ui.pane import Pane
from diptych.ui.panes.weights import WeightsPane
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.widgets.cividis import cividis, scale_of
from diptych.workbench import Workbench
from diptych.workbench.comparing import Comparison, TensorDetail, TensorSpectrum

Key = Qt.Key


@pytest.fixture
def context(workbench: Workbench, inline_runner: Runner, theme: Theme) -> Context:
    return Context(workbench, inline_runner, theme)


def current(pane: Pane) -> str:
    """The key of the row under the cursor."""
    found = pane.current()
    return found.key if found is not None else ""


def test_the_map_is_walked_by_keys_and_speaks(context: Context, qtbot: QtBot) -> None:
    pane = WeightsPane(context, scripted({}))
    shown(pane, weights(4, 12), qtbot)
    pane.select("layers.0.q")
    pane.map.setFocus()
    qtbot.keyClick(pane.map, Key.Key_Right)
    assert current(pane) == "layers.1.q"
    qtbot.keyClick(pane.map, Key.Key_Down)
    assert current(pane) == "layers.1.k"
    assert pane.map.accessibleDescription().startswith("layer 1, k: ‖B−A‖ ∕ ‖A‖")
    index = pane.map.heat.index(2, 0)
    assert pane.map.heat.data(index, Qt.ItemDataRole.AccessibleTextRole) == "layer 0, norm₁: identical"
    left: list[int] = []
    pane.left_over.connect(left.append)
    for _ in range(3):
        qtbot.keyClick(pane.map, Key.Key_Down)
    assert left == [1, 1]


def test_the_map_keeps_its_cursor_while_it_fills(context: Context, qtbot: QtBot) -> None:
    pane = WeightsPane(context, scripted({}))
    comparison = shown(pane, weights(4, 3, complete=False), qtbot)
    assert pane.changes() == ["layers.0.q", "layers.0.k"]
    pane.select("layers.0.k")
    pane.show_sheet(weights(4, 12), comparison)
    assert current(pane) == "layers.0.k"
    assert len(pane.changes()) == 8


@pytest.mark.parametrize("layers", [4, 24, 126])
def test_the_map_fits_its_place(context: Context, qtbot: QtBot, layers: int) -> None:
    pane = WeightsPane(context, scripted({}))
    shown(pane, weights(layers, 3 * layers), qtbot)
    assert pane.map.horizontalHeader().length() + pane.map.verticalHeader().width() <= pane.map.width()
    assert min(pane.map.columnWidth(column) for column in range(layers)) >= 3


def test_the_table_is_the_map_in_words(context: Context, qtbot: QtBot) -> None:
    pane = WeightsPane(context, scripted({}))
    shown(pane, weights(4, 12), qtbot)
    pane.select("layers.2.k")
    found = set(pane.changes())
    pane.toggle_table()
    assert not pane.map.isVisible()
    assert current(pane) == "layers.2.k"
    assert set(pane.changes()) == found
    pane.next_order()
    pane.toggle_table()
    assert pane.map.isVisible()


def test_enter_opens_one_tensor_with_its_histograms(
    context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tensor(comparison: Comparison, key: str) -> Job[TensorDetail]:
        yield Tick("Counting")
        counted = Histogram((1, 5, 1), (-1.0, -0.5, 0.5, 1.0))
        return TensorDetail(key, (counted, counted, None))

    monkeypatch.setattr(context.workbench, "tensor", tensor)
    pane = WeightsPane(context, scripted({}))
    shown(pane, weights(2, 6), qtbot)
    pane.select("layers.1.q")
    pane.map.setFocus()
    qtbot.keyClick(pane.map, Key.Key_Return)
    assert pane.drawer.isVisible()
    assert "F32 [8, 8]" in pane.drawer.facts()
    assert [histogram.isVisible() for histogram in pane.drawer.histograms] == [True, True, False]
    assert "7 values" in pane.drawer.histograms[0].accessibleDescription()
    pane.drawer.setFocus()
    qtbot.keyClick(pane.drawer, Key.Key_Escape)
    assert not pane.drawer.isVisible()


def test_the_spectrum_of_the_change_comes_when_it_is_asked_for(
    context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spectrum(comparison: Comparison, key: str) -> Job[TensorSpectrum]:
        yield Tick("Decomposing")
        if key != "layers.1.q":
            raise Refused(f"{key}: too large")
        return TensorSpectrum(key, Spectrum((8, 8), np.array([4.0, 2.0, 0.1]), 20.01), "two directions")

    monkeypatch.setattr(context.workbench, "spectrum", spectrum)
    pane = WeightsPane(context, scripted({}))
    shown(pane, weights(2, 6), qtbot)
    pane.select("layers.1.q")
    pane.map.setFocus()
    qtbot.keyClick(pane.map, Key.Key_Return)
    assert not pane.drawer.spectrum.isVisible()
    qtbot.mouseClick(pane.drawer.ask, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(pane.drawer.spectrum.isVisible)
    assert pane.drawer.spectrum_text() == "two directions"
    assert "3 values from 4 to 0.1" in pane.drawer.spectrum.accessibleDescription()
    assert not pane.drawer.grab().isNull()
    pane.select("layers.0.q")
    qtbot.keyClick(pane.map, Key.Key_Return)
    assert not pane.drawer.spectrum.isVisible()
    qtbot.mouseClick(pane.drawer.ask, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: pane.drawer.spectrum_text() == "layers.0.q: too large")


def test_a_tensor_that_cannot_be_read_says_why(context: Context, qtbot: QtBot) -> None:
    pane = WeightsPane(context, scripted({}))
    shown(pane, weights(2, 6), qtbot)
    pane.select("layers.1.q")
    pane.map.setFocus()
    qtbot.keyClick(pane.map, Key.Key_Return)
    assert "layers.1.q" in pane.drawer.state()


def test_colours_are_those_of_cividis() -> None:
    theirs = colormaps["cividis"]
    for at in range(101):
        ours = cividis(at / 100)
        wanted = [round(255 * part) for part in theirs(at / 100)[:3]]
        assert max(abs(a - b) for a, b in zip(ours.getRgb()[:3], wanted, strict=True)) <= 8


def test_the_scale_holds_every_value_and_bears_odd_ones() -> None:
    scale = scale_of([1e-4, 0.02, 0.0, float("inf"), float("nan")])
    assert 0 <= scale.share(1e-4) < scale.share(0.02) <= 1
    assert scale.share(0.0) == 0
    assert scale.share(float("inf")) == 1
    assert scale_of([]).high > scale_of([]).low
    assert scale_of([0.5, 0.5]).share(0.5) <= 1
