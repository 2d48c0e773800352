"""The model behind the library: Qt's own rules, folding, marks, foreign text, and a hundred thousand rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from diptych.domain.evidence import Evidence, Metric
from diptych.domain.found import Found, Record
from diptych.domain.version import Kind, Problem, Source, State
from diptych.job import finish
from diptych.ui.context import Context
from diptych.ui.models.arrangement import View, arrange
from diptych.ui.models.columns import METRIC, giving_way, metric_text, short_number, span_text, usual
from diptych.ui.models.tips import plain_tip
from diptych.ui.models.versions import NAME, VersionsModel
from diptych.ui.pages.library import LibraryPage
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.widgets.cells import CELL
from diptych.workbench import Workbench

MANY = 20_000
GAP = 0.25
"""Seconds without an event that nobody calls fluid. The goal is 0.05 s; a shared machine needs room."""


def find(name: str, model: str, step: int | None = None, state: State = State.COMPLETE, **metrics: float) -> Found:
    """What a scan would have found."""
    results = tuple(Metric("", key, value, Source("r.json")) for key, value in metrics.items())
    problems = (Problem("model.safetensors", "ends early"),) if state is State.DAMAGED else ()
    record = Record(Path("/models") / name / "r.json", "test/1", Evidence(metrics=results))
    return Found(Path("/models") / name, name, model, Kind.CHECKPOINT, state, name, step, created=float(step or 0),
                 records=(record,), problems=problems)  # fmt: skip


@pytest.fixture
def model(context: Context) -> VersionsModel:
    made = VersionsModel(context)
    made.arrange(finish(arrange(context.workbench, View())))
    return made


def row_of(model: VersionsModel, name: str) -> int:
    return [model.index(row, NAME).data() for row in range(model.rowCount())].index(name)


def test_the_model_keeps_the_rules_of_qt(model: VersionsModel, context: Context, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(model)
    model.fold(row_of(model, "sft"))
    model.fold(row_of(model, "sft"))
    model.arrange(finish(arrange(context.workbench, View(grouped=False))))
    qtmodeltester.check(model)


def test_folding_hides_and_shows_the_versions_of_a_run(model: VersionsModel) -> None:
    before = model.rowCount()
    row = row_of(model, "base-pretrain")
    model.fold(row)
    assert model.rowCount() == before - 3
    assert model.keys(row, row) == list(model.arrangement.groups[~model._rows[row]].keys)
    model.fold(row, show=False)
    assert model.rowCount() == before - 3
    model.fold(row)
    assert model.rowCount() == before


def test_a_third_mark_takes_the_place_of_b(model: VersionsModel) -> None:
    for key in (1, 2, 3):
        model.mark(key)
    assert model.marks == (1, 3)
    model.mark(1)
    assert model.marks == (None, 3)
    model.mark(2)
    assert model.marks == (2, 3)
    model.unmark()
    assert model.marks == (None, None)


def test_a_version_that_vanished_leaves_a_row_that_says_so(model: VersionsModel, context: Context) -> None:
    row = row_of(model, "adapters/lora")
    key = model.key(row)
    assert key is not None
    context.workbench.remove([key])
    model.forget([key])
    assert model.index(row, NAME).data() == "gone"


def test_what_names_contain_is_shown_and_never_obeyed(workbench: Workbench, theme: Theme) -> None:
    names = ("<b>bold</b>", "new\nline", "evil\u202egnp.exe", "x" * 300)
    workbench.catalog.store([find(name, name) for name in names])
    made = VersionsModel(Context(workbench, Runner(), theme))
    made.arrange(finish(arrange(workbench, View(sort="name", descending=False))))
    shown = {made.index(row, NAME).data() for row in range(made.rowCount())}
    assert shown == {"<b>bold</b>", "new\\nline", "evil\\u202egnp.exe", "x" * 300}
    tip = made.index(row_of(made, "<b>bold</b>"), NAME).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;bold" in tip
    assert "<b>" not in tip


def test_a_damaged_version_says_why(workbench: Workbench, theme: Theme) -> None:
    workbench.catalog.store([find("broken", "broken", state=State.DAMAGED)])
    made = VersionsModel(Context(workbench, Runner(), theme))
    made.show_columns(["state"])
    made.arrange(finish(arrange(workbench, View())))
    cell = made.index(0, NAME).data(CELL)
    assert (cell.text, cell.after, cell.symbol) == ("broken", "damaged", "damaged")
    assert "ends early" in made.index(0, 2).data(Qt.ItemDataRole.ToolTipRole)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.65214, "0.6521"), (12.3456, "12.35"), (143.72, "143.7"), (1e-9, "1.00e-09"), (-2.5, "−2.500"), (0.0, "0"),
     (float("nan"), "NaN"), (float("inf"), "∞"), (12345.6, "12,346")],
)  # fmt: skip
def test_metrics_take_four_digits(value: float, text: str) -> None:
    assert metric_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(123456.789, "1.23e5"), (1e-12, "1e-12"), (0.65214, "0.652"), (-2500.0, "−2.5e3"), (0.0, "0")],
)
def test_a_number_has_a_short_form(value: float, text: str) -> None:
    assert short_number(value) == text


@pytest.mark.parametrize(
    ("first", "last", "text"), [(500, 20_000, "0.5–20 K"), (1, 30, "1–30"), (0, 2_500_000, "0–2.5 M")]
)
def test_a_span_of_steps_has_a_short_form(first: int, last: int, text: str) -> None:
    assert span_text(first, last) == text


def test_size_and_the_first_metric_never_give_way() -> None:
    keys = usual([("a/acc", 9), ("b/acc", 8), ("c/acc", 7), ("d/acc", 6)])
    assert set(keys) - set(giving_way(keys)) == {"size", METRIC + "a/acc"}


def test_the_usual_columns_are_the_most_common_results_of_different_tasks() -> None:
    counted = [("eval_runtime", 90), ("mmlu/acc", 80), ("mmlu/acc_norm", 79), ("eval_loss", 50), ("gsm8k/acc", 10)]
    metrics = [key for key in usual(counted) if key.startswith("metric:")]
    assert metrics == ["metric:mmlu/acc", "metric:eval_loss", "metric:gsm8k/acc", "metric:mmlu/acc_norm"]
    assert plain_tip("") == ""


class Watchdog:
    """The longest time the event loop did not come round."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(2)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.worst = max(self.worst, now - self._last)
        self._last = now


