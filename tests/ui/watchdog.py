"""Measures how long the window is deaf: a timer that should fire every few milliseconds, and when it did.

What other programs take of the processor meanwhile is not counted, where the system tells it (Linux does).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

INTERVAL_MS = 5
THREADS = Path("/proc/self/task")


class Watchdog(QObject):
    """Notes the gaps between the beats of its timer."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._last = 0.0
        self._waited: Mapping[str, float] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Watchdog:
        self.gaps.clear()
        self._last, self._waited = time.perf_counter(), waited()
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._beat()
        self._timer.stop()

    @property
    def worst(self) -> float:
        """The longest gap in seconds."""
        return max(self.gaps, default=0.0)

    def _beat(self) -> None:
        now, all_waited = time.perf_counter(), waited()
        more = {thread: seconds - self._waited.get(thread, 0.0) for thread, seconds in all_waited.items()}
        window = more.pop(str(threading.get_native_id()), 0.0)
        # the window itself had to wait, and so had the thread that it waited for
        taken = window + max(more.values(), default=0.0)
        self.gaps.append(max(now - self._last - taken, 0.0))
        self._last, self._waited = now, all_waited


def waited() -> dict[str, float]:
    """Seconds that each thread of this process was ready and was not let run; empty where the system does not tell."""
    found = {}
    for thread in THREADS.iterdir() if THREADS.is_dir() else ():
        with suppress(OSError):  # a thread that has ended meanwhile, a system without these numbers
            found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    return found


def longest_gap(
    qtbot: QtBot, act: Callable[[], object], done: Callable[[], bool], tries: int = 5
) -> tuple[float, float]:
    """The longest gap while `act` works, and while nothing happens for a while: what the machine itself costs.

    The best of a few tries counts, since a loaded machine takes the processor away at any time; a window that blocks
    does so each time.
    """
    best = (float("inf"), 0.0)
    for _ in range(tries):
        with Watchdog() as idle:
            qtbot.wait(200)
        with Watchdog() as busy:
            act()
            qtbot.waitUntil(done, timeout=30_000)
        if busy.worst - idle.worst < best[0] - best[1]:
            best = busy.worst, idle.worst
    return best
