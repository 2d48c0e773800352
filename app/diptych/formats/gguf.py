"""GGUF, versions 2 and 3: a header of typed key-value pairs, a table of tensors, and their blocks.

Own reader: the reference library builds an object for each element of each array, and takes ten seconds for the
vocabulary of a common model; a length that lies makes it run for ever.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from io import FileIO
from itertools import pairwise
from math import prod
from pathlib import Path

from diptych import display
from diptych.domain.ggml import PLAIN, QUANTISED
from diptych.domain.tensor import DTYPE_BITS, Header, Layout, TensorSource
from diptych.errors import Damaged
from diptych.formats.format import Partial
from diptych.formats.gguf_values import Array, Cursor, CutShort, Scalar, Unsound
from diptych.opening import open_regular, unreadable

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = "general.alignment"
_USUAL_ALIGNMENT = 32
_MOST_ALIGNMENT = 1 << 20
_MOST_DIMENSIONS = 4
_LEAST_PAIR = 13
"""Bytes: the length of a key, one letter, the type."""
_LEAST_TENSOR = 33
"""Bytes: the length of a name, one letter, one dimension, type and offset."""
_MOST = 2**63 - 1
_LONGEST_TEXT = 1 << 16
"""Characters of one value that are kept as metadata; chat templates have thousands."""


class GgufReader:
    """Reads headers. `read` tells of tensors as a safetensors header does, so that both are kept and compared alike."""

    def read(self, path: Path, name: str, follow: bool = False) -> Header:
        """The header of the file at `path`, which the version knows as `name`.

        Raises `Damaged`, `Partial` where the file is shorter than it says, `NotFound` or `Refused`, naming the file.
        """
        with open_regular(path, follow) as file:
            try:
                return _read(file, name)
            except OSError as error:
                raise unreadable(path, error) from None
            except CutShort as short:
                raise Partial(f"{display.path(path)}: {short}", "Scan again when it is complete.") from None
            except Unsound as fault:
                raise Damaged(f"{display.path(path)}: {fault}", "Fetch the file again.") from None


class Gguf:
    """The format."""

    key = "gguf"

    def sniff(self, head: bytes, name: str) -> bool:
        """By the first four bytes."""
        return head[:4] == _MAGIC

    def open(self, path: Path) -> TensorSource:
        """Open one file; of a split model only this part."""
        from diptych.formats.source import FileSource

        return FileSource([(path, GgufReader().read(path, path.name, follow=True))], follow=True)


def _read(file: FileIO, name: str) -> Header:
    size = os.fstat(file.fileno()).st_size
    cursor = Cursor(file, size)
    tensors, pairs = _counts(cursor)
    metadata = _metadata(cursor, pairs)
    alignment = metadata.get(_ALIGNMENT, _USUAL_ALIGNMENT)
    if type(alignment) is not int or not 8 <= alignment <= _MOST_ALIGNMENT or alignment & (alignment - 1):
        raise Unsound(f"has an alignment of {_shown(alignment)}, which is no power of two from 8 up")
    table = _table(cursor, tensors, alignment)
    start = -(-cursor.at // alignment) * alignment
    layout = _layout(table, size - start)
    return Header(name, start, layout, {key: _text(value) for key, value in metadata.items()})


def _counts(cursor: Cursor) -> tuple[int, int]:
    if cursor.size == 0:
        raise Unsound("is empty")
    magic = cursor.take(min(4, cursor.size))
    if magic != _MAGIC:
        raise Unsound("is not a GGUF file")
    version = cursor.number("I")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        if swapped in _VERSIONS:
            raise Unsound("is written for big-endian machines, which is not read here")
        raise Unsound(f"has version {version:,}; versions 2 and 3 are read")
    tensors, pairs = cursor.number("Q"), cursor.number("Q")
    if pairs * _LEAST_PAIR > cursor.left or tensors * _LEAST_TENSOR > cursor.left:
        raise CutShort(f"says that it has {tensors:,} tensors and {pairs:,} values, more than fit into it")
    return tensors, pairs


def _metadata(cursor: Cursor, pairs: int) -> dict[str, Scalar | Array]:
    metadata: dict[str, Scalar | Array] = {}
    for _ in range(pairs):
        key = cursor.text("a key", least=1)
        if key in metadata:
            raise Unsound(f"has the key {_shown(key)} twice")
        metadata[key] = cursor.value(_shown(key))
    return metadata


def _table(cursor: Cursor, tensors: int, alignment: int) -> list[tuple[str, int, tuple[int, ...], int]]:
    """Name, type, shape and offset of each tensor; the shape with the slowest dimension first, as elsewhere."""
    table: list[tuple[str, int, tuple[int, ...], int]] = []
    names: set[str] = set()
    for _ in range(tensors):
        name = cursor.text("the name of a tensor", least=1)
        if name in names:
            raise Unsound(f"has the tensor {_shown(name)} twice")
        names.add(name)
        rank = cursor.number("I")
        if not 1 <= rank <= _MOST_DIMENSIONS:
            raise Unsound(f"{_shown(name)} has {rank:,} dimensions")
        shape = tuple(cursor.number("Q") for _ in range(rank))
        if 0 in shape or prod(shape) > _MOST:
            raise Unsound(f"{_shown(name)} has a shape that no file can hold")
        kind, offset = cursor.number("I"), cursor.number("Q")
        if offset % alignment:
            raise Unsound(f"{_shown(name)} does not begin at a multiple of {alignment}")
        table.append((name, kind, shape[::-1], offset))
    return table


def _layout(table: list[tuple[str, int, tuple[int, ...], int]], room: int) -> Layout:
    """The layout that the table declares, in the order of the offsets; `room` are the bytes of data there are."""
    table = sorted(table, key=lambda row: row[3])
    entries: list[tuple[str, str, tuple[int, ...], int, int]] = []
    elements: Counter[str] = Counter()
    for place, (name, kind, shape, begin) in enumerate(table):
        following = table[place + 1][3] if place + 1 < len(table) else max(room, begin)
        dtype, size = _size(name, kind, shape)
        entries.append((name, dtype, shape, begin, following if size is None else begin + size))
        elements[dtype] += prod(shape)
    for before, after in pairwise(entries):
        if before[4] > after[3]:
            raise Unsound(f"{_shown(after[0])} overlaps {_shown(before[0])}")
    needed = entries[-1][4] if entries else 0
    if needed > room:
        raise CutShort(f"ends after {max(room, 0):,} of {needed:,} bytes of tensors")
    digest = hashlib.sha256(repr(entries).encode()).hexdigest()
    dtype = max(elements, key=lambda each: (elements[each], each), default="")
    return Layout(digest, tuple(entries), sum(elements.values()), dtype)


def _size(name: str, kind: int, shape: tuple[int, ...]) -> tuple[str, int | None]:
    """The name of a type, and the bytes that a tensor of it takes; None for a type that is not known."""
    if kind in PLAIN:
        return PLAIN[kind], prod(shape) * DTYPE_BITS[PLAIN[kind]] // 8
    if kind not in QUANTISED:
        return f"type {kind}", None
    dtype, block, size = QUANTISED[kind]
    if shape[-1] % block:
        raise Unsound(f"{_shown(name)} has rows of {shape[-1]:,}, which blocks of {block} do not fill")
    return dtype, prod(shape) // block * size


def _text(value: Scalar | Array) -> str:
    if isinstance(value, Array):
        return f"{value.length:,} values"
    if isinstance(value, bool):
        return str(value).lower()
    return value[:_LONGEST_TEXT] if isinstance(value, str) else repr(value)


def _shown(value: object) -> str:
    """A name from the file for an error: one line, nothing hidden, not long."""
    text = value[:1000] if isinstance(value, str) else str(value)[:1000]
    return f"‘{display.elide(display.visible(text), 60)}’"
