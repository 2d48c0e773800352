"""The window answers while weights are compared: no gap of its event loop is longer than 50 ms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from watchdog import longest_gap

from diptych.ui.context import Context
from diptych.ui.pages.compare import ComparePage
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench
from making import write_safetensors

LIMIT = 0.050
LAYERS, WIDTH = 24, 256


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models of some hundred tensors, 60 MB each."""
    folder = tmp_path_factory.mktemp("large")
    chance = np.random.default_rng(3)
    sides = []
    for side in ("a", "b"):
        tensors = {
            f"model.layers.{layer}.{module}.weight": chance.standard_normal((WIDTH, WIDTH * 2), np.float32)
            for layer in range(LAYERS)
            for module in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.up_proj", "mlp.down_proj")
        }
        write_safetensors(folder / side / "model.safetensors", tensors)
        sides.append(folder / side)
    return sides[0], sides[1]


@pytest.fixture
def context(workbench: Workbench, theme: Theme) -> Iterator[Context]:
    made = Context(workbench, Runner(), theme)
    yield made
    made.runner.close()


def test_no_gap_while_weights_are_compared(context: Context, large: tuple[Path, Path], qtbot: QtBot) -> None:
    page = ComparePage(context)
    qtbot.addWidget(page)
    page.resize(1280, 800)
    page.show()
    qtbot.waitExposed(page)

    def compare() -> None:
        while page.view is not None:
            page.close_current()
        page.open(*large)

    def compared() -> bool:
        return page.view is not None and {"weights", "summary"} <= page.view.all_sheets().keys()

    compare()
    qtbot.waitUntil(compared, timeout=30_000)
    gap, idle = longest_gap(qtbot, compare, compared)
    assert gap <= LIMIT + idle, f"deaf for {1000 * gap:.0f} ms, idle {1000 * idle:.0f} ms"
