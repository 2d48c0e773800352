"""Draws charts one a turn of the event loop: each takes a frame or two, and several at once would stop the window."""

from __future__ import annotations

from typing import Protocol
from weakref import ref

from PySide6.QtCore import QObject, QTimer
from shiboken6 import isValid


class Canvas(Protocol):
    """Something that draws itself when it is its turn, if it can be seen."""

    def draw_seen(self) -> None:
        """Draw now."""


class Brush(QObject):
    """The one that all charts of a process wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[ref[Canvas]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw_next)

    def ask(self, canvas: Canvas) -> None:
        """Have a chart drawn when there is time; asking twice draws it once."""
        if not any(waiting() is canvas for waiting in self._waiting):
            self._waiting.append(ref(canvas))
        self._timer.start()

    def _draw_next(self) -> None:
        canvas = self._waiting.pop(0)() if self._waiting else None
        if not self._waiting:
            self._timer.stop()
        if canvas is not None and isValid(canvas):
            canvas.draw_seen()


_brush: list[Brush] = []


def brush() -> Brush:
    """The brush of this process."""
    if not _brush:
        _brush.append(Brush())
    return _brush[0]
