"""The looks of the facets, over sheets written by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from scripted import row, scripted, shown, weights

from diptych.domain.sheet import Clause, Row, Sheet, Status
from diptych.errors import Refused
from diptych.job import Job, Tick
from diptych.tensors.histogram import Histogram
from diptych.tensors.spectrum import Spectrum
from diptych.ui.context import Context
from diptych.ui.models.pairs import PairsModel
from diptych.ui.models.rows import RowsModel, Showing, line_of
from diptych.ui.pane import Pane
from diptych.ui.panes import PANES, pane_for
from diptych.ui.panes.outputs import OutputsPane
from diptych.ui.panes.rows import RowsPane
from diptych.ui.panes.verdict import VerdictPane
from diptych.ui.panes.weights import WeightsPane
from diptych.ui.runner import Runner
from diptych.ui.table import SheetTable
from diptych.ui.theme import Theme
from diptych.ui.widgets.cividis import cividis, scale_of
from diptych.ui.widgets.difftext import LINE, WHOLE, capped
from diptych.ui.widgets.lines import Tone, columns
from diptych.ui.widgets.link import Link
from diptych.ui.widgets.rowlist import SHOWN
from diptych.workbench import Workbench
from diptych.workbench.comparing import Comparison, TensorDetail, TensorSpectrum

Key = Qt.Key


@pytest.fixture
def context(workbench: Workbench, inline_runner: Runner, theme: Theme) -> Context:
    return Context(workbench, inline_runner, theme)


def settings(count: int) -> Sheet:
    """Settings in two groups, every third of them equal."""
    rows = [
        row(f"{'train' if at % 2 else 'data'}.key{at}", str(at), str(at if at % 3 == 0 else at + 1),
            group="Training" if at % 2 else "Data", magnitude=at / count)
        for at in range(count)
    ]  # fmt: skip
    return Sheet("hyperparameters", "Hyperparameters", "hyperparameters", tuple(rows))


# rows ----------------------------------------------------------------------------------------------------------------


def test_rows_make_a_sound_model(qtbot: QtBot) -> None:
    model = RowsModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(settings(30), Showing())
    model.show(settings(30), Showing(all=True))
    model.fold(model.index(0), folded=True)
    model.sort_by(lambda each: each.magnitude)
    model.show(settings(30), Showing(needle="key1"))
    assert tester.model() is model


def test_groups_have_headings_and_fold() -> None:
    model = RowsModel()
    model.show(settings(30), Showing(all=True))
    assert model.rowCount() == 30 + 2
    assert model.row_at(model.index(0)) is None
    model.fold(model.index(0), folded=True)
    assert model.rowCount() == 15 + 2
    folded_away = next(each for each in settings(30).rows if each.group == "Data")
    assert model.find(folded_away.key).isValid()
    assert model.rowCount() == 30 + 2


def test_small_groups_stand_before_the_names_they_tell_apart() -> None:
    rows = (row("a/acc", "1", "2", label="acc", group="a"), row("b/acc", "1", "2", label="acc", group="b"))
    model = RowsModel()
    model.show(Sheet("metrics", "Metrics", "metrics", rows), Showing())
    assert [model.index(at).data(Qt.ItemDataRole.UserRole + 1).label for at in range(2)] == ["a · acc", "b · acc"]


def labels(model: RowsModel) -> list[str]:
    return [model.index(at).data(Qt.ItemDataRole.UserRole + 1).label for at in range(model.rowCount())]


def test_a_metric_is_named_with_its_task_wherever_no_heading_names_it() -> None:
    lone = (row("a/acc", "1", "2", label="acc", group="a"), row("loss", "1", "2"))
    model = RowsModel()
    model.show(Sheet("metrics", "Metrics", "metrics", lone), Showing())
    assert labels(model) == ["a · acc", "loss"]
    names = ("acc", "f1", "em", "bleu")
    many = tuple(row(f"{task}/{name}", "1", "2", label=name, group=task) for task in ("a", "b") for name in names)
    model.show(Sheet("metrics", "Metrics", "metrics", many), Showing())
    assert labels(model) == ["a", *names, "b", *names]
    model.sort_by(lambda each: len(each.key))
    assert sorted(labels(model)) == [f"{task} · {name}" for task in ("a", "b") for name in sorted(names)]


def test_sorting_puts_what_has_no_value_last_either_way() -> None:
    rows = tuple(row(f"k{at}", "1", "2", magnitude=size) for at, size in enumerate((0.5, None, float("nan"), 2.0)))
    model = RowsModel()
    model.show(Sheet("files", "Files", "files", rows), Showing())
    for descending, first in ((True, "k3"), (False, "k0")):
        model.sort_by(lambda each: each.magnitude, descending)
        assert model.rows()[0].key == first
        assert {each.key for each in model.rows()[2:]} == {"k1", "k2"}


def test_nested_rows_unfold_below_their_row() -> None:
    child = row("lora.r", "8", "16")
    parent = replace(row("lora", "{…}", "{… }"), tree=(child, row("lora.same", "1", "1")))
    model = RowsModel()
    model.show(Sheet("config", "Config", "values", (parent,)), Showing())
    assert model.rowCount() == 2
    assert [each.key for each in model.rows()] == ["lora"]
    model.fold(model.index(0), folded=True)
    assert model.rowCount() == 1


def test_of_a_long_table_the_rows_are_counted_and_not_the_headings(theme: Theme, qtbot: QtBot) -> None:
    table = SheetTable(theme, "Compared rows")
    qtbot.addWidget(table)
    table.stand_alone(alone=False)
    table.show_sheet(settings(60))
    table.show_rows(Showing(all=True))
    table.show()
    said = [link.text() for link in table.findChildren(Link) if link.isVisible()]
    assert said == ["show all 60  ↵"]
    table.select(table.model.rows()[-1].key)
    assert [link.text() for link in table.findChildren(Link) if link.isVisible()] == ["49–60 of 60   show all  ↵"]


def test_only_the_words_that_differ_are_marked() -> None:
    line = line_of(row("path", "/data/runs/first/model", "/data/runs/second/model"))
    assert [text for text, changed in line.left if changed] == ["first"]
    assert [text for text, changed in line.right if changed] == ["second"]


def test_status_is_told_without_colour() -> None:
    tones = {
        Status.SAME: ("=", Tone.QUIET),
        Status.DIFFERS: ("◆", Tone.PLAIN),
        Status.LEFT_ONLY: ("−", Tone.LEFT),
        Status.RIGHT_ONLY: ("+", Tone.RIGHT),
        Status.NOT_COMPARABLE: ("≠", Tone.PLAIN),
    }
    for status, told in tones.items():
        line = line_of(row("k", "1", "2", status=status))
        assert (line.symbol, line.tone) == told
        assert status.value in line.spoken
    assert line_of(row("k", "1", "2", ignored=True)).symbol == "·"


def test_a_metric_is_better_in_words_and_sign_and_has_its_interval() -> None:
    values = {"verdict": "better", "n": 60, "ci_low": 0.1, "ci_high": 0.3, "axis": 0.4, "delta": 0.2}
    line = line_of(row("acc", "0.5", "0.7", change="+0.2 better", magnitude=0.5, values=values))
    assert line.change == "▲ +0.2 better"
    assert line.interval == pytest.approx((0.25, 0.75))
    assert "n 60" in line.note
    unsure = {"verdict": "no uncertainty known"}
    line = line_of(row("acc", "0.5", "0.7", change="+0.2 no uncertainty known", magnitude=0.5, values=unsure))
    assert line.change == "+0.2"
    assert not line.sure
    assert "no uncertainty known" in line.note


def test_columns_of_all_tables_stand_on_one_grid() -> None:
    plain, extra = columns(920), columns(920, extras=1)
    assert (plain.left, plain.right, plain.change) == (extra.left, extra.right, extra.change)
    assert plain.left.width == plain.right.width
    for width in range(400, 2000, 37):
        for extras in range(6):
            made = columns(width, extras)
            ends = [made.label, made.left, made.right, *made.extra]
            assert all(a.end <= b.x for a, b in pairwise(ends))


def test_a_table_in_the_report_shows_twelve_rows_and_the_rest_alone(context: Context, qtbot: QtBot) -> None:
    sheet = Sheet("files", "Files", "files", tuple(row(f"f{at}", "1", "2") for at in range(5000)))
    pane = RowsPane(context, scripted({}))
    shown(pane, sheet, qtbot)
    assert pane.table.list.height() == SHOWN * context.theme.row
    assert pane.select("f4000")
    current = pane.current()
    assert current is not None
    assert current.key == "f4000"
    pane.stand_alone(True)
    qtbot.waitUntil(lambda: pane.table.list.height() > 15 * context.theme.row)


def test_titles_sort(context: Context, qtbot: QtBot) -> None:
    pane = RowsPane(context, scripted({}))
    shown(pane, settings(30), qtbot)
    pane.next_order()
    assert pane.table.titles.order()[0] == "label"
    pane.next_order()
    assert pane.table.titles.order() == ("change", True)
    assert pane.changes()[0] == "train.key29"


# verdict -------------------------------------------------------------------------------------------------------------


def test_every_statement_of_the_verdict_is_a_link(context: Context, qtbot: QtBot) -> None:
    clauses = (Clause("all layers moved", "weights", "w", 2), Clause("3 files differ", "files", "", 0))
    pane = VerdictPane(context, scripted({}))
    shown(pane, Sheet("summary", "Summary", "facets", clauses=clauses), qtbot)
    asked: list[tuple[str, str]] = []
    pane.jump_asked.connect(lambda facet, key: asked.append((facet, key)))
    for link in pane.links:
        qtbot.keyClick(link, Key.Key_Space)
    assert asked == [("weights", "w"), ("files", "")]


# outputs -------------------------------------------------------------------------------------------------------------


def answers() -> Sheet:
    """Three pairs: one unchanged in score, one broken, one fixed."""

    def pair(key: str, right: str, flip: str, share: float) -> Row:
        values = {"prompt": "2 + 2 =", "target": "4", "flip": flip, "changed_words": share}
        return row(key, "the answer is 4", right, values={**values, "scores_left": {"acc": 1.0}, "scores_right": None})

    rows = (
        pair("kept", "the answer must be 4", "both right", 0.9),
        pair("broken", "the answer is 5", "A right, B wrong", 0.2),
        pair("fixed", "the answer is four", "A wrong, B right", 0.3),
    )
    return Sheet("outputs", "Outputs", "outputs", rows)


def test_pairs_are_ordered_for_reading(qtbot: QtBot) -> None:
    model = PairsModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for order, first in (("B broke it", "broken"), ("B fixed it", "fixed"), ("Most changed", "kept")):
        model.show(answers(), Showing(), order)
        assert model.rows()[0].key == first
    model.show(answers(), Showing(), "File order")
    assert [each.key for each in model.rows()] == ["kept", "broken", "fixed"]


def test_answers_stand_side_by_side_with_their_words_marked(context: Context, qtbot: QtBot) -> None:
    pane = OutputsPane(context, scripted({}))
    shown(pane, answers(), qtbot)
    assert pane.select("broken")
    assert pane.left.toPlainText() == "the answer is 4"
    assert pane.right.toPlainText() == "the answer is 5"
    assert pane.right.marked() == ["5"]
    assert "2 + 2 =" in pane.question.text()
    assert "Expected: 4" in pane.target.text()
    assert "A right, B wrong" in pane.target.text()


def test_long_answers_are_compared_by_a_job_and_capped(context: Context, qtbot: QtBot) -> None:
    long = "word " * 100_000
    sheet = Sheet("outputs", "Outputs", "outputs", (row("k", long, long + "more"),))
    pane = OutputsPane(context, scripted({}))
    shown(pane, sheet, qtbot)
    assert len(pane.left.toPlainText()) < 2 * LINE
    assert "more characters in this line" in pane.left.toPlainText()


@pytest.mark.parametrize("text", ["x" * 1_000_000, "line\n" * 400_000, "a\x1b\u202eb"])
def test_what_is_shown_of_a_text_is_bounded_and_visible(text: str) -> None:
    made = "".join(part for part, _ in capped([(text, False)]))
    assert max(len(line) for line in made.split("\n")) < LINE + 100
    assert len(made) < WHOLE + 200
    assert "\x1b" not in made
    assert "\u202e" not in made


# weights -------------------------------------------------------------------------------------------------------------


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


def test_a_facet_nobody_knows_is_a_table() -> None:
    assert pane_for("something new") is RowsPane
    assert set(PANES) == {"summary", "curves", "outputs", "weights"}


def current(pane: Pane) -> str:
    """The key of the row under the cursor."""
    found = pane.current()
    return found.key if found is not None else ""
