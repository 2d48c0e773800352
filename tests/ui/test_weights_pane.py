"""The weights of two models as a user walks them: the network, a layer, its experts, a tensor, its values."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from comparing import press, settle, shown
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.errors import Damaged
from diptych.formats import open_weights
from diptych.job import Job, Tick
from diptych.tensors.histogram import Histogram
from diptych.ui.context import Alert, Context
from diptych.ui.pages.compare import ComparePage
from diptych.ui.panes.weights import WeightsPane
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.widgets.cividis import cividis
from diptych.workbench import Workbench
from diptych.workbench.comparing import Comparison, TensorDetail
from making import write_safetensors

Key = Qt.Key
EXPERTS, LAYERS = 6, 3


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two mixtures of experts; in B the experts of layer 1 moved, the fourth most."""
    folder = tmp_path_factory.mktemp("mixtures")
    chance = np.random.default_rng(5)
    ours = {"model.embed_tokens.weight": chance.standard_normal((16, 8), np.float32)}
    for layer in range(LAYERS):
        stem = f"model.layers.{layer}"
        ours[f"{stem}.self_attn.q_proj.weight"] = chance.standard_normal((40, 30), np.float32)
        ours |= {
            f"{stem}.mlp.experts.{expert}.{module}_proj.weight": chance.standard_normal((4, 8), np.float32)
            for expert in range(EXPERTS)
            for module in ("gate", "up", "down")
        }
    theirs = dict(ours)
    for expert in range(EXPERTS):
        name = f"model.layers.1.mlp.experts.{expert}.up_proj.weight"
        theirs[name] = ours[name] * np.float32(1.5 if expert == 3 else 1.01)
    changed = theirs["model.layers.2.self_attn.q_proj.weight"].copy()
    changed[25, 20] += 0.5
    theirs["model.layers.2.self_attn.q_proj.weight"] = changed
    for side, tensors in (("a", ours), ("b", theirs)):
        write_safetensors(folder / side / "model.safetensors", tensors)
    return folder / "a", folder / "b"


@pytest.fixture
def context(workbench: Workbench, theme: Theme) -> Iterator[Context]:
    made = Context(workbench, Runner(), theme)
    yield made
    made.runner.close()


@pytest.fixture
def pane(context: Context, mixtures: tuple[Path, Path], qtbot: QtBot) -> WeightsPane:
    """The comparison, with the weights on the whole page and the map under the keys."""
    page = shown(context, qtbot)
    page.open(*mixtures)
    view = settle(page, qtbot)
    view.focus_section("weights")
    found = view.sections["weights"].pane
    assert isinstance(found, WeightsPane)
    found.map.setFocus()
    return found


def page_of(pane: WeightsPane) -> ComparePage:
    page = pane.parentWidget()
    while page is not None and not isinstance(page, ComparePage):
        page = page.parentWidget()
    assert page is not None
    return page


def row_of(pane: WeightsPane) -> str:
    row = pane.current()
    return row.key if row is not None else ""


def idle(pane: WeightsPane, qtbot: QtBot) -> None:
    """Wait until nothing is read, and what was read has arrived."""
    runner = pane.context.runner
    qtbot.waitUntil(lambda: not any(job.active or job.quiet for job in runner.jobs), timeout=20_000)


EXPERT = "model.layers.1.mlp.experts.3.up_proj.weight"
QUERY = "model.layers.2.self_attn.q_proj.weight"


def test_experts_fold_into_one_field_that_says_worst_and_median(pane: WeightsPane) -> None:
    assert len(pane.map.heat.columns) == LAYERS + 1
    assert pane.select(EXPERT)
    assert "worst 0.5 (expert 3), median 0.01, 0 of 6 identical (6 tensors)" in pane.map.cursor_text()
    assert row_of(pane) == EXPERT
    assert pane.changes() == [EXPERT, QUERY]
    assert ("▀", "worst expert, below it the median") in pane._fields.signs()


