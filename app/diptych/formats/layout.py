"""The tensors that a safetensors header declares, checked against every rule of the format.

Rules as in the format's own description and in the checks of its reference library; where the library lets pass what
the description forbids (names that repeat, unknown fields, thousands of dimensions), the description counts.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeAlias

from diptych import display
from diptych.domain.tensor import DTYPE_BITS, Layout
from diptych.formats.json_cursor import Broken, JsonCursor

Entry: TypeAlias = tuple[str, str, tuple[int, ...], int, int]

METADATA = "__metadata__"
_MOST_DIMENSIONS = 64
_MOST = 2**63 - 1
"""Sizes beyond are no sizes; a catalog could not hold them either."""
_ORDERED = ("dtype", "shape", "data_offsets")
_FIELDS = frozenset(_ORDERED)
_BATCH = 10_000
_NEGATIVE = re.compile(r"[\[,:]\s*-")
"""Where a number may be negative, or a nought that is."""


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is not a number of JSON")


_PLAIN = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_no_number)
"""Objects become tuples of their members, so that names which repeat are still there."""


def read_metadata(cursor: JsonCursor) -> Mapping[str, str]:
    """The next value as a flat mapping of texts. Raises `Broken`."""
    metadata: dict[str, str] = {}
    for key in cursor.members():
        if key in metadata:
            raise Broken(f"the key {_quoted(key)} is there twice in {METADATA}")
        metadata[key] = cursor.text()
    return metadata


def read_layout(
    cursor: JsonCursor, names_left: Iterator[str], digest: str | None
) -> tuple[Layout, Mapping[str, str] | None]:
    """The layout that the `names_left` of the header declare, and the metadata where they stand among them.

    `digest` becomes the layout's; without one, or with metadata within, it is that of the plain spelling. Raises
    `Broken`.
    """
    entries: list[Entry] = []
    names: set[str] = set()
    elements: Counter[str] = Counter()
    metadata: Mapping[str, str] | None = None
    for name in names_left:
        if name == METADATA and metadata is None:
            metadata = read_metadata(cursor)
            continue
        if name in names or name == METADATA:
            raise Broken(f"the name {_quoted(name)} is there twice")
        names.add(name)
        entry = _entry(name, cursor.value())
        entries.append(entry)
        elements[entry[1]] += (entry[4] - entry[3]) * 8 // DTYPE_BITS[entry[1]]
    cursor.end()
    del names
    ordered = tuple(_covering(entries))
    if metadata is not None or digest is None:
        digest = _digest(ordered)
    return _layout(digest, ordered, elements), metadata


def plain_layout(header: bytes, digest: str) -> Layout | None:
    """The layout of a header without metadata whose spelling is that of the tools, in a fraction of the time.

    None for any other header, be it sound or not: `read_layout` judges those. `header` should not be long, since it is
    decoded in one go.
    """
    try:
        text = header.decode()
        strange = "\\" in text or ("-" in text and _NEGATIVE.search(text))
        members = None if strange else _PLAIN.decode(text)
    except (ValueError, RecursionError):
        return None
    if type(members) is not tuple:
        return None
    entries: list[Entry] = []
    sizes: dict[str, int] = {}
    reached = 0
    for name, value in members:
        if type(value) is not tuple or len(value) != 3:
            return None
        (first, dtype), (second, shape), (third, offsets) = value
        if (first, second, third) != _ORDERED or type(dtype) is not str or dtype not in DTYPE_BITS:
            return None
        if type(shape) is not list or len(shape) > _MOST_DIMENSIONS or type(offsets) is not list or len(offsets) != 2:
            return None
        begin, end = offsets
        if type(begin) is not int or type(end) is not int or begin != reached or not begin < end <= _MOST:
            return None
        bits = DTYPE_BITS[dtype]
        for dimension in shape:
            if type(dimension) is not int:
                return None
            bits *= dimension
        if bits != (end - begin) * 8 or name == METADATA:
            return None
        entries.append((name, dtype, tuple(shape), begin, end))
        sizes[dtype] = sizes.get(dtype, 0) + end - begin
        reached = end
    if len({entry[0] for entry in entries}) < len(entries):
        return None
    return _layout(digest, tuple(entries), {dtype: size * 8 // DTYPE_BITS[dtype] for dtype, size in sizes.items()})


def _layout(digest: str, entries: tuple[Entry, ...], elements: Mapping[str, int]) -> Layout:
    # where two dtypes hold as many elements, the name decides, so that the answer does not hang on the order
    dtype = max(elements, key=lambda each: (elements[each], each), default="")
    return Layout(digest, entries, sum(elements.values()), dtype)


def _entry(name: str, value: object) -> Entry:
    if not isinstance(value, dict):
        raise Broken(f"{_quoted(name)} is not described by an object")
    if value.keys() != _FIELDS:
        strange = sorted(value.keys() - _FIELDS)
        what = f"the unknown field {_quoted(strange[0])}" if strange else "no dtype, shape or data_offsets"
        raise Broken(f"{_quoted(name)} has {what}")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    bits = DTYPE_BITS.get(dtype) if isinstance(dtype, str) else None
    if not isinstance(dtype, str) or bits is None:
        raise Broken(f"{_quoted(name)} has the unknown dtype {_quoted(dtype)}")
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
        rank = f"{len(shape)} dimensions" if isinstance(shape, list) else "no list as shape"
        raise Broken(f"{_quoted(name)} has {rank}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(offset) for offset in offsets):
        raise Broken(f"{_quoted(name)} has data_offsets that are not two sizes")
    begin, end = offsets
    for dimension in shape:
        if not _is_size(dimension):
            raise Broken(f"{_quoted(name)} has a dimension that is no size")
        bits *= dimension
        if bits > 8 * _MOST:
            raise Broken(f"{_quoted(name)} has a shape too large for any file")
    if begin > end:
        raise Broken(f"{_quoted(name)} ends before it begins")
    if bits != (end - begin) * 8:
        raise Broken(f"{_quoted(name)} has a shape and dtype that do not fill its {end - begin} bytes exactly")
    return name, dtype, tuple(shape), begin, end


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _covering(entries: list[Entry]) -> Iterator[Entry]:
    """The entries by offset; each must begin where the one before ends."""
    reached = 0
    for entry in _ordered(entries):
        name, _, _, begin, end = entry
        if begin != reached:
            fault = "overlaps another tensor" if begin < reached else f"leaves a hole of {begin - reached} bytes before"
            raise Broken(f"{_quoted(name)} {fault}")
        reached = end
        yield entry


def _ordered(entries: list[Entry]) -> Iterable[Entry]:
    """`entries` by offset, then by name; sorted in batches, since one sort of a million holds up everyone else."""
    if all(_place(one) <= _place(other) for one, other in zip(entries, islice(entries, 1, None), strict=False)):
        return entries
    batches = [sorted(entries[at : at + _BATCH], key=_place) for at in range(0, len(entries), _BATCH)]
    return heapq.merge(*batches, key=_place)


def _place(entry: Entry) -> tuple[int, int, str]:
    return entry[3], entry[4], entry[0]


def _digest(entries: Iterable[Entry]) -> str:
    """The digest of the header that the reference library would write for these entries, without metadata."""
    digest = hashlib.sha256()
    lead = "{"
    for name, dtype, shape, begin, end in entries:
        described = {"dtype": dtype, "shape": shape, "data_offsets": (begin, end)}
        text = f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(described, separators=(',', ':'))}"
        digest.update(f"{lead}{text}".encode())
        lead = ","
    digest.update(b"{}" if lead == "{" else b"}")
    return digest.hexdigest()


def _quoted(value: object) -> str:
    """A name from the file for an error: one line, nothing hidden, not long."""
    if isinstance(value, str):
        return f"‘{display.elide(display.visible(value[:1000]), 60)}’"
    return f"‘{display.elide(display.visible(repr(value)[:1000]), 30)}’"
