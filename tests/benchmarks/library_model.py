"""The library page over many versions: how long rows take to appear, and the longest time the window does not answer.

Run: PYTHONPATH=app QT_QPA_PLATFORM=offscreen python tests/benchmarks/library_model.py [--versions 100000]
Beside ours stands what Qt offers for the same: a model of lists behind QSortFilterProxyModel, sorted by one column.
Goals: no gap over 50 ms in our window, whatever is done; the proxy needs seconds for one sort.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QAbstractTableModel, QEventLoop, QModelIndex, QSortFilterProxyModel, Qt, QTimer
from PySide6.QtWidgets import QApplication, QTableView

from diptych.catalog import Catalog
from diptych.domain.evidence import Evidence, Metric
from diptych.domain.found import Found, Record
from diptych.domain.version import Kind, Source, State
from diptych.settings import Settings
from diptych.ui.context import Context
from diptych.ui.pages.library import LibraryPage
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench

RUN = 100
"""Checkpoints of one run."""
TASKS = 8


def versions(count: int) -> Iterator[Found]:
    """Checkpoints of many runs with a few results each."""
    chance = random.Random(0)
    for number in range(count):
        run, step = f"run-{number // RUN:05}", number % RUN * 100
        results = tuple(Metric(f"task{task}", "acc", chance.random(), Source("r.json")) for task in range(TASKS))
        path = Path("/models") / run / f"checkpoint-{step}"
        record = Record(path / "r.json", "test/1", Evidence(metrics=results))
        yield Found(path, f"{run}/checkpoint-{step}", run, Kind.CHECKPOINT, State.COMPLETE, "s", step,
                    created=float(number), records=(record,))  # fmt: skip


class Plain(QAbstractTableModel):
    """Rows in a list, as one writes them first."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        super().__init__()
        self._rows = rows

    def rowCount(self, parent: Any = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Any = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows[0])

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        return self._rows[index.row()][index.column()] if role == Qt.ItemDataRole.DisplayRole else None


class Watchdog:
    """The longest time the event loop did not come round."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.worst, self._last = max(self.worst, now - self._last), now

    def clear(self) -> None:
        self.worst, self._last = 0.0, time.perf_counter()


def wait(milliseconds: int) -> None:
    """Let the event loop run, with the interpreter free for workers."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def until(reached: Callable[[], bool]) -> None:
    while not reached():
        wait(2)


def ours(page: LibraryPage, dog: Watchdog, count: int) -> None:
    """Do what people do and print how long each took to show and the worst gap meanwhile."""
    table, model = page.table, page.model
    bar = table.verticalScrollBar()

    def scroll() -> None:
        for share in (0.1, 0.5, 0.9, 0.3):
            bar.setValue(int(bar.maximum() * share))
            wait(30)

    steps: tuple[tuple[str, Callable[[], object], Callable[[], bool]], ...] = (
        ("scroll, grouped", scroll, lambda: True),
        ("list flat", lambda: page.group(False), lambda: model.rowCount() == count),
        ("scroll, flat", scroll, lambda: True),
        ("sort by a metric", lambda: page.sort("task3/acc", True), lambda: model.arrangement.view.sort == "task3/acc"),
        ("filter by a word", lambda: page.show_query("run-00042"), lambda: model.rowCount() == RUN),
        ("filter by a metric", lambda: page.show_query("task1>0.5"), lambda: model.rowCount() > RUN),
        ("show all", lambda: page.show_query(""), lambda: model.rowCount() == count),
        ("select all", table.selectAll, lambda: len(page.selection.keys()) == count),
        ("group by run", lambda: page.group(True), lambda: model.rowCount() == count // RUN),
    )
    print(f"{'ours':24} {'shown after':>12} {'worst gap':>12}")
    for name, act, reached in steps:
        wait(100)
        dog.clear()
        start = time.perf_counter()
        act()
        until(reached)
        shown = time.perf_counter() - start
        wait(300)
        print(f"{name:24} {shown * 1000:9.0f} ms {dog.worst * 1000:9.1f} ms")


def proxy(count: int) -> float:
    """Seconds that a sort through a proxy stops the window."""
    chance = random.Random(0)
    model = Plain([(f"run/{n}", n, chance.random(), "safetensors") for n in range(count)])
    sorted_model = QSortFilterProxyModel()
    sorted_model.setSourceModel(model)
    view = QTableView()
    view.setModel(sorted_model)
    view.show()
    start = time.perf_counter()
    sorted_model.sort(2)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=100_000)
    count = parser.parse_args().versions // RUN * RUN
    app = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIPTYCH_CONFIG"] = folder
        workbench = Workbench(Catalog(Path(folder) / "catalog.db"), Settings())
        workbench.catalog.store(list(versions(count)))
        runner = Runner()
        dog = Watchdog()
        page = LibraryPage(Context(workbench, runner, Theme(app, "light")))
        page.resize(1280, 800)
        start = time.perf_counter()
        page.show()
        until(lambda: page.model.rowCount() == count // RUN)
        print(f"{count:,} versions: first rows after {(time.perf_counter() - start) * 1000:.0f} ms")
        ours(page, dog, count)
        runner.close()
        workbench.catalog.close()
    print(f"{'QSortFilterProxyModel':24} one sort stops the window for {proxy(count) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
