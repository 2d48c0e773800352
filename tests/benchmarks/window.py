"""How long the window is deaf while a new user goes through it: fresh processes, the sample library, no display.

Run: python tests/benchmarks/window.py [--rounds 3]
Every step is done for the first time in its process, which is when it costs most. Beside each gap stands what the
machine alone costs: the longest gap of a window in which nothing happens.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

GOAL_MS = 50
BEAT_MS = 4
STEPS = ("nothing", "version", "pair", "swap", "scroll", "second pair", "activity", "lineage", "settings", "library")


def main() -> None:
    """Print the median over the rounds of the longest gap of every step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once()), flush=True)
        os._exit(0)  # what is still drawn is of no interest
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    rounds = [
        json.loads(subprocess.run([sys.executable, __file__, "--once"], env=environment, check=True,
                                  capture_output=True, text=True).stdout.splitlines()[-1])
        for _ in range(options.rounds)
    ]  # fmt: skip
    print(f"{'':<14}{'longest gap':>12}{'of it computing':>18}")
    worst = 0.0
    for step in STEPS:
        gap, computing = (statistics.median(each[step][at] for each in rounds) for at in (0, 1))
        worst = max(worst, gap) if step != "nothing" else worst
        print(f"{step:<14}{gap:>9.0f} ms{computing:>15.0f} ms")
    print(f"the longest of all {worst:.0f} ms (goal: at most {GOAL_MS})")


def once() -> dict[str, tuple[float, float]]:
    """Longest gap, and the part of it that the window's thread computed, of every step, in milliseconds."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QScrollArea

    from diptych.job import finish
    from diptych.ui.gallery import SMALL, application, opened
    from diptych.ui.leisure import collect_at_leisure
    from diptych.ui.pages.compare import ComparePage
    from diptych.ui.warming import warm
    from diptych.workbench import Workbench

    collect_at_leisure(application())
    gaps: list[tuple[float, float]] = []
    last = [time.perf_counter(), time.thread_time()]

    def beat() -> None:
        now = [time.perf_counter(), time.thread_time()]
        gaps.append((now[0] - last[0], now[1] - last[1]))
        last[:] = now

    def wait(seconds: float) -> None:
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        workbench = Workbench.open(Path(place) / "sample.db")
        finish(workbench.scan([workbench.sample_library()]))
        with opened(workbench, "light", SMALL) as window:
            timer = QTimer()
            timer.setInterval(BEAT_MS)
            timer.timeout.connect(beat)
            timer.start()
            window.context.runner.start("Warm up", warm(), quiet=True)
            wait(4)

            def scroll() -> None:
                for area in window.findChildren(QScrollArea):
                    bar = area.verticalScrollBar()
                    for y in range(0, bar.maximum() if area.isVisible() else 0, 120):
                        bar.setValue(y)
                        wait(0.03)

            compare = window.page("compare")
            assert isinstance(compare, ComparePage)
            steps: dict[str, tuple[Callable[[], object], float]] = {
                "nothing": (lambda: None, 1),
                "version": (lambda: window.context.version_asked.emit(workbench.resolve("sft/checkpoint-200").key), 3),
                "pair": (lambda: window.compare("base-pretrain/checkpoint-600", "sft/checkpoint-200"), 4),
                "swap": (compare.swap, 1),
                "scroll": (scroll, 0.5),
                "second pair": (lambda: window.compare("base-pretrain/checkpoint-400", "sft/checkpoint-200"), 3),
            } | {page: (partial(window.show_page, page), 1) for page in STEPS[6:]}
            for step in STEPS:
                act, seconds = steps[step]
                gaps.clear()
                act()
                wait(seconds)
                longest = max(gaps)
                found[step] = (longest[0] * 1000, longest[1] * 1000)
    return found


if __name__ == "__main__":
    main()
