"""Headers of formats in which tensors may lie anywhere in the file, and share their bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TypeAlias

from diptych.domain.tensor import Header, Layout
from diptych.formats.lying import lying

Entry: TypeAlias = tuple[str, str, tuple[int, ...], int, int]
"""Name, dtype, shape, begin and end in the file."""


def header_of(name: str, entries: Sequence[Entry], metadata: Mapping[str, str]) -> Header:
    """A header of tensors that lie anywhere in the file; those that share their bytes count once."""
    entries = sorted(entries, key=lambda entry: (entry[3], entry[4], entry[0]))
    elements: Counter[str] = Counter()
    met: set[tuple[int, int]] = set()
    for _, dtype, shape, begin, end in entries:
        if end == begin or (begin, end) not in met:
            elements[lying(dtype).dtype] += prod(shape)
        met.add((begin, end))
    dtype = max(elements, key=lambda each: (elements[each], each), default="")
    digest = hashlib.sha256(repr(entries).encode()).hexdigest()
    return Header(name, 0, Layout(digest, tuple(entries), sum(elements.values()), dtype), metadata)


def apart(header: Header) -> Header:
    """The header without tensors that share bytes with an earlier one, for those who read a file from end to end."""
    entries = []
    reached = 0
    for entry in header.layout.entries:
        if entry[3] >= reached:
            entries.append(entry)
            reached = entry[4]
    if len(entries) == len(header.layout.entries):
        return header
    return header._replace(layout=replace(header.layout, entries=tuple(entries)))
