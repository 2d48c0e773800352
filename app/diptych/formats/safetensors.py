"""safetensors: eight bytes of length, a JSON header, and the tensors end to end.

Own header reader: the reference library accepts names that repeat and refuses to show what is unsound about the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from itertools import chain
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from diptych import display
from diptych.domain.tensor import Header, Layout, TensorSource
from diptych.errors import Damaged
from diptych.formats.format import Partial
from diptych.formats.json_cursor import Broken, JsonCursor
from diptych.formats.layout import METADATA, plain_layout, read_layout, read_metadata
from diptych.opening import descriptor_of, unreadable

MOST_HEADER = 100_000_000
"""Bytes; the limit of the reference library."""
_FIRST = 2**16
_LENGTH = Struct("<Q")
_READ = 2**20
_REASON = 150
_MOST_ALIKE = 8
"""Headers of one length that are kept."""
_MOST_LENGTHS = 64


class _Met(NamedTuple):
    """A header that was read, and what it said."""

    header: bytes
    start: int
    """Where the data begins."""
    end: int
    """Bytes of a file that holds all of it."""
    metadata: Mapping[str, str]
    layout: Layout


class HeaderReader:
    """Reads headers, and parses each layout only once: the checkpoints of a run share one."""

    def __init__(self) -> None:
        self._layouts: dict[str, Layout] = {}
        self._met: dict[int, list[_Met]] = {}
        """Whole headers by their length: most files of a library repeat one to the letter, and comparing is far
        cheaper than the digest."""
        self._head = bytearray(_FIRST)
        """The beginning of the file that is read; one place for all of them."""
        self._into = [self._head]

    def read(self, path: Path | str, name: str, follow: bool = False) -> Header:
        """The header of the file at `path`, which the version knows as `name`.

        Links are followed only with `follow`, or from a snapshot of the Hub's cache to its blob. Raises `Damaged`,
        `Partial` where the file is shorter than its header says, `NotFound` or `Refused`; each names the file.
        """
        file, size = descriptor_of(path, follow)
        try:
            return self._read(file, size, name)
        except OSError as error:
            raise unreadable(path, error) from None
        except Broken as broken:
            raise Damaged(_line(path, str(broken)), "Fetch the file again.") from None
        except _Short as short:
            raise Partial(_line(path, str(short)), "Scan again when it is complete.") from None
        finally:
            os.close(file)

    def _read(self, file: int, size: int, name: str) -> Header:
        head = self._head
        read = os.preadv(file, self._into, 0)
        (length,) = _LENGTH.unpack_from(head)
        for met in self._met.get(length, ()):
            if head.startswith(met.header, 8, read):
                break
        else:
            met = self._first(file, bytes(head[:read]), size)
        if size < met.end:
            raise _Short(f"is still being written or was cut: {size:,} of {met.end:,} bytes")
        if size > met.end:
            raise Broken(f"has {size - met.end:,} bytes behind its last tensor")
        return Header(name, met.start, met.layout, met.metadata)

    def _first(self, file: int, head: bytes, size: int) -> _Met:
        """What a header says that is met for the first time; it is remembered where it is not long."""
        header = _header_bytes(file, head, size)
        metadata, layout = self._parse(header)
        length = len(header)
        start = 8 + length
        met = _Met(head[8:start], start, start + (layout.entries[-1][4] if layout.entries else 0), metadata, layout)
        if start <= len(head):
            alike = self._met.setdefault(length, [])
            alike.insert(0, met)
            del alike[_MOST_ALIKE:]
            if len(self._met) > _MOST_LENGTHS:
                del self._met[next(iter(self._met))]
        return met

    def _parse(self, header: memoryview) -> tuple[Mapping[str, str], Layout]:
        cursor = JsonCursor(header)
        names = cursor.members()
        first = next(names, None)
        metadata: Mapping[str, str] | None = None
        rest = header
        if first == METADATA:
            metadata, first = read_metadata(cursor), None
            rest = header[cursor.position :]
        digest = _digest(rest, metadata is not None)
        known = self._layouts.get(digest or "")
        if known is not None:
            return metadata or {}, known
        if digest is not None and len(rest) <= _FIRST:
            plain = plain_layout(bytes(rest) if metadata is None else b"{" + rest[1:], digest)
            if plain is not None:
                self._layouts[digest] = plain
                return metadata or {}, plain
        layout, within = read_layout(cursor, names if first is None else chain([first], names), digest)
        if within is not None and metadata is not None:
            raise Broken(f"the name {METADATA} is there twice")
        if within is None and digest is not None:
            self._layouts[digest] = layout
        return metadata or within or {}, layout


class Safetensors:
    """The format as the table of formats knows it."""

    key = "safetensors"

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether the head is a plausible length and the start of an object, or the name says so."""
        if name.endswith(".safetensors"):
            return True
        return 2 <= int.from_bytes(head[:8], "little") <= MOST_HEADER and head[8:9] == b"{"

    def open(self, path: Path) -> TensorSource:
        """Open one file; links are followed, since the user named this one."""
        from diptych.formats.source import SafetensorsSource

        return SafetensorsSource([(path, HeaderReader().read(path, path.name, follow=True))], follow=True)


class _Short(Exception):
    """The file ends early; the message is the reason."""


def _header_bytes(file: int, head: bytes, size: int) -> memoryview:
    if size < 8:
        raise _Short("is empty" if not size else f"is still being written or was cut: {size} bytes are no header")
    length = int.from_bytes(head[:8], "little")
    if length > MOST_HEADER:
        raise Broken(f"claims a header of {length:,} bytes; {MOST_HEADER:,} is the most")
    if length < 2:
        raise Broken(f"claims a header of {length} bytes, too few for any")
    if head[8:9] not in (b"{", b""):
        raise Broken("has a header that does not begin with a brace")
    if 8 + length > size:
        raise _Short(f"is still being written or was cut: {size:,} bytes end within the header of {length:,}")
    if 8 + length <= len(head):
        return memoryview(head)[8 : 8 + length]
    # fresh pages are handed out while reading, which lets go of the interpreter's lock; zeroing a bytearray does not
    content = memoryview(mmap(-1, length))
    held = 0
    while held < length:
        part = os.preadv(file, [content[held : held + _READ]], 8 + held)
        if not part:
            raise _Short(f"became shorter while it was read: {8 + held:,} bytes")
        held += part
    return content


def _digest(rest: memoryview, after_metadata: bool) -> str | None:
    """The digest of a header without its metadata; None where its spelling is not the plain one.

    `rest` is the whole header, or what follows the metadata. Padding does not count.
    """
    digest = hashlib.sha256()
    if after_metadata:
        lead = bytes(rest[:2])
        if lead == b',"':
            rest = rest[1:]
        elif lead[:1] != b"}":
            return None
        digest.update(b"{")
    end = len(rest)
    while end and bytes(rest[end - 1 : end]) == b" ":
        begin = max(0, end - 2**16)
        end = begin + len(bytes(rest[begin:end]).rstrip(b" "))
    digest.update(rest[:end])
    return digest.hexdigest()


def _line(path: Path | str, reason: str) -> str:
    return f"{display.path(path)}: {display.elide(display.visible(reason), _REASON)}"
