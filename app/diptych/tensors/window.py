"""A part of a tensor's values, read from where it lies: of a matrix as large as a disk a page takes a few kilobytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.decoding import decode, packing, readable
from diptych.domain.tensor import TensorInfo, TensorSource
from diptych.domain.view import View
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK = 2**18
"""Elements at a time of what can only be read from its begin."""


def matrix(shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of a tensor laid out flat: the last dimension across; a vector stands upright."""
    if len(shape) < 2:
        return prod(shape), 1
    return prod(shape[:-1]), shape[-1]


def window(
    source: TensorSource, tensor: TensorInfo, rows: range, columns: range, view: View | None = None
) -> Job[NDArray[np.generic]]:
    """The values of a stored tensor, or of a view of it, at these rows and columns of its matrix; rows × columns.

    Floating types as float32 (F64 as float64), others as stored. Rows and columns lie within the matrix, step 1.
    Raises `Refused` for values of a kind that is not read, `Damaged` where the file became shorter.
    """
    stored = matrix(tensor.shape)
    turned = view is not None and view.transposed
    places = view.places(rows, tensor.shape) if view is not None else rows
    down, across = (columns, places) if turned else (places, columns)
    found: list[NDArray[np.generic]] = []
    for row in down:
        parts = []
        for first, last in _runs(across):
            begin = row * stored[1] + first
            parts.append((yield from _flat(source, tensor, begin, begin + last - first)))
        found.append(np.concatenate(parts))
    values = np.stack(found) if found else np.zeros((0, len(across)))
    return values.T if turned else values


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Stretches of places that follow one another, each as its begin and end."""
    if isinstance(places, range):
        return [(places.start, places.stop)]
    stretches = [list(run) for _, run in groupby(enumerate(places), lambda each: each[1] - each[0])]
    return [(run[0][1], run[-1][1] + 1) for run in stretches]


def _flat(source: TensorSource, tensor: TensorInfo, begin: int, end: int) -> Job[NDArray[np.generic]]:
    """The elements from `begin` to `end` of a tensor, of which whole groups are decoded."""
    if not readable(tensor.dtype):
        return (yield from _streamed(source, tensor, begin, end))
    yield Tick("Reading values")
    for _ in getattr(source, "unfolding", _in_order)(tensor.name):
        yield Tick("Reading values")
    count, width = packing(tensor.dtype)
    first, last = begin // count, -(-end // count)
    raw = source.raw(tensor.name)[first * width : last * width]
    return decode(np.ascontiguousarray(raw), tensor.dtype)[begin - first * count : end - first * count].copy()


def _in_order(_: str) -> Iterator[None]:
    """Nothing to do of a source whose tensors all lie in order."""
    return iter(())


def _streamed(source: TensorSource, tensor: TensorInfo, begin: int, end: int) -> Job[NDArray[np.generic]]:
    """The same of what its file packs, and so is read from its begin; or the source's refusal to read it at all."""
    parts, at = [], 0
    for chunk in source.read(tensor.name, _CHUNK):
        yield Tick("Reading values", min(at, end), end, "elements")
        parts.append(chunk[max(begin - at, 0) : max(end - at, 0)])
        at += len(chunk)
        if at >= end:
            break
    return np.concatenate(parts)