@pytest.fixture
def large(workbench: Workbench) -> Workbench:
    """A workbench over many versions of many runs."""
    found = (
        find(f"run-{n // 50:04}/checkpoint-{n % 50}", f"run-{n // 50:04}", n % 50, eval_loss=n % 977 / 100)
        for n in range(MANY)
    )
    workbench.catalog.store(list(found))
    return workbench


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()


def test_many_versions_are_shown_without_a_stop(large: Workbench, runner: Runner, theme: Theme, qtbot: QtBot) -> None:
    page = LibraryPage(Context(large, runner, theme))
    qtbot.addWidget(page)
    page.resize(1280, 800)
    page.show()
    qtbot.waitUntil(lambda: page.model.rowCount() == MANY // 50, timeout=20000)
    dog = Watchdog()
    bar = page.table.verticalScrollBar()
    for share in (0.2, 0.9, 0.4):
        bar.setValue(int(bar.maximum() * share))
        qtbot.wait(40)
    page.group(False)
    qtbot.waitUntil(lambda: page.model.rowCount() == MANY, timeout=20000)
    for share in (0.2, 0.9, 0.4):
        bar.setValue(int(bar.maximum() * share))
        qtbot.wait(40)
    page.sort("eval_loss", True)
    qtbot.waitUntil(lambda: page.model.arrangement.view.sort == "eval_loss", timeout=20000)
    page.show_query("eval_loss>5")
    qtbot.waitUntil(lambda: 0 < page.model.rowCount() < MANY, timeout=20000)
    page.table.selectAll()
    qtbot.wait(40)
    assert dog.worst < GAP