def test_enter_unfolds_a_layer_and_escape_folds_it_again(pane: WeightsPane, qtbot: QtBot) -> None:
    pane.select(EXPERT)
    press(qtbot, Key.Key_Return)
    assert pane.line == "layer 1"
    assert pane.map.heat.columns == ("layer", *map(str, range(EXPERTS)))
    assert pane.map.heat.rows == ("q", "expert gate", "expert up", "expert down")
    assert row_of(pane) == EXPERT
    press(qtbot, Key.Key_Left)
    assert row_of(pane) == "model.layers.1.mlp.experts.2.up_proj.weight"
    press(qtbot, Key.Key_Escape)
    assert pane.line == ""
    assert pane.isVisible()
    assert pane._cell() is not None
    assert row_of(pane) == EXPERT
    press(qtbot, Key.Key_Escape)
    assert page_of(pane).view.alone == ""


def test_plus_leads_from_the_network_to_the_values_and_minus_back(pane: WeightsPane, qtbot: QtBot) -> None:
    pane.select(EXPERT)
    seen = []
    for _ in range(12):
        press(qtbot, Key.Key_Plus)
        idle(pane, qtbot)
        seen.append((pane.map.columnWidth(0), pane.line, pane.drawer.isVisible(), pane.values.isVisible()))
        if pane.values.isVisible():
            break
    stages = list(dict.fromkeys((line, drawer, values) for _, line, drawer, values in seen))
    assert stages == [("", False, False), ("layer 1", False, False), ("layer 1", True, False), ("layer 1", False, True)]
    for _ in range(12):
        press(qtbot, Key.Key_Minus)
    assert (pane.line, pane.drawer.isVisible(), pane.values.isVisible()) == ("", False, False)
    assert row_of(pane) == EXPERT


def test_values_are_those_of_the_file(pane: WeightsPane, mixtures: tuple[Path, Path], qtbot: QtBot) -> None:
    pane.select(QUERY)
    press(qtbot, Key.Key_V)
    idle(pane, qtbot)
    grid = pane.values.grid
    assert grid.isVisible()
    assert not pane.map.isVisible()
    assert grid.size_of() == (40, 30)
    press(qtbot, Key.Key_G)
    qtbot.keyClicks(pane.values.field, "25, 20")
    press(qtbot, Key.Key_Return)
    idle(pane, qtbot)
    rows, columns = grid.in_view()
    assert 25 in rows
    assert 20 in columns
    with open_weights(mixtures[0]) as a, open_weights(mixtures[1]) as b:
        left, right = (np.concatenate(list(each.read(QUERY))).reshape(40, 30)[25, 20] for each in (a, b))
    assert pane.values.said().split("     ") == [
        "[25, 20]", f"● A {left!s}".replace("-", "−"), f"■ B {right!s}".replace("-", "−"),
        f"B − A {float(right) - float(left)}",
    ]  # fmt: skip
    page_of(pane).view.copy_row()
    copied = QApplication.clipboard().text().split("\t")
    assert copied[0] == f"{QUERY}[25, 20]"
    assert np.float32(copied[1].replace("−", "-")) == left
    press(qtbot, Key.Key_Escape)
    assert pane.drawer.isVisible()
    assert pane.map.isVisible()


def test_values_are_walked_with_the_keys(pane: WeightsPane, qtbot: QtBot) -> None:
    pane.select(QUERY)
    press(qtbot, Key.Key_V)
    idle(pane, qtbot)
    grid = pane.values.grid
    control = Qt.KeyboardModifier.ControlModifier
    for key, modifier, place in (
        (Key.Key_Right, Qt.KeyboardModifier.NoModifier, (0, 1)),
        (Key.Key_Down, Qt.KeyboardModifier.NoModifier, (1, 1)),
        (Key.Key_End, Qt.KeyboardModifier.NoModifier, (1, 29)),
        (Key.Key_End, control, (39, 29)),
        (Key.Key_Up, Qt.KeyboardModifier.NoModifier, (38, 29)),
        (Key.Key_Home, control, (0, 0)),
        (Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, (grid.page_rows(), 0)),
        (Key.Key_PageDown, Qt.KeyboardModifier.ShiftModifier, (grid.page_rows(), grid.page_columns())),
        (Key.Key_PageUp, Qt.KeyboardModifier.ShiftModifier, (grid.page_rows(), 0)),
    ):
        press(qtbot, key, modifier)
        assert grid.cursor_at() == place
        rows, columns = grid.in_view()
        assert place[0] in rows
        assert place[1] in columns
        idle(pane, qtbot)
        assert grid.accessibleDescription().startswith(str(list(place)))


