"""What takes in bytes that are not to be kept in a file: a range that is read, and a file that is only checked."""

from __future__ import annotations

import hashlib

from diptych.errors import Damaged


class Piece:
    """A range of a file, kept in memory."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._content = bytearray()

    @property
    def received(self) -> int:
        """Bytes so far."""
        return len(self._content)

    def __call__(self, piece: bytes) -> None:
        """Take the next bytes. Raises `Damaged` for more than were asked for."""
        if len(self._content) + len(piece) > self._length:
            raise Damaged("the server sends more than it was asked for")
        self._content += piece

    def whole(self, name: str, sha256: str = "") -> bytes:
        """All of it. Raises `Damaged` where bytes are missing, or where it has not the digest that it should have."""
        if len(self._content) != self._length:
            raise Damaged(f"{name}: {len(self._content):,} of {self._length:,} bytes came", "Try again.")
        if sha256 and hashlib.sha256(self._content).hexdigest() != sha256:
            raise Damaged(f"{name}: has another digest than announced", "Verify the remote.")
        return bytes(self._content)


class Checksum:
    """A file that is only to be checked."""

    def __init__(self, length: int) -> None:
        self.received = 0
        """Bytes so far."""
        self._length = length
        self._sha256 = hashlib.sha256()

    def __call__(self, piece: bytes) -> None:
        """Take the next bytes. Raises `Damaged` for more than there should be."""
        self.received += len(piece)
        if self.received > self._length:
            raise Damaged("the server sends more than it was asked for")
        self._sha256.update(piece)

    def restart(self) -> None:
        """Begin anew, for a server that cannot go on in the middle."""
        self.received = 0
        self._sha256 = hashlib.sha256()

    def hexdigest(self) -> str:
        """The SHA-256 of what has come."""
        return self._sha256.hexdigest()
