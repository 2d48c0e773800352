"""Draws charts a stroke a turn of the event loop: a whole one takes some frames, and the window would stop for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from weakref import ref

from shiboken6 import isValid

from diptych.ui.turns import turns


class Canvas(Protocol):
    """Something that draws itself when it is its turn."""

    def strokes(self) -> Iterator[None]:
        """Draw, a little between two steps; nothing if nobody would see it."""


class Brush:
    """The one that all charts of a process wait for."""

    def __init__(self) -> None:
        self._waiting: list[ref[Canvas]] = []
        self._canvas: ref[Canvas] | None = None
        self._strokes: Iterator[None] = iter(())

    def ask(self, canvas: Canvas) -> None:
        """Have a chart drawn when there is time; asking twice draws it once, and anew if it was being drawn."""
        self.leave(canvas)
        if not any(waiting() is canvas for waiting in self._waiting):
            self._waiting.append(ref(canvas))
        turns().ask(self._stroke)

    def leave(self, canvas: Canvas) -> None:
        """Draw no further where this one is being drawn."""
        if self._canvas is not None and self._canvas() is canvas:
            self._canvas, self._strokes = None, iter(())

    def busy(self) -> bool:
        """Whether a chart is being drawn, or waits for it."""
        return self._canvas is not None or bool(self._waiting)

    def _stroke(self) -> bool:
        canvas = self._canvas() if self._canvas is not None else None
        if canvas is not None and isValid(canvas):
            try:
                next(self._strokes)
            except StopIteration:
                self._canvas = None
        elif self._waiting:
            self._canvas = self._waiting.pop(0)
            canvas = self._canvas()
            self._strokes = canvas.strokes() if canvas is not None else iter(())
        else:
            self._canvas, self._strokes = None, iter(())
        return self.busy()


_brush: list[Brush] = []


def brush() -> Brush:
    """The brush of this process."""
    if not _brush:
        _brush.append(Brush())
    return _brush[0]
