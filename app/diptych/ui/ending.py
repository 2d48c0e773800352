"""Signals that end the program close the window first, so that it is found again as it was left."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier

INTERRUPT = int(signal.SIGINT)
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)]


class Ending(QObject):
    """Calls `end` with the number of the signal, from the event loop: a signal may come in the midst of anything.

    Python looks at signals when it has something to do, which a window at rest has not; a byte in a socket wakes it.
    A second signal ends the program at once, should the window be past closing.
    """

    def __init__(self, end: Callable[[int], object], parent: QObject) -> None:
        super().__init__(parent)
        self._end = end
        self._came, wakes = socket.socketpair()
        self._came.setblocking(False)
        wakes.setblocking(False)
        self._wakes = wakes
        notifier = QSocketNotifier(self._came.fileno(), QSocketNotifier.Type.Read, self)
        notifier.activated.connect(self._wake)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` asks for
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    def _wake(self) -> None:
        for number in self._came.recv(64):
            if number in _ENDING:
                self._end(number)
                return