@pytest.mark.parametrize(
    ("text", "place", "fault"),
    [
        ("3, 7", (3, 7), ""),
        ("[3, 7]", (3, 7), ""),
        ("97", (3, 7), ""),
        ("-1 -1", (39, 29), ""),
        ("40, 0", None, "40 is not within 40."),
        ("1, 2, 3", None, "An index has 1 and 2 numbers."),
        ("", None, "An index has 1 and 2 numbers."),
    ],
)
def test_an_index_is_gone_to(
    pane: WeightsPane, qtbot: QtBot, text: str, place: tuple[int, int] | None, fault: str
) -> None:
    pane.select(QUERY)
    press(qtbot, Key.Key_V)
    idle(pane, qtbot)
    assert pane.values.go_to(text) == fault
    assert pane.values.grid.cursor_at() == (place or (0, 0))


def test_reading_a_tensor_can_be_stopped(pane: WeightsPane, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(comparison: Comparison, key: str) -> Job[TensorDetail]:
        while True:
            yield Tick("Counting values", 41, 100, "bytes")

    monkeypatch.setattr(pane.context.workbench, "tensor", endless)
    pane.select(QUERY)
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(lambda: pane.drawer.state() == "Counting values… 41%")
    assert pane.drawer.cancel.isVisible()
    started = time.monotonic()
    qtbot.mouseClick(pane.drawer.cancel, Qt.MouseButton.LeftButton)
    idle(pane, qtbot)
    assert time.monotonic() - started < 1
    assert pane.drawer.state() == "Stopped."
    assert not pane.drawer.cancel.isVisible()
    pane.map.setFocus()
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(pane.context.runner.active))
    pane.drawer.setFocus()
    press(qtbot, Key.Key_Escape)
    idle(pane, qtbot)
    assert not pane.drawer.isVisible()


