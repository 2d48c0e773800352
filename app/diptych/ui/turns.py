"""Who has much to do in the window's thread does a little of it a turn of the event loop, and one of them a turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from PySide6.QtCore import QObject, QTimer

Work: TypeAlias = Callable[[], bool]
"""Does a little, a few milliseconds long, and says whether more is left."""


class Turns(QObject):
    """The queue in which all of them stand; the window hears of keys and pointer between any two."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Work] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._next)

    def ask(self, work: Work) -> None:
        """Do `work` until nothing of it is left; asking again while it waits changes nothing."""
        if work not in self._waiting:
            self._waiting.append(work)
        self._timer.start()

    def busy(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._waiting)

    def _next(self) -> None:
        if not self._waiting:
            self._timer.stop()
            return
        work, more = self._waiting.popleft(), True
        self._timer.start()  # anew: the present one does not fire in the loop of a dialog that `work` opens
        try:
            more = work()
        finally:  # one that fails is told as any error is, and may have more to do
            if more:
                self.ask(work)


_turns: list[Turns] = []


def turns() -> Turns:
    """The queue of this process."""
    if not _turns:
        _turns.append(Turns())
    return _turns[0]
