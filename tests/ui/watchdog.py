"""Measures how long the window is deaf: a timer that should fire every few milliseconds, and when it did."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

INTERVAL_MS = 5


class Watchdog(QObject):
    """Notes the gaps between the beats of its timer."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Watchdog:
        self.gaps.clear()
        self._last = time.perf_counter()
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
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now


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
