"""Writing to people and to programs: answers on standard output, everything else on standard error."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import StringIO, TextIOWrapper
from typing import TextIO, TypeVar

from diptych import display
from diptych.domain.evidence import Plain
from diptych.domain.plain import safe
from diptych.errors import DiptychError, Refused
from diptych.job import Job, Tick, finish

T = TypeVar("T")

_INTERVAL = 0.1
"""Seconds between two drawings of the progress bar."""
_BAR = 24
_UNBOUNDED = 200
"""Columns of a text that goes into a file or a pipe."""


class Closed(StringIO):
    """Stands for a stream that was closed before the program began."""

    def write(self, text: str) -> int:
        """Refuse every text."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@contextmanager
def _writing() -> Iterator[None]:
    """Writing the answer: what the system refuses is told in one line, but for a reader that has gone away."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(f"the answer cannot be written: {error.strerror}") from None


@dataclass(slots=True)
class Terminal:
    """The two streams and how to write on them."""

    out: TextIO
    err: TextIO
    quiet: bool = False
    json: bool = False
    _started: float = field(default=0.0, init=False)
    _drawn: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        for stream in (self.out, self.err):
            if isinstance(stream, TextIOWrapper):
                # a name that the locale cannot spell is no reason to stop
                stream.reconfigure(errors="backslashreplace")

    @property
    def width(self) -> int:
        """Columns of a line."""
        return shutil.get_terminal_size((_UNBOUNDED, 24)).columns if self.out.isatty() else _UNBOUNDED

    def bold(self, text: str) -> str:
        """`text` as a heading, where the terminal can and the user wants it."""
        coloured = self.out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return f"\x1b[1m{text}\x1b[0m" if coloured else text

    def say(self, line: str = "") -> None:
        """A line of the answer."""
        with _writing():
            print(line, file=self.out)

    def say_all(self, lines: Iterable[str]) -> None:
        """Lines of the answer."""
        for line in lines:
            self.say(line)

    def say_json(self, value: Plain) -> None:
        """The answer as strict JSON."""
        self.say(json.dumps(safe(value), ensure_ascii=False, allow_nan=False, indent=2))

    def flush(self) -> None:
        """Have the answer written out, so that what fails is known in time."""
        with _writing():
            self.out.flush()

    def note(self, line: str) -> None:
        """A word beside the answer."""
        # there is nobody to tell that nobody can be told
        with suppress(OSError):
            print(line, file=self.err)

    def tell(self, line: str) -> None:
        """A word beside the answer, unless silence was asked for."""
        if not self.quiet:
            self.note(line)

    def complain(self, error: DiptychError) -> None:
        """An error that the user can act on: one line, and what to do about it."""
        self.note(f"diptych: {display.visible(error.message)}")
        if error.hint:
            self.note(f"         {display.visible(error.hint)}")

    def run(self, job: Job[T]) -> T:
        """Drive a job to its end, with a progress bar where somebody watches."""
        if self.quiet or not self.err.isatty() or os.environ.get("TERM") == "dumb":
            return finish(job)
        self._started = time.monotonic()
        self._drawn = 0.0
        try:
            return finish(job, self._draw)
        finally:
            if self._drawn:
                self.err.write("\r\x1b[K")
                self.err.flush()

    def _draw(self, tick: Tick) -> None:
        now = time.monotonic()
        if now - self._drawn < _INTERVAL or now - self._started < _INTERVAL:
            return
        self._drawn = now
        columns = shutil.get_terminal_size((80, 24)).columns
        self.err.write(f"\r{progress_line(tick, now - self._started, columns)}\x1b[K")
        self.err.flush()


def progress_line(tick: Tick, seconds: float, columns: int) -> str:
    """How far a job has come, in fewer than `columns` characters."""
    parts = []
    if tick.total > 0:
        share = min(max(tick.done / tick.total, 0.0), 1.0)
        filled = round(share * _BAR)
        parts.append(f"{'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}")
    if tick.unit == "bytes":
        amount = display.size(int(tick.done))
        parts.append(f"{amount} of {display.size(int(tick.total))}" if tick.total else amount)
    elif tick.unit:
        amount = f"{int(tick.done):,}"
        parts.append(f"{amount} of {int(tick.total):,} {tick.unit}" if tick.total else f"{amount} {tick.unit}")
    if tick.total > 0 and tick.done > 0 and seconds > 1:
        parts.append(f"{display.duration(seconds * (tick.total - tick.done) / tick.done)} left")
    told = "  ".join(parts)
    text = display.elide(display.visible(tick.text), max(10, columns - len(told) - 4))
    return f"{told}  {text}"[: columns - 1]
