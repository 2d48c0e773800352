"""The looks of the facets, over sheets written by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from scripted import row, scripted, shown

from diptych.domain.sheet import Clause, Row, Sheet, Status
from diptych.ui.context import Context
from diptych.ui.models.pairs import PairsModel
from diptych.ui.models.rows import RowsModel, Showing, line_of
from diptych.ui.pane import Pane
from diptych.ui.panes import PANES, pane_for
from diptych.ui.panes.outputs import OutputsPane
from diptych.ui.panes.rows import RowsPane
from diptych.ui.panes.verdict import VerdictPane
from diptych.ui.runner import Runner
from diptych.ui.table import SheetTable
from diptych.ui.theme import Theme
from diptych.ui.widgets.difftext import LINE, WHOLE, capped
from diptych.ui.widgets.lines import Tone, columns
from diptych.ui.widgets.link import Link
from diptych.ui.widgets.rowlist import SHOWN
from diptych.workbench import Workbench


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
        qtbot.keyClick(link, Qt.Key.Key_Space)
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


def test_a_facet_nobody_knows_is_a_table() -> None:
    assert pane_for("something new") is RowsPane
    assert set(PANES) == {"summary", "curves", "outputs", "weights"}


def current(pane: Pane) -> str:
    """The key of the row under the cursor."""
    found = pane.current()
    return found.key if found is not None else ""
