"""The key-value pairs at the head of a GGUF file, each length held against the bytes that remain before it is used."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import FileIO
from typing import TypeAlias

Scalar: TypeAlias = "int | float | bool | str"

MOST_SHOWN = 256
"""Elements of an array that are kept; the rest is counted and stepped over."""
_MOST_DEPTH = 8
_MOST_STRING = 1 << 30
_PIECE = 1 << 20
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_FIXED = {**{kind: struct.calcsize(f"<{code}") for kind, code in _SCALARS.items()}, _BOOL: 1}
_FEWEST = {**_FIXED, _STRING: 8, _ARRAY: 12}
"""Bytes that a value of each type takes at least."""


class Unsound(Exception):
    """The bytes break a rule of the format; the text says which."""


class CutShort(Unsound):
    """The file ends before its own counts say."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array of values: how many there are, and the first of them."""

    length: int
    first: tuple[object, ...]


class Cursor:
    """Steps through the head of a file, reading it in pieces of a mebibyte."""

    def __init__(self, file: FileIO, size: int) -> None:
        self._file = file
        self.size = size
        self.at = 0
        self._bytes = b""
        self._start = 0
        """Where `_bytes` begins in the file."""

    @property
    def left(self) -> int:
        """Bytes from here to the end of the file."""
        return self.size - self.at

    def take(self, count: int) -> bytes:
        """The next bytes. Raises `CutShort` where there are fewer."""
        if count > self.left:
            raise CutShort("ends in the middle of its header")
        begin = self.at - self._start
        if begin + count > len(self._bytes):
            self._fill(count)
            begin = 0
        self.at += count
        return self._bytes[begin : begin + count]

    def skip(self, count: int) -> None:
        """Step over bytes without reading them."""
        if count > self.left:
            raise CutShort("ends in the middle of its header")
        self.at += count
        if self.at - self._start > len(self._bytes):
            self._bytes, self._start = b"", self.at

    def number(self, code: str) -> int:
        """The next integer, in the letters of `struct`."""
        value: int = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]
        return value

    def text(self, what: str, least: int = 0) -> str:
        """The next string: its length in eight bytes, then UTF-8."""
        length = self.number("Q")
        if length < least or length > min(self.left, _MOST_STRING):
            raise (CutShort if length > self.left else Unsound)(f"{what} has a length of {length:,} bytes")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise Unsound(f"{what} is not UTF-8") from None

    def value(self, key: str) -> Scalar | Array:
        """The next value, whose type stands before it."""
        return self._value(self.number("I"), key, 0)

    def _value(self, kind: int, key: str, depth: int) -> Scalar | Array:
        if kind in _SCALARS:
            number: int | float = struct.unpack(f"<{_SCALARS[kind]}", self.take(_FIXED[kind]))[0]
            return number
        if kind == _BOOL:
            flag = self.take(1)[0]
            if flag > 1:
                raise Unsound(f"{key} has {flag} for a boolean")
            return bool(flag)
        if kind == _STRING:
            return self.text(key)
        if kind == _ARRAY:
            return self._array(key, depth)
        raise Unsound(f"{key} has the unknown type {kind}")

    def _array(self, key: str, depth: int) -> Array:
        if depth >= _MOST_DEPTH:
            raise Unsound(f"{key} is nested more than {_MOST_DEPTH} deep")
        kind, length = self.number("I"), self.number("Q")
        if kind not in _FEWEST:
            raise Unsound(f"{key} is an array of the unknown type {kind}")
        if length * _FEWEST[kind] > self.left:
            raise CutShort(f"{key} says that it has {length:,} elements, more than fit into the file")
        first = tuple(self._value(kind, key, depth + 1) for _ in range(min(length, MOST_SHOWN)))
        left = length - len(first)
        if kind in _FIXED:
            self.skip(left * _FIXED[kind])
        elif kind == _STRING:
            self._skip_strings(left, key)
        else:
            for _ in range(left):
                self._value(kind, key, depth + 1)
        return Array(length, first)

    def _skip_strings(self, count: int, key: str) -> None:
        """Step over strings: a vocabulary has a hundred thousand, so this looks only at their lengths."""
        unpack = struct.Struct("<Q").unpack_from
        while count:
            if self.at - self._start + 8 > len(self._bytes):
                self._fill(8)
            piece, at = self._bytes, self.at - self._start
            last = len(piece) - 8
            while count and at <= last:
                (length,) = unpack(piece, at)
                if length > self.size - self._start - at - 8:
                    raise CutShort(f"{key} has a string of {length:,} bytes, more than the file holds")
                at += 8 + length
                count -= 1
            self.at = self._start + at
            if at > len(piece):
                self._bytes, self._start = b"", self.at

    def _fill(self, count: int) -> None:
        """Have at least `count` bytes from here on at hand. Raises `CutShort` where the file has fewer."""
        self._file.seek(self.at)
        pieces = []
        wanted = max(count, _PIECE)
        while wanted > 0 and (piece := self._file.read(min(wanted, _PIECE))):
            pieces.append(piece)
            wanted -= len(piece)
        self._bytes, self._start = b"".join(pieces), self.at
        if len(self._bytes) < count:
            raise CutShort("ends in the middle of its header")
