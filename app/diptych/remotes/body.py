"""What is sent: a range of a file, or bytes; read again from its start whenever a request is repeated."""

from __future__ import annotations

import os
import time
from asyncio import Future, get_running_loop
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import FileIO

from diptych import display
from diptych.domain.shipping import Parcel
from diptych.errors import Conflict
from diptych.opening import open_regular

_PIECE = 2 << 20
_LEAST, _USUAL = 1 << 16, 1 << 18
_BRISK, _SLOW = 0.05, 0.25
"""Seconds for one piece: below the one the next may be larger, above the other it is smaller."""

_LEISURE = 2.0
"""A connection that takes so many times as long for a piece as its digest leaves time to digest the next."""
_KEPT = 0.9
_NEAR = 1 << 18
"""Bytes that stay near the processor from reading over the digest to sending."""
_beside = ThreadPoolExecutor(2, "watch")


class Body:
    """`length` bytes from `start` on of a parcel, put between `before` and `after` (the frame of an archive).

    `watch` gives what sees every piece, such as a digest: a new one for every try. The last piece goes only when it has
    seen all and raised nothing.
    """

    def __init__(
        self,
        parcel: Parcel,
        start: int = 0,
        length: int | None = None,
        *,
        before: bytes = b"",
        after: bytes = b"",
        watch: Callable[[], Callable[[bytes], object]] | None = None,
    ) -> None:
        self.parcel = parcel
        self.start = start
        self.length = len(before) + parcel.bytes + len(after) - start if length is None else length
        self.sent = 0
        """Bytes handed to the connection in the current try."""
        self._frame = before, after
        self._watch = watch
        self._held: memoryview | None = None
        self._reads = _PIECE if watch is None else _NEAR
        """Bytes that are read from the file at once."""

    async def pieces(self, pause: Callable[[int], Awaitable[None]]) -> AsyncIterator[bytes]:
        """The bytes, `pause` being awaited before each piece. Raises `Conflict` where the file was cut meanwhile.

        Pieces are as large as the connection takes them quickly: large ones cost less, small ones show how it goes.
        """
        self.sent = 0
        most = _USUAL
        watch = _Watch(self._watch()) if self._watch is not None else None
        seen: Future[object] | None = None
        try:
            for read in self.local():
                place = 0
                while place < len(read):
                    piece = read[place : place + most]
                    begun = time.monotonic()
                    await pause(len(piece))
                    if seen is not None:
                        await seen
                    if watch is not None:
                        seen = watch.look(piece)
                        if seen is not None and self.sent + len(piece) == self.length:
                            await seen
                    handed = time.monotonic()
                    yield piece
                    now = time.monotonic()
                    if watch is not None:
                        watch.waited(now - handed)
                        self._reads = _PIECE if watch.hurried else _NEAR
                    self.sent += len(piece)
                    place += len(piece)
                    most = _next(most, now - begun)
        finally:
            if seen is not None:
                seen.cancel()

    def hold(self, memory: bytearray) -> Iterator[memoryview]:
        """Take the bytes into `memory`, in pieces, and send them from there: what is seen here is what goes.

        For a part of a parcel without a frame; `memory` is at least as long, and others keep their hands off it until
        all was sent. Raises `Conflict` where the file was cut meanwhile.
        """
        held = memoryview(memory)[: self.length]
        if self.parcel.path is None:
            held[:] = self.parcel.content[self.start : self.start + self.length]
            yield held
        else:
            with open_regular(self.parcel.path) as file:
                file.seek(self.start)
                for place in range(0, self.length, _PIECE):
                    piece = held[place : place + _PIECE]
                    self._fill(file, piece)
                    yield piece
        self._held = held

    def local(self) -> Iterator[bytes]:
        """The bytes as they lie here, in pieces. `Conflict` where the file was cut meanwhile."""
        if self._held is not None:
            yield from _parts(self._held, 0, self.length)
            return
        before, after = self._frame
        end = self.start + self.length
        yield from _parts(before, self.start, end)
        inner, most = self.start - len(before), end - len(before)
        if self.parcel.path is None:
            yield from _parts(self.parcel.content, inner, most)
        elif max(inner, 0) < min(most, self.parcel.bytes):
            yield from self._file(max(inner, 0), min(most, self.parcel.bytes))
        yield from _parts(after, inner - self.parcel.bytes, most - self.parcel.bytes)

    def whole(self) -> bytes:
        """All of it at once, for what is small."""
        return b"".join(self.local())

    def _file(self, place: int, end: int) -> Iterator[bytes]:
        path = self.parcel.path
        assert path is not None
        with open_regular(path) as file:
            while place < end:
                piece = os.pread(file.fileno(), min(self._reads, end - place), place)
                if not piece:
                    raise self._shorter()
                yield piece
                place += len(piece)

    def _fill(self, file: FileIO, piece: memoryview) -> None:
        while piece:
            count = file.readinto(piece)
            if not count:
                raise self._shorter()
            piece = piece[count:]

    def _shorter(self) -> Conflict:
        place = display.path(self.parcel.path) if self.parcel.path else self.parcel.name
        return Conflict(f"{place}: became shorter while it was sent", "Scan and hash it again.")


class _Watch:
    """Shows pieces to what watches them: beside the sending if the connection is fast, else before each is sent.

    While a slow server empties the connection there is time for a digest; a thread more would only take its processor,
    where that is this machine. A fast one would wait for it.
    """

    def __init__(self, watch: Callable[[bytes], object]) -> None:
        self._watch = watch
        self.hurried = False
        self._looked = self._waited = 0.0
        """Seconds of late: what was long ago counts less and less."""

    def waited(self, seconds: float) -> None:
        """Take note of how long the connection took for a piece."""
        self._waited = _KEPT * self._waited + seconds
        self.hurried = self._waited < _LEISURE * self._looked

    def look(self, piece: bytes) -> Future[object] | None:
        """Have a piece seen; what to wait for if that happens beside."""
        if self.hurried:
            return get_running_loop().run_in_executor(_beside, self._see, piece)
        self._see(piece)
        return None

    def _see(self, piece: bytes) -> None:
        begun = time.monotonic()
        self._watch(piece)
        self._looked = _KEPT * self._looked + time.monotonic() - begun


def _next(most: int, seconds: float) -> int:
    """How large a piece may be after one that took so long."""
    if seconds < _BRISK:
        return min(most * 2, _PIECE)
    return max(most // 2, _LEAST) if seconds > _SLOW else most


def _parts(content: bytes | memoryview, start: int, end: int) -> Iterator[bytes]:
    """What of `content` lies between two places, which may be outside of it."""
    for place in range(max(start, 0), min(end, len(content)), _PIECE):
        yield bytes(content[place : min(place + _PIECE, end)])
