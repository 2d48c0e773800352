"""Tar archives as layers: made the same every time, and read without being unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from diptych.display import elide, visible
from diptych.errors import Damaged, Refused
from diptych.job import Job

_BLOCK = 512
_MOST_ENTRIES = 10_000
_LONGEST_NAME = 1 << 16
Reader: TypeAlias = Callable[[int, int], Job[bytes]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in an archive."""

    name: str
    start: int
    """Where its content begins in the archive."""
    bytes: int


def frame(name: str, count: int) -> tuple[bytes, bytes]:
    """What comes before and after the content of one file of `count` bytes, alone in its archive.

    Times, owners and rights are always the same, so that the same content makes the same archive.
    """
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = count, 0o644
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8"), bytes(-count % _BLOCK + 2 * _BLOCK)


def entries(read: Reader, total: int) -> Job[tuple[Entry, ...]]:
    """The files of an archive of `total` bytes, reading its headers alone. Raises `Damaged`, or `Refused` for links."""
    found: list[Entry] = []
    headers = Headers()
    place = 0
    while place + _BLOCK <= total:
        head = yield from read(place, _BLOCK)
        place += _BLOCK
        kind, size = headers.take(head)
        if kind == "end":
            return tuple(found)
        if kind == "about":
            headers.about((yield from read(place, size)))
        elif kind == "file":
            found.append(Entry(headers.name(), place, size))
            if len(found) > _MOST_ENTRIES:
                raise Refused(f"an archive of more than {_MOST_ENTRIES:,} files is not read")
        place += size + -size % _BLOCK
    if place > total:
        raise Damaged("the archive is cut off")
    return tuple(found)


class Headers:
    """What the headers of an archive say, one after the other."""

    def __init__(self) -> None:
        self._kind = ""
        self._long: dict[str, str] = {}
        self._name = ""

    def take(self, head: bytes) -> tuple[str, int]:
        """What a block of 512 bytes introduces, and the size of that: `file`, `about` the next, `skip` or `end`."""
        if not any(head):
            return "end", 0
        try:
            entry = tarfile.TarInfo.frombuf(head, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeError):
            raise Damaged("the archive has a header that is none") from None
        size = entry.size
        self._kind = entry.type.decode("latin-1")
        if self._kind in ("x", "L", "g", "K"):
            if not 0 <= size <= _LONGEST_NAME:
                raise Damaged("the archive has a header that is too long")
            return ("about" if self._kind in ("x", "L") else "skip"), size
        self._name = self._long.get("path", entry.name)
        size = int(self._long.get("size", size))
        self._long = {}
        if size < 0:
            raise Damaged("the archive has a file of less than nothing")
        if self._kind in ("0", "\0", "7"):
            return "file", size
        if self._kind == "5":
            return "skip", 0
        raise Refused(f"{elide(visible(self._name), 80)}: the archive holds something that is not a file")

    def about(self, content: bytes) -> None:
        """Take what an extended header says of the next entry."""
        try:
            if self._kind == "L":
                self._long["path"] = content.split(b"\0")[0].decode()
                return
            while content:
                count, _, _ = content.partition(b" ")
                if not 0 < len(count) < 8 or not count.isdigit() or not 0 < int(count) <= len(content):
                    raise Damaged("the archive has a header that is none")
                key, _, value = content[len(count) + 1 : int(count) - 1].decode().partition("=")
                if key == "path" or (key == "size" and value.isascii() and value.isdigit() and len(value) < 20):
                    self._long[key] = value
                content = content[int(count) :]
        except UnicodeError:
            raise Damaged("the archive has a name that is not text") from None

    def name(self) -> str:
        """The name of the file introduced last."""
        return self._name.removeprefix("./")


class Unpacker:
    """Takes an archive in pieces and hands on the content of its files.

    `opened` is called with each file's name and size and gives what takes its content; `closed` when it is complete.
    """

    def __init__(self, opened: Callable[[str, int], Callable[[bytes], object]], closed: Callable[[], object]) -> None:
        self._opened = opened
        self._closed = closed
        self._headers = Headers()
        self._kept = bytearray()
        self._state = "head"
        self._left = 0
        self._padding = 0
        self._sink: Callable[[bytes], object] | None = None

    def __call__(self, piece: bytes) -> None:
        """Take the next piece. Raises as `entries` does, and what the two callables raise."""
        at = 0
        while at < len(piece):
            if self._state == "end":
                return
            if self._state == "file":
                part = piece[at : at + self._left]
                assert self._sink is not None
                self._sink(part)
                self._left -= len(part)
                at += len(part)
                if not self._left:
                    self._finish()
                continue
            wanted = (_BLOCK if self._state == "head" else self._left) - len(self._kept)
            part = piece[at : at + wanted]
            at += len(part)
            if self._state == "skip":
                self._left -= len(part)
            else:
                self._kept += part
            if len(part) == wanted:
                self._step()

    def end(self) -> None:
        """Say that the archive is over. Raises `Damaged` in the middle of a file."""
        if self._state not in ("head", "end") or self._kept:
            raise Damaged("the archive is cut off")

    def _step(self) -> None:
        content = bytes(self._kept)
        self._kept.clear()
        if self._state == "about":
            self._headers.about(content[: len(content) - self._padding])
            self._state = "head"
        elif self._state == "skip":
            self._state = "head"
        else:
            kind, size = self._headers.take(content)
            self._padding = -size % _BLOCK
            self._state, self._left = kind, size
            if kind == "file":
                self._sink = self._opened(self._headers.name(), size)
                if not size:
                    self._finish()
            elif kind in ("about", "skip"):
                self._left += self._padding
                if not self._left:
                    self._state = "head"

    def _finish(self) -> None:
        self._closed()
        self._sink = None
        self._left = self._padding
        self._state = "skip" if self._padding else "head"
