"""Histograms of two tensors and of their difference, streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from diptych.domain.tensor import TensorSource
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK = 2**18
"""Elements at a time; a multiple of four, so that both sides come in step whatever their packing."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts over equal bins."""

    counts: tuple[int, ...]
    edges: tuple[float, ...]
    """One more than `counts`; a value on an edge belongs to the bin above, on the last edge to the last bin."""
    nonfinite: int = 0
    """Values that are NaN or infinite and so in no bin."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """A and B over common bins, B − A over bins of its own that are symmetric about nought."""

    left: Histogram
    right: Histogram
    change: Histogram


def histograms(a: TensorSource, b: TensorSource, name_a: str, name_b: str, bins: int = 101) -> Job[Histograms]:
    """Count the values of two tensors of as many elements and of their difference. Two passes: range, then counts.

    Complex numbers count by their size. Raises `Damaged` where a file became shorter.
    """
    total = 2 * sum(tensor.bytes for tensor in a.tensors() if tensor.name == name_a)
    done = 0.0
    low, high, most = math.inf, -math.inf, 0.0
    elements = max(1, sum(tensor.elements for tensor in a.tensors() if tensor.name == name_a))
    for x, y in _chunks(a, b, name_a, name_b):
        for values in (_finite(x), _finite(y)):
            low, high = min(low, values.min(initial=math.inf)), max(high, values.max(initial=-math.inf))
        most = max(most, np.abs(_finite(_minus(y, x))).max(initial=0.0))
        done += len(x) * total / (2 * elements)
        yield Tick("Finding the range of values", done, total, "bytes")
    edges = _edges(low, high, bins)
    change_edges = _edges(-most, most, bins)
    left, right, change = (_Counts(each) for each in (edges, edges, change_edges))
    for x, y in _chunks(a, b, name_a, name_b):
        left.add(x)
        right.add(y)
        change.add(_minus(y, x))
        done += len(x) * total / (2 * elements)
        yield Tick("Counting values", done, total, "bytes")
    return Histograms(left.histogram(), right.histogram(), change.histogram())


class _Counts:
    """A histogram that fills."""

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self._edges = edges
        self._counts = np.zeros(len(edges) - 1, np.int64)
        self._nonfinite = 0

    def add(self, values: NDArray[np.float64]) -> None:
        finite = _finite(values)
        self._nonfinite += len(values) - len(finite)
        # told as a number and a range, equal bins are counted several times faster than as a list of edges
        low, high = float(self._edges[0]), float(self._edges[-1])
        self._counts += np.histogram(finite, len(self._counts), (low, high))[0]

    def histogram(self) -> Histogram:
        return Histogram(tuple(self._counts.tolist()), tuple(self._edges.tolist()), self._nonfinite)


def _chunks(
    a: TensorSource, b: TensorSource, name_a: str, name_b: str
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for x, y in zip(a.read(name_a, _CHUNK), b.read(name_b, _CHUNK), strict=True):
        yield _real(x), _real(y)


def _real(values: NDArray[np.generic]) -> NDArray[np.float64]:
    sizes = np.abs(cast("NDArray[np.complex128]", values)) if values.dtype.kind == "c" else values
    with np.errstate(invalid="ignore"):
        return sizes.astype(np.float64)


def _minus(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", over="ignore"):
        return y - x


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _edges(low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Equal bins from `low` to `high`; where all values are equal, or there is none, bins about them."""
    if low > high:
        low, high = 0.0, 0.0
    if low == high:
        margin = abs(low) / 2 or 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, bins + 1)
