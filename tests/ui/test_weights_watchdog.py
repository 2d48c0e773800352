"""A hundred thousand tensors leave the window awake: on the map, in a layer, in the table and back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot
from scripted import COLUMNS, at_once, scripted
from watchdog import longest_gap

from diptych.compare import modules
from diptych.compare.grid import grid
from diptych.domain.sheet import Cell, Row, Sheet, Status
from diptych.ui.context import Context
from diptych.ui.pages.compare import ComparePage
from diptych.ui.pages.compare_view import ComparisonView
from diptych.ui.panes.weights import WeightsPane
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench

LIMIT = 0.050
LAYERS, EXPERTS = 258, 128
OWN = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "input_layernorm", "mlp.gate")


@pytest.fixture(scope="module")
def many() -> Sheet:
    """A mixture of 33,000 experts in three matrices each, of which two thirds moved."""
    chance = random.Random(4)
    names = [
        f"model.layers.{layer}.{module}.weight"
        for layer in range(LAYERS)
        for module in (
            *OWN,
            *(f"mlp.experts.{at}.{name}_proj" for at in range(EXPERTS) for name in ("gate", "up", "down")),
        )
    ]
    cell = Cell("F32 4 × 8", "F32 [4, 8]")
    rows = {}
    for at, name in enumerate(names):
        moved = 10 ** chance.uniform(-4, -1) if at % 3 else 0.0
        values = {"relative_change": moved, "norm_change": moved, "norm_left": 1.0, "cosine": 1.0}
        status = Status.DIFFERS if moved else Status.SAME
        rows[name] = Row(name, status, cell, cell, name, modules.place(name).row, values=values)
    assert len(rows) > 100_000
    sheet_rows = tuple(rows.values())
    return Sheet("weights", "Weights", "tensors", sheet_rows, COLUMNS, grid=grid(names, rows))


@pytest.fixture
def context(workbench: Workbench, theme: Theme) -> Iterator[Context]:
    made = Context(workbench, Runner(), theme)
    yield made
    made.runner.close()


@pytest.fixture
def view(context: Context, many: Sheet, qtbot: QtBot) -> ComparisonView:
    page = ComparePage(context)
    qtbot.addWidget(page)
    page.resize(1280, 800)
    page.show()
    qtbot.waitExposed(page)
    made = page.show_comparison(scripted({"weights": at_once(many)}))
    qtbot.waitUntil(lambda: "weights" in made.all_sheets(), timeout=20_000)
    made.focus_section("weights")
    return made


def test_no_gap_among_a_hundred_thousand_tensors(view: ComparisonView, many: Sheet, qtbot: QtBot) -> None:
    pane = view.sections["weights"].pane
    assert isinstance(pane, WeightsPane)
    key = many.rows[-1].key

    def still() -> bool:
        return not any(job.active or job.quiet for job in view.context.runner.jobs)

    def to_the_table() -> None:
        if pane.toggle.isChecked():
            pane.toggle_table()
        view.go("weights", key)
        pane.toggle_table()

    def a_layer() -> None:
        if pane.toggle.isChecked():
            pane.toggle_table()
        pane.zoom(0)
        view.go("weights", key)
        for _ in range(8):
            pane.zoom(1)
        pane.zoom(0)

    acts: dict[str, Callable[[], object]] = {
        "opening": lambda: view.sections["weights"].show_sheet(many, view.comparison),
        "layer": a_layer,
        "table": to_the_table,
        "all": view.toggle_all,
        "sorting": view.next_order,
        "next": lambda: view.step_change(1),
    }
    gaps = {}
    for name, act in acts.items():
        gap, idle = longest_gap(qtbot, act, still)
        gaps[name] = max(gap - idle, 0.0)
    said = ", ".join(f"{name} {1000 * gap:.0f} ms" for name, gap in gaps.items())
    assert max(gaps.values()) <= LIMIT, said
