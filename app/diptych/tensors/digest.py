"""SHA-256 of files, a thread per core.

Files are read into a small buffer and not mapped: it is as fast, since the buffer stays in the cache of its core, and a
file that shrinks meanwhile ends in an error and not in the end of the process.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeAlias

from diptych import display
from diptych.domain.version import Digest, Problem
from diptych.errors import Conflict, DiptychError
from diptych.job import Job, Tick
from diptych.opening import open_regular, unreadable

Stamp: TypeAlias = tuple[int, ...]

_BUFFER = 2**21
"""Bytes between two looks at whether to go on; about a millisecond of work."""
_PAUSE = 0.1
"""Seconds between two ticks."""
_ATTEMPTS = 2


def digest_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> Digest:
    """The SHA-256 of one file; `on_bytes` hears of every piece, and may raise to stop.

    Raises `Conflict` where the file changes while it is read, twice in a row; `NotFound`, `Refused` or `Damaged` where
    it cannot be read.
    """
    for _ in range(_ATTEMPTS):
        digest = _digest(path, on_bytes)
        if digest is not None:
            return digest
    raise Conflict(f"{display.path(path)}: changed while it was hashed", "Hash it again when nothing writes to it.")


def _digest(path: Path, on_bytes: Callable[[int], None] | None) -> Digest | None:
    """None where the file was changed or replaced meanwhile."""
    with open_regular(path) as file, mmap.mmap(-1, _BUFFER) as buffer, memoryview(buffer) as view:
        sha256 = hashlib.sha256()
        try:
            before = stamp_of(os.fstat(file.fileno()))
            # not to its end, which runs ahead while something writes to it
            left = before[0]
            while length := file.readinto(view[: min(left, _BUFFER)]):
                left -= length
                sha256.update(view[:length])
                if on_bytes is not None:
                    on_bytes(length)
            unchanged = before == stamp_of(os.fstat(file.fileno())) == stamp_of(path.stat())
        except OSError as error:
            raise unreadable(path, error) from None
        return Digest("sha256", sha256.hexdigest()) if unchanged else None


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes with a file: size, times, and which file it is.

    The time of change cannot be set back by a program, unlike the time of modification.
    """
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def digest_files(paths: Sequence[Path]) -> Job[Mapping[Path, Digest | Problem]]:
    """The digest of every file, or the reason why there is none. Ticks count bytes; memory stays below 2 MiB a core."""
    work = _Work(paths)
    yield Tick("Hashing files", 0, work.total, "bytes")
    results: dict[Path, Digest | Problem] = {}
    try:
        work.start()
        while len(results) < work.files:
            with suppress(Empty):
                path, result = work.results.get(timeout=_PAUSE)
                results[path] = result
                if work.fresh() < _BUFFER:
                    continue
            yield Tick("Hashing files", min(work.done(), work.total), work.total, "bytes")
    finally:
        work.stop()
    return {path: results[path] for path in dict.fromkeys(paths)}


class _Stopped(Exception):
    """The job was cancelled."""


class _Work:
    """The threads, what they still have to do, and what they have done."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.results: SimpleQueue[tuple[Path, Digest | Problem]] = SimpleQueue()
        sizes = {path: _size(path) for path in paths}
        self.files = len(sizes)
        self.total = sum(sizes.values())
        # the largest first, so that no core is left alone with it in the end; taken from the back
        self._waiting = sorted(sizes, key=lambda path: sizes[path])
        count = max(1, min(os.cpu_count() or 1, self.files))
        self._done = [0] * count
        self._shown = 0
        self._stopping = Event()
        self._threads = [Thread(target=self._run, args=(at,), name=f"hash-{at}", daemon=True) for at in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def done(self) -> int:
        """Bytes read so far by all threads."""
        self._shown = sum(self._done)
        return self._shown

    def fresh(self) -> int:
        """Bytes read since `done` was last asked for."""
        return sum(self._done) - self._shown

    def _run(self, at: int) -> None:
        def count(length: int) -> None:
            if self._stopping.is_set():
                raise _Stopped
            self._done[at] += length

        while not self._stopping.is_set():
            try:
                path = self._waiting.pop()
            except IndexError:
                return
            try:
                self.results.put((path, digest_file(path, count)))
            except DiptychError as error:
                reason = error.message.removeprefix(f"{display.path(path)}: ")
                self.results.put((path, Problem(str(path), reason)))
            except _Stopped:
                return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
