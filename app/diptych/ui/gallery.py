"""Draws the pages to pictures, without a display: what a machine without a screen shows, and what the README shows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSize, QTimer
from PySide6.QtWidgets import QApplication

from diptych.compare import word_diff
from diptych.job import finish
from diptych.reports import comparison_html
from diptych.ui.context import Context
from diptych.ui.mainwindow import MainWindow
from diptych.ui.pages.page import Page
from diptych.ui.runner import Runner
from diptych.ui.theme import STYLE, Theme
from diptych.ui.turns import turns
from diptych.ui.widgets.brush import brush
from diptych.workbench import Workbench

SMALL = QSize(1280, 800)
LARGE = QSize(1920, 1080)
SETTLE_MS = 250
"""Between the end of the last job and the picture: time for what is laid out once it is known."""


def render(folder: Path, left: str = "", right: str = "") -> list[Path]:
    """Draw library and comparison of the sample library into `folder`, light and dark, and write the HTML report.

    `left` and `right` are references into the sample library; by default the fine-tuned model and its base.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    with tempfile.TemporaryDirectory() as place:
        workbench = Workbench.open(Path(place) / "sample.db")
        finish(workbench.scan([workbench.sample_library()]))
        finish(workbench.hash())
        pair = (left or "base-pretrain/checkpoint-600", right or "sft/checkpoint-200")
        for appearance in ("light", "dark"):
            with opened(workbench, appearance, SMALL) as window:
                made.append(picture(window, folder / f"library-{appearance}.png"))
                window.compare(*pair)
                made.append(picture(window, folder / f"compare-{appearance}.png"))
        report = folder / "comparison.html"
        comparison = workbench.compare(*pair)
        sheets = [finish(comparison.sheet(facet.key)) for facet in comparison.facets]
        text = comparison_html(comparison.left, comparison.right, sheets, comparison.rules, word_diff)
        report.write_text(text, "utf-8")
        made.append(report)
        workbench.catalog.close()
    return made


@contextmanager
def opened(workbench: Workbench, appearance: str, size: QSize) -> Iterator[MainWindow]:
    """A window over `workbench` that is shown to nobody."""
    app = application()
    context = Context(workbench, Runner(), Theme(app, appearance))
    window = MainWindow(context)
    window.resize(size)
    window.show()
    try:
        yield window
    finally:
        context.runner.close()
        window.hide()
        window.deleteLater()


def application() -> QApplication:
    """The application, without a display where there is none."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QApplication(["diptych", *STYLE])


def picture(window: MainWindow, file: Path) -> Path:
    """Wait until the window is at rest and save what it shows."""
    settle(lambda: not _busy(window))
    window.grab().save(str(file))
    return file


def _busy(window: MainWindow) -> bool:
    page = window.stack.currentWidget()
    finding = isinstance(page, Page) and page.busy()  # between two of its jobs, too
    return finding or bool(window.context.runner.active) or turns().busy() or brush().busy()


def settle(idle: Callable[[], object], quiet_ms: int = SETTLE_MS) -> None:
    """Let the window live until `idle` has held for a moment."""
    loop = QEventLoop()
    timer = QTimer()
    held: list[bool] = []

    def look() -> None:
        held.append(bool(idle()))
        if len(held) >= 3 and all(held[-3:]):
            loop.quit()

    timer.timeout.connect(look)
    timer.start(quiet_ms // 2)
    loop.exec()
    timer.stop()
