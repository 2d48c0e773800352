"""What is sent: a range of a file, or bytes; read again from its start whenever a request is repeated."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable

from diptych import display
from diptych.domain.shipping import Parcel
from diptych.errors import Conflict
from diptych.opening import open_regular

_PIECE = 1 << 20


class Body:
    """`length` bytes of a parcel from `start` on."""

    def __init__(self, parcel: Parcel, start: int = 0, length: int | None = None) -> None:
        self.parcel = parcel
        self.start = start
        self.length = parcel.bytes - start if length is None else length
        self.sent = 0
        """Bytes handed to the connection in the current try."""

    async def pieces(self, pause: Callable[[int], Awaitable[None]]) -> AsyncIterator[bytes]:
        """The bytes, `pause` being awaited before each piece. Raises `Conflict` where the file was cut meanwhile."""
        self.sent = 0
        if self.parcel.path is None:
            for place in range(self.start, self.start + self.length, _PIECE):
                piece = self.parcel.content[place : min(place + _PIECE, self.start + self.length)]
                await pause(len(piece))
                yield piece
                self.sent += len(piece)
            return
        with open_regular(self.parcel.path) as file:
            while self.sent < self.length:
                piece = os.pread(file.fileno(), min(_PIECE, self.length - self.sent), self.start + self.sent)
                if not piece:
                    raise Conflict(
                        f"{display.path(self.parcel.path)}: became shorter while it was sent", "Scan and hash it again."
                    )
                await pause(len(piece))
                yield piece
                self.sent += len(piece)

    def whole(self) -> bytes:
        """All of it at once, for what is small."""
        if self.parcel.path is None:
            return self.parcel.content[self.start : self.start + self.length]
        with open_regular(self.parcel.path) as file:
            return os.pread(file.fileno(), self.length, self.start)
