"""A window's surroundings: a theme, a runner without threads, and a workbench over a small library that was scanned."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from comparing import BASE, TUNED, settle, shown, version
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from diptych.catalog import Catalog
from diptych.job import finish
from diptych.settings import Settings
from diptych.ui.context import Context
from diptych.ui.pages.compare import ComparePage
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.workers import Workers
from diptych.workbench import Workbench
from making import make_adapter, make_lm_eval, make_run


class Inline(Workers):
    """Does what it is given at once, in the thread that gives it."""

    def submit(self, work: Callable[[], None]) -> None:
        work()


PATIENCE_MS = 30_000


class Patient(QtBot):
    """Waits as long as a machine may take that does other work as well; only a failure takes that long."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 0) -> None:
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """What acts as a user does."""
    return Patient(request)


@pytest.fixture(autouse=True)
def collected_between_tests() -> Iterator[None]:
    """Collect cycles only once the widgets of a test are closed.

    A page that only the test held is garbage as soon as the test returns, and Qt may be painting it just then.
    """
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.fixture(autouse=True)
def keys_lifted_between_tests() -> Iterator[None]:
    """Lift the modifier that a key was pressed with, as the hand does that a test only acts for.

    Qt goes on believing in it, and the next test to select a row would add the row to what is selected.
    """
    yield
    if QApplication.instance() is not None:
        QTest.keyRelease(QWidget(), Qt.Key.Key_Control)
        assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The light theme, on the whole application."""
    made = Theme(qapp, "light")
    yield made
    made.deleteLater()


@pytest.fixture
def inline_runner(qapp: QApplication) -> Iterator[Runner]:
    """A runner whose jobs have ended when `start` returns."""
    made = Runner(Inline(1))
    yield made
    made.close()


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The catalog and the folder of the small library, scanned once; take a copy of the catalog."""
    folder = tmp_path_factory.mktemp("library")
    models = folder / "models"
    make_run(models / "base-pretrain", (100, 200, 300))
    make_run(models / "sft", (100, 200), seed=7, learning_rate=2e-5, weightless=(100,))
    make_adapter(models / "adapters" / "lora", str(models / "sft" / "checkpoint-200"))
    for name, score in (("base-pretrain/checkpoint-300", 1 / 3), ("sft/checkpoint-200", 2 / 3)):
        make_lm_eval(models / "eval", str(models / name), {"arith": score})
    catalog = Catalog(folder / "catalog.db")
    workbench = Workbench(catalog, Settings())
    finish(workbench.scan([models]))
    catalog.close()
    return folder / "catalog.db", models


@pytest.fixture
def library(scanned: tuple[Path, Path], home: Path) -> Iterator[Workbench]:
    """A workbench over the small library."""
    shutil.copy(scanned[0], home / "catalog.db")
    made = Workbench(Catalog(home / "catalog.db"), Settings())
    yield made
    made.catalog.close()


@pytest.fixture
def context(library: Workbench, inline_runner: Runner, theme: Theme) -> Context:
    """The context of a page over the small library."""
    return Context(library, inline_runner, theme)


@pytest.fixture
def page(context: Context, qtbot: QtBot) -> ComparePage:
    """A compare page with the base and its fine-tune side by side."""
    made = shown(context, qtbot)
    made.open(version(context, BASE), version(context, TUNED))
    settle(made, qtbot)
    return made
