"""Histograms of two tensors and of their difference, streamed and on every core.

Counts are exact. Values of types that float32 holds are counted in one pass, F16 by its codes and others by the upper
half of their float32, and put into bins afterwards; compiled arithmetic does so for two tensors of one common dtype,
NumPy otherwise. Where upper halves are too coarse (float32 that lies close together and far from nought), and for other
types, NumPy reads twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import numpy as np

from diptych.domain.decoding import decode, packing, table
from diptych.domain.ggml import READABLE
from diptych.domain.tensor import DTYPE_BITS, FLOATING, ROUNDING, TensorInfo, TensorSource
from diptych.job import Job, Tick
from diptych.tensors.bins import Bins, by_octaves, equal_bins, halves, octaves, octaves_of_slots, values_of_keys
from diptych.tensors.engine import engine
from diptych.tensors.native import COMPILED, Arithmetic
from diptych.tensors.pooled import check, end_of, in_order, length, release, sliced
from diptych.tensors.rooms import COUNTS, HALVES, OCTAVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Raw: TypeAlias = NDArray[np.uint8]

_CHUNK = 2**18
"""Elements at a time; whole blocks of every packed type, so that both sides come in step."""
_WITHIN_FLOAT32 = (FLOATING - {"F64"}) | READABLE
_BYTES = frozenset(dtype for dtype in FLOATING if dtype.startswith("F8"))
_WHOLE = DTYPE_BITS.keys() - FLOATING - {"C64"}
_MOST = 128
"""Bins of A and of B."""
_spare: deque[NDArray[np.int64]] = deque(maxlen=8)
"""Tables of counts, all nought, kept for the next tensor: memory that was never written to is slow to be had."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts over bins."""

    counts: tuple[int, ...]
    edges: tuple[float, ...]
    """One more than `counts`; a value on an edge belongs to the bin farther from nought."""
    nonfinite: int = 0
    """Values that are NaN or infinite and so in no bin."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """A and B over common bins of equal width, B − A over powers of two on both sides of nought."""

    left: Histogram
    right: Histogram
    change: Histogram


class _Pair(NamedTuple):
    """What is counted."""

    a: TensorSource
    b: TensorSource
    left: TensorInfo
    right: TensorInfo

    @property
    def size(self) -> int:
        return self.left.bytes + self.right.bytes

    @property
    def resolution(self) -> tuple[int, int]:
        """Binary digits, and the exponent of the smallest number, of the finer of both types."""
        found = [_resolution(tensor.dtype) for tensor in (self.left, self.right)]
        return max(digits for digits, _ in found), min(least for _, least in found)

    @property
    def digits_by_halves(self) -> int:
        """Binary digits of the finer of those types whose values are counted by upper halves; 0 where none is."""
        dtypes = {self.left.dtype, self.right.dtype} - {"F16"}
        return max((_resolution(dtype)[0] for dtype in dtypes), default=0)


def histograms(a: TensorSource, b: TensorSource, name_a: str, name_b: str, bins: int = _MOST) -> Job[Histograms]:
    """Count the values of two tensors of as many elements, in `bins` at most, and those of their difference.

    Complex numbers count by their size. Raises `Damaged` where a file became shorter.
    """
    left, right = (
        next(tensor for tensor in source.tensors() if tensor.name == name)
        for source, name in ((a, name_a), (b, name_b))
    )
    pair = _Pair(a, b, left, right)
    if {left.dtype, right.dtype} <= _WITHIN_FLOAT32:
        counts = yield from _keyed(pair)
        sides = [
            values_of_keys(counts[side * HALVES : (side + 1) * HALVES], tensor.dtype == "F16")
            for side, tensor in enumerate((left, right))
        ]
        chosen = equal_bins(*_range(values for values, _, _ in sides), bins, *pair.resolution)
        if chosen.met_by_halves(pair.digits_by_halves):
            found = [_put(chosen, *side) for side in sides]
            changes = octaves_of_slots(counts[2 * HALVES :])
            _give_back(counts)
            return Histograms(found[0], found[1], _by_octaves(changes))
    low, high, changes = yield from _ranged(pair)
    chosen = equal_bins(low, high, bins, *pair.resolution)
    found = yield from _binned(pair, chosen)
    return Histograms(found[0], found[1], _by_octaves(changes))


def _resolution(dtype: str) -> tuple[int, int]:
    if dtype in _WHOLE:
        return 64, 0
    return ROUNDING["F64" if dtype == "C64" else dtype if dtype in ROUNDING else "F32"]


def _range(sides: Iterable[NDArray[np.float64]]) -> tuple[float, float]:
    """The smallest and the largest value; the wrong way round where there is none."""
    low, high = math.inf, -math.inf
    for values in sides:
        low, high = min(low, values.min(initial=math.inf)), max(high, values.max(initial=-math.inf))
    return float(low), float(high)


def _put(bins: Bins, values: NDArray[np.float64], counts: NDArray[np.int64], nonfinite: int) -> Histogram:
    """The histogram of values that come so often."""
    found = np.zeros(bins.last - bins.first + 1, np.int64)
    np.add.at(found, bins.places(values), counts)
    return Histogram(tuple(found.tolist()), tuple(bins.edges.tolist()), nonfinite)


def _by_octaves(found: NDArray[np.int64]) -> Histogram:
    counts, edges, nonfinite = by_octaves(found)
    return Histogram(tuple(counts.tolist()), tuple(edges.tolist()), nonfinite)


# one pass --------------------------------------------------------------------------------------------------------


def _keyed(pair: _Pair) -> Job[NDArray[np.int64]]:
    """The counts of A and of B by keys, and of the change by octaves and by slots, behind one another, in a table."""
    dtypes = {pair.left.dtype, pair.right.dtype}
    by_codes = dtypes <= _BYTES
    fast = by_codes or (len(dtypes) == 1 and dtypes <= COMPILED)
    idle: deque[NDArray[np.int64]] = deque()
    tables: list[NDArray[np.int64]] = []
    done = 0

    def count(piece: _Piece) -> _Piece:
        check(pair.a, pair.left.name)
        check(pair.b, pair.right.name)
        try:
            counts = idle.pop()
        except IndexError:
            counts = _table()
            tables.append(counts)
        if by_codes:
            _count_codes(piece, counts[:HALVES])
        else:
            _count(pair, piece, counts)
        idle.append(counts)
        return piece

    with closing(in_order(_pieces(pair, fast), count)) as pieces:
        for _, found in pieces:
            if found is not None:
                done = sum(found.upto)
                release(pair.a, pair.left.name, found.upto[0])
                release(pair.b, pair.right.name, found.upto[1])
            yield Tick("Counting values", done, pair.size, "bytes")
    release(pair.a, pair.left.name)
    release(pair.b, pair.right.name)
    counts = tables.pop()
    for others in tables:
        counts += others
        _give_back(others)
    if by_codes:
        _key_by_codes(pair, counts)
    return counts


def _table() -> NDArray[np.int64]:
    """Counts of nothing."""
    try:
        return _spare.pop()
    except IndexError:
        return np.zeros(COUNTS, np.int64)


def _give_back(counts: NDArray[np.int64]) -> None:
    counts[:] = 0
    _spare.append(counts)


class _Piece(NamedTuple):
    """What is to be counted of both sides, and how many bytes of them are done with it."""

    left: Raw
    right: Raw
    upto: tuple[int, int]
    compiled: Arithmetic | None


def _pieces(pair: _Pair, fast: bool) -> Iterator[_Piece]:
    elements = pair.left.elements
    start, last = 0, False
    while not last:
        compiled = engine().arithmetic(pair.size) if fast else None
        stop = min(start + length(pair.left.dtype, compiled), elements)
        last = stop == elements
        # taken anew for each piece, since the source looks then whether the file is still whole
        one = sliced(pair.a.raw(pair.left.name), pair.left, start, stop)
        other = sliced(pair.b.raw(pair.right.name), pair.right, start, stop)
        yield _Piece(one, other, (end_of(pair.left, stop), end_of(pair.right, stop)), compiled)
        start = stop


def _count(pair: _Pair, piece: _Piece, counts: NDArray[np.int64]) -> None:
    """Count a piece by keys."""
    dtypes = (pair.left.dtype, pair.right.dtype)
    if piece.compiled is not None:
        piece.compiled.count(dtypes[0], piece.left, piece.right, counts)
        return
    (count_a, width_a), (count_b, width_b) = (packing(dtype) for dtype in dtypes)
    step_a, step_b = _CHUNK // count_a * width_a, _CHUNK // count_b * width_b
    for chunk in range(-(-len(piece.left) // step_a)):
        x = decode(piece.left[chunk * step_a : (chunk + 1) * step_a], dtypes[0])
        y = decode(piece.right[chunk * step_b : (chunk + 1) * step_b], dtypes[1])
        counts[:HALVES] += _keys(piece.left[chunk * step_a : (chunk + 1) * step_a], dtypes[0], x)
        counts[HALVES : 2 * HALVES] += _keys(piece.right[chunk * step_b : (chunk + 1) * step_b], dtypes[1], y)
        counts[2 * HALVES : 2 * HALVES + OCTAVES] += octaves(_minus(_real(y), _real(x)))


def _keys(raw: Raw, dtype: str, values: NDArray[np.generic]) -> NDArray[np.int64]:
    """How often each key of these values comes."""
    return np.bincount(raw.view("<u2"), minlength=HALVES) if dtype == "F16" else halves(values.view(np.uint32))


def _count_codes(piece: _Piece, counts: NDArray[np.int64]) -> None:
    """Count a piece of types of eight bits by the pairs of their codes."""
    if piece.compiled is not None:
        piece.compiled.count_codes(piece.left, piece.right, counts)
        return
    for start in range(0, len(piece.left), _CHUNK):
        pairs = piece.left[start : start + _CHUNK].astype(np.uint16) << 8 | piece.right[start : start + _CHUNK]
        counts += np.bincount(pairs, minlength=len(counts))


def _key_by_codes(pair: _Pair, counts: NDArray[np.int64]) -> None:
    """Put counts by keys in the place of those by pairs of codes."""
    there = np.flatnonzero(counts != 0)
    found = counts[there]
    counts[there] = 0
    x, y = table(pair.left.dtype)[there >> 8], table(pair.right.dtype)[there & 255]
    np.add.at(counts, x.view(np.uint32) >> 16, found)
    np.add.at(counts, HALVES + (y.view(np.uint32) >> 16), found)
    changes = (_minus(_real(y), _real(x)).view(np.uint64) >> np.uint64(52)).astype(np.int64)
    np.add.at(counts, 2 * HALVES + changes, found)


# two passes ------------------------------------------------------------------------------------------------------


def _ranged(pair: _Pair) -> Job[tuple[float, float, NDArray[np.int64]]]:
    """The smallest and the largest value of both sides, and the changes by octaves."""
    low, high = math.inf, -math.inf
    changes = np.zeros(OCTAVES, np.int64)
    for x, y, done in _chunks(pair):
        lowest, highest = _range((_finite(x), _finite(y)))
        low, high = min(low, lowest), max(high, highest)
        changes += octaves(_minus(y, x))
        yield Tick("Finding the range of values", done, pair.size, "bytes")
    return low, high, changes


def _binned(pair: _Pair, bins: Bins) -> Job[list[Histogram]]:
    """Both sides in bins that hold all of their values."""
    counts = [np.zeros(bins.last - bins.first + 1, np.int64) for _ in range(2)]
    nonfinite = [0, 0]
    for x, y, done in _chunks(pair):
        for side, values in enumerate((x, y)):
            finite = _finite(values)
            counts[side] += bins.count(finite)
            nonfinite[side] += len(values) - len(finite)
        yield Tick("Counting values", done, pair.size, "bytes")
    edges = tuple(bins.edges.tolist())
    return [Histogram(tuple(counts[side].tolist()), edges, nonfinite[side]) for side in range(2)]


def _chunks(pair: _Pair) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """The values of both sides, and how many bytes have gone before and with them."""
    done = 0.0
    both = zip(pair.a.read(pair.left.name, _CHUNK), pair.b.read(pair.right.name, _CHUNK), strict=True)
    for x, y in both:
        done += len(x) * pair.size / pair.left.elements
        yield _real(x), _real(y), done


def _real(values: NDArray[np.generic]) -> NDArray[np.float64]:
    sizes = np.abs(cast("NDArray[np.complex128]", values)) if values.dtype.kind == "c" else values
    with np.errstate(invalid="ignore"):
        return sizes.astype(np.float64)


def _minus(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", over="ignore"):
        return y - x


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]
