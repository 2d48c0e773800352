"""Fingerprints of weight files, with the SHA-256 of each file, in one read of it and on every core.

A thread takes a file, reads a piece, hashes it, then sums it up while it still lies in the cache of its core. Threads
that find no file left sum up for the others, so that a single large file keeps two cores at work: SHA-256 is the
slowest part by far, and cannot be shared out.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from diptych import display
from diptych.domain.fingerprint import TensorPrint
from diptych.domain.tensor import Header
from diptych.domain.version import Digest
from diptych.errors import Conflict, DiptychError
from diptych.job import Job, Tick
from diptych.opening import open_regular, unreadable
from diptych.tensors.digest import Stamp, stamp_of
from diptych.tensors.engine import engine
from diptych.tensors.native import Arithmetic
from diptych.tensors.pieces import PIECE, Piece, pieces
from diptych.tensors.printing import Printer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLOTS = 3
_LINE = 64
"""Bytes of a line of the cache."""
_PAUSE = 0.1
"""Seconds between two ticks."""
_HINT = "Do it again when nothing writes to it."


@dataclass(frozen=True, slots=True)
class Asked:
    """A file to be read."""

    path: Path
    stamp: Stamp | None = None
    """How the file stood when its header was read; None where it was not."""
    header: Header | None = None
    """None for a file that is only hashed."""


@dataclass(frozen=True, slots=True)
class FilePrint:
    """What one read of a file has found."""

    digest: Digest
    tensors: tuple[TensorPrint, ...]


Found: TypeAlias = "FilePrint | DiptychError"


def fingerprint_files(asked: Sequence[Asked]) -> Job[Mapping[Path, Found]]:
    """The fingerprint of every file, or the error that says why there is none: `Conflict` where it changed meanwhile.

    Ticks count bytes; memory stays below 8 MiB a core.
    """
    work = _Work(asked)
    yield Tick("Reading weights", 0, work.total, "bytes")
    results: dict[Path, Found] = {}
    try:
        work.start()
        while len(results) < work.files:
            with suppress(Empty):
                path, found = work.results.get(timeout=_PAUSE)
                if not isinstance(found, FilePrint | DiptychError):
                    raise found
                results[path] = found
            yield Tick("Reading weights", min(sum(work.done), work.total), work.total, "bytes")
    finally:
        work.stop()
    return {one.path: results[one.path] for one in asked}


class _Stopped(Exception):
    """The job was cancelled."""


class _Slot:
    """Room for one piece, and the sums that are still to be made of it."""

    def __init__(self) -> None:
        # with room for the place of the first byte within its cache line
        room = mmap.mmap(-1, PIECE + _LINE)
        self.view = memoryview(room)
        self.bytes = np.frombuffer(room, np.uint8)
        self.summed: Future[None] | None = None

    def wait(self) -> None:
        """Wait until the piece is summed up; raises what failed there."""
        summed, self.summed = self.summed, None
        if summed is not None:
            summed.result()


class _Work:
    """The threads, what they still have to do, and what they have done."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.results: SimpleQueue[tuple[Path, FilePrint | Exception]] = SimpleQueue()
        unique = {one.path: one for one in asked}
        sizes = {path: _size(path) for path in unique}
        self.files = len(unique)
        self.total = sum(sizes.values())
        # the largest first; taken from the back
        self._waiting = sorted(unique.values(), key=lambda one: sizes[one.path])
        count = max(1, os.cpu_count() or 1) if self.files else 0
        self.done = [0] * count
        """Bytes read by each thread."""
        self._stopping = Event()
        self._offers: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = Semaphore(0)
        """How many threads have no file of their own and no offer either."""
        self._reads = [Event() for _ in range(count)]
        """Set when a thread has no file any more."""
        self._threads = [Thread(target=self._run, args=(at,), name=f"print-{at}", daemon=True) for at in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread, reads in zip(self._threads, self._reads, strict=True):
            if thread.ident is not None:
                reads.wait()
        # only now, since who reads may wait for what it has offered
        for _ in self._threads:
            self._offers.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def offer(self, task: Callable[[], None]) -> Future[None] | None:
        """Have another thread do a task; None where none is free."""
        if not self._idle.acquire(blocking=False):
            return None
        future: Future[None] = Future()

        def run() -> None:
            try:
                task()
            except Exception as error:  # told by whoever waits for it
                future.set_exception(error)
            else:
                future.set_result(None)

        self._offers.put(run)
        return future

    def _run(self, at: int) -> None:
        try:
            self._read_files(at)
        finally:
            self._reads[at].set()
        self._help()

    def _read_files(self, at: int) -> None:
        def count(length: int) -> None:
            if self._stopping.is_set():
                raise _Stopped
            self.done[at] += length

        slots = [_Slot() for _ in range(_SLOTS)]
        while not self._stopping.is_set():
            try:
                asked = self._waiting.pop()
            except IndexError:
                return
            try:
                self.results.put((asked.path, _Reading(asked, slots, self, count).run()))
            except _Stopped:
                return
            except Exception as error:  # raised where the job is driven, unless it is one that the user understands
                self.results.put((asked.path, error))

    def _help(self) -> None:
        """Sum up for the threads that have a file, until the end."""
        while True:
            self._idle.release()
            task = self._offers.get()
            if task is None:
                return
            task()


class _Reading:
    """One file on its way."""

    def __init__(self, asked: Asked, slots: Sequence[_Slot], work: _Work, count: Callable[[int], None]) -> None:
        self._asked = asked
        self._slots = slots
        self._work = work
        self._count = count
        self._sha256 = hashlib.sha256()
        self._printers: list[Printer] = []

    def run(self) -> FilePrint:
        path, expected = self._asked.path, self._asked.stamp
        with open_regular(path) as file:
            try:
                before = stamp_of(os.fstat(file.fileno()))
                if expected not in (None, before):
                    raise self._changed()
                self._read(file, before[0])
                if not before == stamp_of(os.fstat(file.fileno())) == stamp_of(path.stat()):
                    raise self._changed()
            except OSError as error:
                raise unreadable(path, error) from None
        tensors = tuple(printer.made() for printer in self._printers)
        return FilePrint(Digest("sha256", self._sha256.hexdigest()), tensors)

    def _changed(self) -> Conflict:
        return Conflict(f"{display.path(self._asked.path)}: changed while it was read", _HINT)

    def _read(self, file: FileIO, size: int) -> None:
        header = self._asked.header
        self._printers = [Printer(tensor) for tensor in header.tensors()] if header else []
        before: Future[None] | None = None
        try:
            for piece in pieces(self._printers, size):
                slot = self._free()
                held = self._fill(file, slot, piece)
                compiled = engine().arithmetic(self._work.total) if piece.parts else None
                task = partial(_take, piece, held, before, compiled)
                before = slot.summed = self._work.offer(task)
                self._sha256.update(held.data)
                if before is None:
                    task()
                self._count(piece.length)
        finally:
            for slot in self._slots:
                slot.wait()

    def _free(self) -> _Slot:
        """A slot that may be filled; the first where it can be, which then lies in the cache."""
        for slot in self._slots:
            if slot.summed is None or slot.summed.done():
                break
        slot.wait()
        return slot

    def _fill(self, file: FileIO, slot: _Slot, piece: Piece) -> NDArray[np.uint8]:
        """Read a piece into a slot, so that a tensor lies as it does in the file, which is aligned for its type."""
        skew = piece.begin % _LINE
        room = slot.view[skew : skew + piece.length]
        held = 0
        while held < len(room):
            length = file.readinto(room[held:])
            if not length:
                raise self._changed()
            held += length
        return slot.bytes[skew : skew + piece.length]


def _take(piece: Piece, held: NDArray[np.uint8], before: Future[None] | None, compiled: Arithmetic | None) -> None:
    """Take a piece into the digests of its tensors, after the one before it, and add it to their sums."""
    if before is not None:
        before.result()
    for part in piece.parts:
        part.printer.take(held[part.begin : part.end], part.first)
    for part in piece.parts:
        part.printer.sum_up(held[part.begin : part.end], part.first, compiled)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