def test_the_histogram_of_the_change_comes_first_and_nothing_moves_after_it(
    pane: WeightsPane, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, go_on = Histogram((1, 5, 1), (-1.0, -0.5, 0.5, 1.0)), Event()

    def tensor(comparison: Comparison, key: str) -> Job[TensorDetail]:
        while not go_on.wait(0.01):
            yield Tick("Counting values", 2, 4, "bytes", TensorDetail(key, (None, None, counted)))
        return TensorDetail(key, (counted, counted, counted))

    def told() -> list[str]:
        return [histogram.accessibleDescription() for histogram in pane.drawer.histograms]

    monkeypatch.setattr(pane.context.workbench, "tensor", tensor)
    pane.select(QUERY)
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(lambda: pane.drawer.state() == "Counting values… 50%")
    assert told() == ["not counted", "not counted", "7 values from −1 to 1"]
    assert all(histogram.isVisible() for histogram in pane.drawer.histograms)
    assert pane.drawer.cancel.isVisible()
    qtbot.waitUntil(lambda: pane.drawer.histograms[2].y() > pane.drawer.histograms[0].y())
    places = [histogram.geometry() for histogram in pane.drawer.histograms]
    go_on.set()
    idle(pane, qtbot)
    assert told() == ["7 values from −1 to 1"] * 3
    assert pane.drawer.state() == ""
    pane.drawer.grab()
    assert [histogram.geometry() for histogram in pane.drawer.histograms] == places


def test_what_was_counted_of_a_file_that_is_damaged_is_not_shown(
    pane: WeightsPane, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, go_on = Histogram((1, 5, 1), (-1.0, -0.5, 0.5, 1.0)), Event()

    def tensor(comparison: Comparison, key: str) -> Job[TensorDetail]:
        while not go_on.wait(0.01):
            yield Tick("Counting values", 2, 4, "bytes", TensorDetail(key, (None, None, counted)))
        raise Damaged("model.safetensors is shorter than it was")

    monkeypatch.setattr(pane.context.workbench, "tensor", tensor)
    pane.select(QUERY)
    press(qtbot, Key.Key_Return)
    qtbot.waitUntil(pane.drawer.histograms[2].isVisible)
    go_on.set()
    idle(pane, qtbot)
    assert "shorter" in pane.drawer.state()
    assert not any(histogram.isVisible() for histogram in pane.drawer.histograms)


def test_the_map_is_taken_away_as_a_picture(pane: WeightsPane, qtbot: QtBot, tmp_path: Path) -> None:
    page_of(pane).export_picture(tmp_path / "map.png")
    idle(pane, qtbot)
    image = QImage(str(tmp_path / "map.png"))
    assert image.width() > 2 * 300
    colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert len(colours) > 20
    worst = cividis(pane.map.heat.scale.share(0.5)).name()
    assert worst in colours
    pane.select(EXPERT)
    press(qtbot, Key.Key_Return)
    other = pane.picture()
    assert other is not None
    assert other.size() != image.size()


def test_the_table_is_taken_away_for_spreadsheets(pane: WeightsPane, qtbot: QtBot, tmp_path: Path) -> None:
    page_of(pane).export_table(tmp_path / "table.csv")
    idle(pane, qtbot)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as opened:
        rows = {row["name"]: row for row in csv.DictReader(opened)}
    assert pane.sheet is not None
    assert rows.keys() == {row.key for row in pane.sheet.rows}
    assert float(rows[EXPERT]["relative_change"]) == pytest.approx(0.5)


def test_what_cannot_be_written_is_said(pane: WeightsPane, qtbot: QtBot, tmp_path: Path) -> None:
    alerts: list[Alert] = []
    pane.context.alerted.connect(alerts.append)
    page_of(pane).export_table(tmp_path / "gone" / "table.csv")
    idle(pane, qtbot)
    page_of(pane).export_picture(tmp_path / "gone" / "map.png")
    idle(pane, qtbot)
    qtbot.waitUntil(lambda: len(alerts) == 2)
    assert all(alert.serious and "gone" in alert.message for alert in alerts)


def test_names_in_the_table_lose_what_their_heading_says(pane: WeightsPane, qtbot: QtBot) -> None:
    pane.select(EXPERT)
    press(qtbot, Key.Key_T)
    assert row_of(pane) == EXPERT
    line = pane.table.list.line(pane.table.list.currentIndex())
    assert line is not None
    assert line.label == "mlp.experts.3.up_proj.weight"
    assert line.spoken.startswith(EXPERT)


def test_a_layer_of_experts_alone_gives_all_of_them_the_same_width(
    context: Context, qtbot: QtBot, tmp_path: Path
) -> None:
    chance = np.random.default_rng(6)
    names = [f"model.layers.{layer}.mlp.experts.{expert}.up_proj.weight" for layer in range(2) for expert in range(40)]
    for side in ("a", "b"):
        tensors = {name: chance.standard_normal((4, 8), np.float32) for name in names}
        write_safetensors(tmp_path / side / "model.safetensors", tensors)
    page = shown(context, qtbot)
    page.open(tmp_path / "a", tmp_path / "b")
    view = settle(page, qtbot)
    view.focus_section("weights")
    found = view.sections["weights"].pane
    assert isinstance(found, WeightsPane)
    found.select(names[0])
    while not found.line:
        found.zoom(1)
    widths = [found.map.columnWidth(column) for column in range(found.map.heat.columnCount())]
    assert len(widths) == 40
    assert max(widths) - min(widths) <= 1
