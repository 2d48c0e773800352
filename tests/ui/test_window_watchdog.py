"""The window answers while it scans and while it hashes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from watchdog import longest_gap

from diptych.job import finish
from diptych.ui.context import Context
from diptych.ui.mainwindow import MainWindow
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench
from making import make_run, write_safetensors

LIMIT = 0.050
"""Seconds that the window may be deaf beyond what the idle machine costs."""
TRIES = 3


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, workbench: Workbench, tmp_path: Path) -> Iterator[MainWindow]:
    """A window whose library is in view, so that it is drawn anew whenever something is found."""
    make_run(tmp_path / "first" / "run", steps=(100,))
    finish(workbench.scan([tmp_path / "first"]))
    finish(workbench.hash())
    made = MainWindow(Context(workbench, Runner(), Theme(qapp, "light")))
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def idle(window: MainWindow) -> bool:
    return not window.context.runner.active and not window.context.workbench.catalog.unhashed()


def test_a_window_that_computes_or_waits_is_called_deaf(qtbot: QtBot) -> None:
    def compute() -> None:
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass

    for deaf in (compute, partial(time.sleep, 0.1)):
        gap, machine = longest_gap(qtbot, deaf, lambda: True, TRIES)
        assert gap > 0.09
        assert gap > LIMIT + machine


def test_the_window_answers_while_runs_are_scanned(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    pattern = make_run(tmp_path / "pattern", steps=range(100, 1100, 100))
    libraries = [tmp_path / f"library-{number}" for number in range(TRIES)]
    for library in libraries:
        for run in range(8):
            shutil.copytree(pattern, library / f"{library.name}-run-{run}")
    waiting = iter(libraries)
    gap, machine = longest_gap(qtbot, lambda: window.tasks.scan([next(waiting)]), lambda: idle(window), TRIES)
    assert len(window.context.workbench.catalog.places()) == 1 + TRIES * 80
    assert gap <= LIMIT + machine, f"deaf for {1000 * gap:.0f} ms, idle {1000 * machine:.0f} ms"


def test_the_window_answers_while_files_are_hashed(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    for number in range(TRIES):
        folder = tmp_path / "large" / f"large-{number}"
        write_safetensors(folder / "model.safetensors", {"w": chance.random((1000, 25_000), np.float32)})
    finish(window.context.workbench.scan([tmp_path / "large"]))
    waiting = iter(window.context.workbench.catalog.unhashed())
    gap, machine = longest_gap(
        qtbot,
        lambda: window.tasks.hash([next(waiting).key]),
        lambda: not window.context.runner.active,
        TRIES,
    )
    assert window.context.workbench.catalog.unhashed() == []
    assert gap <= LIMIT + machine, f"deaf for {1000 * gap:.0f} ms, idle {1000 * machine:.0f} ms"
