"""What is sent: a range of a file, or bytes; read again from its start whenever a request is repeated."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from diptych import display
from diptych.domain.shipping import Parcel
from diptych.errors import Conflict
from diptych.opening import open_regular

_PIECE = 1 << 18


class Body:
    """`length` bytes from `start` on of a parcel, put between `before` and `after` (the frame of an archive).

    `watch` sees every piece before it goes, such as a digest; it sees them again when a request is repeated, so whoever
    repeats must begin a new one.
    """

    def __init__(
        self,
        parcel: Parcel,
        start: int = 0,
        length: int | None = None,
        *,
        before: bytes = b"",
        after: bytes = b"",
        watch: Callable[[bytes], object] | None = None,
    ) -> None:
        self.parcel = parcel
        self.start = start
        self.length = len(before) + parcel.bytes + len(after) - start if length is None else length
        self.sent = 0
        """Bytes handed to the connection in the current try."""
        self._frame = before, after
        self._watch = watch

    async def pieces(self, pause: Callable[[int], Awaitable[None]]) -> AsyncIterator[bytes]:
        """The bytes, `pause` being awaited before each piece. Raises `Conflict` where the file was cut meanwhile."""
        self.sent = 0
        for piece in self.local():
            await pause(len(piece))
            if self._watch is not None:
                self._watch(piece)
            yield piece
            self.sent += len(piece)

    def local(self) -> Iterator[bytes]:
        """The bytes as they lie here, in pieces. `Conflict` where the file was cut meanwhile."""
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
                piece = os.pread(file.fileno(), min(_PIECE, end - place), place)
                if not piece:
                    raise Conflict(f"{display.path(path)}: became shorter while it was sent", "Scan and hash it again.")
                yield piece
                place += len(piece)


def _parts(content: bytes, start: int, end: int) -> Iterator[bytes]:
    """What of `content` lies between two places, which may be outside of it."""
    for place in range(max(start, 0), min(end, len(content)), _PIECE):
        yield content[place : min(place + _PIECE, end)]
