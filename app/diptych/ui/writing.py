"""What the user writes into the catalog: each write in a worker, and after the one before it, whoever asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from PySide6.QtCore import QObject

from diptych.job import Job, Tick
from diptych.ui.runner import Runner

T = TypeVar("T")


class _Write(NamedTuple):
    title: str
    do: Callable[[], Any]
    done: Callable[[Any], object]


class Writing(QObject):
    """Undoing is a write, too, so that it takes back what was asked for just before."""

    def __init__(self, runner: Runner, failed: Callable[[Exception], None], parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._told = failed
        self._waiting: deque[_Write] = deque()
        self._running: _Write | None = None

    def write(self, title: str, do: Callable[[], T], done: Callable[[T], object]) -> None:
        """Call `do` in a worker once its turn has come, then `done` with what it returned, in the GUI thread."""
        self._waiting.append(_Write(title, do, done))
        self._next()

    def _next(self) -> None:
        if self._running is None and self._waiting:
            self._running = self._waiting.popleft()
            self._runner.start(self._running.title, _written(self._running), self._done, self._failed, quiet=True)

    def _done(self, result: Any) -> None:
        ended, self._running = self._running, None
        if ended is not None:
            ended.done(result)
        self._next()

    def _failed(self, error: Exception) -> None:
        self._running = None
        self._told(error)
        self._next()


def _written(write: _Write) -> Job[Any]:
    yield Tick(write.title)
    return write.do()
