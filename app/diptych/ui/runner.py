"""With `workers`, the only file of the window that knows threads.

Workers advance jobs; the window polls the newest tick ten times a second. Progress is never pushed by a signal: a job
may tick as often as it likes without filling the event queue. The end of a job crosses into the GUI thread once; where
several have ended, one a turn of the event loop is reported, since each makes the window show something.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from threading import Event
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from diptych.domain.version import Problem
from diptych.job import Job, Tick
from diptych.ui.turns import turns
from diptych.ui.workers import Workers

T = TypeVar("T")

POLL_MS = 100
SWITCH_INTERVAL = 0.0005
"""Seconds between hand-overs of the interpreter lock: the default of 5 ms lets four workers starve the window."""


class Phase(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Running:
    """One job as the window sees it."""

    def __init__(self, title: str, job: Job[Any], done: Callable[[Any], None] | None,
                 failed: Callable[[Exception], None] | None, ticked: Callable[[Tick], None] | None,
                 quiet: bool) -> None:  # fmt: skip
        self.title = title
        self.quiet = quiet
        """Not worth a line in Activity: it answers a click."""
        self.phase = Phase.QUEUED
        self.tick = Tick("")
        self.started = time.monotonic()
        self.ended = 0.0
        self.error: Exception | None = None
        self.told = ""
        """What the result says in one line, once it is there."""
        self.problems: tuple[Problem, ...] = ()
        """The files it tells of that could not be used."""
        self._result: object = None
        self._job = job
        self._done = done
        self._failed = failed
        self._ticked = ticked
        self._shown: Tick | None = None
        self._cancelled = False
        self._free = Event()
        self._free.set()
        self._halted = 0.0
        self._stood = 0.0

    def cancel(self) -> None:
        """Stop at the next tick; what the job already stored stays."""
        self._cancelled = True
        self._free.set()

    def pause(self) -> None:
        """Stand still at the next tick. What the job holds open stays open, and may be closed by the other side."""
        if not self.paused:
            self._halted = time.monotonic()
        self._free.clear()

    def resume(self) -> None:
        """Go on."""
        if self.paused:
            self._stood += time.monotonic() - self._halted
        self._free.set()

    @property
    def paused(self) -> bool:
        """Whether the job stands still, or will at its next tick."""
        return not self._free.is_set()

    @property
    def active(self) -> bool:
        """Whether the job has not ended."""
        return self.phase in (Phase.QUEUED, Phase.RUNNING)

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the share done so far; None while that says too little, or while the job stands still."""
        tick = self.tick
        worked = self.seconds - self._stood
        if not tick.total or tick.done <= 0 or worked < 0.5 or self.paused:
            return None
        return max(worked * (tick.total - tick.done) / tick.done, 0.0)

    def advance(self) -> None:
        """Drive the job to its end. Runs in the worker."""
        try:
            self.phase = Phase.RUNNING
            while not self._cancelled:
                self.tick = next(self._job)
                self._free.wait()
            self._job.close()
            self.phase = Phase.CANCELLED
        except StopIteration as stop:
            self._result = stop.value
            if not self.quiet:
                from diptych.ui.outcomes import problems_of, told

                self.told, self.problems = told(stop.value), problems_of(stop.value)
            self.phase = Phase.DONE
        except Exception as error:  # whatever a job raises is shown by the window, never lost in a worker
            self.error = error
            self.phase = Phase.FAILED
        finally:
            self.ended = time.monotonic()

    def show_tick(self) -> None:
        """Hand the newest tick to whoever watches, once. Runs in the GUI thread."""
        tick = self.tick
        if self._ticked is not None and tick is not self._shown and self.active and _is_there(self._ticked):
            self._shown = tick
            self._ticked(tick)

    def report(self) -> bool:
        """Call back with the result or the error; False if an error found nobody to take it.

        Activity keeps what ran: who waited for it, a page that may be closed since, is let go, and so are the result
        and what was known of it on the way, which may be a sheet of a hundred thousand rows.
        """
        done, failed, result = self._done, self._failed, self._result
        self._done = self._failed = self._ticked = self._result = None
        if self.tick.partial is not None:
            from diptych.ui.outcomes import left_of

            self.tick = self._shown = left_of(self.tick)
        if self.phase is Phase.DONE and done is not None and _is_there(done):
            done(result)
        if self.phase is Phase.FAILED:
            if failed is None or self.error is None:
                return False
            if _is_there(failed):
                failed(self.error)
        return True


def _is_there(callback: Callable[..., None]) -> bool:
    """Whether the part of the window whose method this is has not been closed while its job ran."""
    while isinstance(callback, partial):
        callback = callback.func
    owner = getattr(callback, "__self__", None)
    return not isinstance(owner, QObject) or isValid(owner)


class Runner(QObject):
    """Runs jobs and keeps the list of them."""

    changed = Signal()
    """A job began, moved or ended; at most ten times a second while jobs run."""
    unhandled = Signal(object)
    """An error that no caller took."""
    _ended = Signal(object)

    def __init__(self, workers: Workers | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._workers = workers or Workers(4)
        self.jobs: list[Running] = []
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._over: deque[Running] = deque()
        self._ended.connect(self._end)
        self._starting = False
        self._closed = False

    def start(
        self,
        title: str,
        job: Job[T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
        ticked: Callable[[Tick], None] | None = None,
        quiet: bool = False,
    ) -> Running:
        """Run `job` in a worker. The callbacks run in the GUI thread; a method of a widget only while that is there."""
        running = Running(title, job, done, failed, ticked, quiet)
        if self._closed:  # a timer of a page may still fire while the window goes
            running.phase = Phase.CANCELLED
            return running
        self.jobs.append(running)
        self._timer.start()
        self.changed.emit()
        self._starting = True
        self._workers.submit(partial(self._work, running))
        self._starting = False
        return running

    @property
    def active(self) -> list[Running]:
        """Jobs that have not ended, quiet ones included."""
        return [running for running in self.jobs if running.active]

    def close(self) -> None:
        """Cancel everything and wait: no worker may outlive the application. Nobody is called back any more."""
        self._closed = True
        for running in self.jobs:
            running.cancel()
        self._workers.close()
        self._timer.stop()

    def _work(self, running: Running) -> None:
        running.advance()
        with suppress(RuntimeError):  # the window is gone
            self._ended.emit(running)

    def _poll(self) -> None:
        for running in self.active:
            running.show_tick()
        self.changed.emit()
        if not self.active:
            self._timer.stop()

    def _end(self, running: Running) -> None:
        if self._starting:  # the job was run at once, and there are no turns
            self._report(running)
        else:
            self._over.append(running)
            turns().ask(self._report_next)

    def _report_next(self) -> bool:
        ended = self._over.popleft() if self._over else None
        if self._over:  # before this one is reported, which may open a dialog
            turns().ask(self._report_next)
        if ended is not None:
            self._report(ended)
        return bool(self._over)

    def _report(self, running: Running) -> None:
        if self._closed:
            return
        if not running.report():
            self.unhandled.emit(running.error)
        if running.quiet:
            self.jobs.remove(running)
        self.changed.emit()
