"""Histograms of the difference of two tensors and of both, streamed and on every core.

Counts are exact. The first pass counts the changes, by powers of two, and finds the range of the values; the second one
counts those, in bins that hold them all. Of types of eight bits one pass counts the pairs of codes, which tell it all.
Compiled arithmetic does so where float32 holds the values, NumPy otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np

from diptych import display
from diptych.domain.decoding import decode, packing, readable, table
from diptych.domain.ggml import READABLE
from diptych.domain.tensor import DTYPE_BITS, FLOATING, ROUNDING, TensorInfo, TensorSource
from diptych.errors import Refused
from diptych.job import Job, Tick
from diptych.tensors.bins import Bins, by_octaves, equal_bins, octaves
from diptych.tensors.engine import engine
from diptych.tensors.native import COMPILED, Arithmetic
from diptych.tensors.pooled import check, end_of, in_order, length, release, sliced
from diptych.tensors.rooms import OCTAVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Raw: TypeAlias = NDArray[np.uint8]
    Counts: TypeAlias = NDArray[np.int64]

F = TypeVar("F")

_CHUNK = 2**18
"""Elements at a time that NumPy decodes; whole blocks of every packed type, so that both sides come in step."""
_WITHIN_FLOAT32 = (FLOATING - {"F64"}) | READABLE
_BYTES = frozenset(dtype for dtype in FLOATING if dtype.startswith("F8"))
_WHOLE = DTYPE_BITS.keys() - FLOATING - {"C64"}
_MOST = 128
"""Bins of A and of B."""


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
    def alike(self) -> bool:
        """Whether compiled arithmetic reads both as they are stored."""
        return self.by_codes or (self.left.dtype == self.right.dtype and self.left.dtype in COMPILED)

    @property
    def by_codes(self) -> bool:
        """Whether the values of both are told by eight bits."""
        return {self.left.dtype, self.right.dtype} <= _BYTES


def histograms(a: TensorSource, b: TensorSource, name_a: str, name_b: str, bins: int = _MOST) -> Job[Histograms]:
    """Count the values of two tensors of as many elements, in `bins` at most, and those of their difference.

    The difference comes first, unless all come at once: from then on, ticks have its histogram as what is known so far.
    Complex numbers count by their size. Raises `Damaged` where a file became shorter, and `Refused` for a type whose
    values are not known.
    """
    left, right = (
        next(tensor for tensor in source.tensors() if tensor.name == name)
        for source, name in ((a, name_a), (b, name_b))
    )
    for tensor in (left, right):
        if not readable(tensor.dtype):
            raise Refused(f"{display.visible(tensor.name)}: its values are of {tensor.dtype}, which is not read")
    pair = _Pair(a, b, left, right)
    if pair.by_codes:
        return (yield from _by_codes(pair, bins))
    changes = yield from _changes(pair)
    change = _by_octaves(changes.counts)
    chosen = equal_bins(changes.low, changes.high, bins, *pair.resolution)
    found = yield from _values(pair, chosen, change)
    return Histograms(found[0], found[1], change)


def _resolution(dtype: str) -> tuple[int, int]:
    if dtype in _WHOLE:
        return 64, 0
    return ROUNDING["F64" if dtype == "C64" else dtype if dtype in ROUNDING else "F32"]


def _by_octaves(found: Counts) -> Histogram:
    counts, edges, nonfinite = by_octaves(found)
    return Histogram(tuple(counts.tolist()), tuple(edges.tolist()), nonfinite)


# pieces ----------------------------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """What is to be counted of both sides, and how many bytes of them are done with it."""

    left: Raw
    right: Raw
    upto: tuple[int, int]
    compiled: Arithmetic | None


def _read(pair: _Pair, work: Callable[[_Piece], F], take: Callable[[F], None], tick: Tick) -> Job[None]:
    """Read both sides once: `work` is done by many threads, what comes of it is taken by this one."""

    def checked(piece: _Piece) -> F:
        check(pair.a, pair.left.name)
        check(pair.b, pair.right.name)
        return work(piece)

    done = tick.done
    yield tick
    with closing(in_order(_pieces(pair), checked)) as pieces:
        for piece, found in pieces:
            if found is not None:
                take(found)
                done = tick.done + sum(piece.upto)
                release(pair.a, pair.left.name, piece.upto[0])
                release(pair.b, pair.right.name, piece.upto[1])
            yield tick._replace(done=done)


def _pieces(pair: _Pair) -> Iterator[_Piece]:
    elements, fast = pair.left.elements, {pair.left.dtype, pair.right.dtype} <= _WITHIN_FLOAT32
    start, last = 0, False
    while not last:
        compiled = engine().arithmetic(pair.size) if fast else None
        stop = min(start + length(pair.left.dtype, compiled if pair.alike else None), elements)
        last = stop == elements
        # taken anew for each piece, since the source looks then whether the file is still whole
        one = sliced(pair.a.raw(pair.left.name), pair.left, start, stop)
        other = sliced(pair.b.raw(pair.right.name), pair.right, start, stop)
        yield _Piece(one, other, (end_of(pair.left, stop), end_of(pair.right, stop)), compiled)
        start = stop


def _decoded(raw: Raw, dtype: str) -> Iterator[NDArray[np.generic]]:
    """The values of a piece, a few at a time."""
    count, width = packing(dtype)
    step = _CHUNK // count * width
    for start in range(0, len(raw), step):
        yield decode(raw[start : start + step], dtype)


# changes ---------------------------------------------------------------------------------------------------------


@dataclass
class _Changes:
    """Changes by their octaves, and the smallest and the largest finite value of both sides."""

    counts: Counts = field(default_factory=lambda: np.zeros(OCTAVES, np.int64))
    low: float = math.inf
    high: float = -math.inf

    def add(self, other: _Changes) -> None:
        """Take over what was found elsewhere."""
        self.counts += other.counts
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def widen(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Take these values."""
        with np.errstate(invalid="ignore", over="ignore"):
            self.counts += octaves(y - x)
        for values in (_finite(x), _finite(y)):
            self.low = min(self.low, float(values.min(initial=math.inf)))
            self.high = max(self.high, float(values.max(initial=-math.inf)))


def _changes(pair: _Pair) -> Job[_Changes]:
    """The first pass."""
    found = _Changes()
    tick = Tick("Counting changes", 0, 2 * pair.size, "bytes")
    yield from _read(pair, lambda piece: _changes_of(pair, piece), found.add, tick)
    return found


def _changes_of(pair: _Pair, piece: _Piece) -> _Changes:
    found, compiled = _Changes(), piece.compiled
    dtype, other = pair.left.dtype, pair.right.dtype
    if compiled is not None and pair.alike:
        found.low, found.high = compiled.count_changes(dtype, piece.left, piece.right, found.counts)
        return found
    for left, right in zip(_decoded(piece.left, dtype), _decoded(piece.right, other), strict=True):
        if compiled is not None:
            limits = compiled.count_changes("F32", left.view(np.uint8), right.view(np.uint8), found.counts)
            found.low, found.high = min(found.low, limits[0]), max(found.high, limits[1])
            continue
        found.widen(_real(left), _real(right))
    return found


# values ----------------------------------------------------------------------------------------------------------


def _values(pair: _Pair, bins: Bins, change: Histogram) -> Job[list[Histogram]]:
    """The second pass: both sides in bins that hold all of their values."""
    counts = np.zeros((2, bins.last - bins.first + 2), np.int64)

    def work(piece: _Piece) -> Counts:
        left = _values_of(piece.left, pair.left.dtype, bins, piece.compiled)
        return np.stack((left, _values_of(piece.right, pair.right.dtype, bins, piece.compiled)))

    def take(found: Counts) -> None:
        counts[:] += found

    yield from _read(pair, work, take, Tick("Counting values", pair.size, 2 * pair.size, "bytes", change))
    release(pair.a, pair.left.name)
    release(pair.b, pair.right.name)
    return [_binned(bins, side) for side in counts]


def _binned(bins: Bins, counts: Counts) -> Histogram:
    return Histogram(tuple(counts[:-1].tolist()), tuple(bins.edges.tolist()), int(counts[-1]))


def _values_of(raw: Raw, dtype: str, bins: Bins, compiled: Arithmetic | None) -> Counts:
    """How many values of a piece are in each bin, and behind the last one how many are not finite."""
    found = np.zeros(bins.last - bins.first + 2, np.int64)
    if compiled is not None and dtype in COMPILED:
        compiled.count_values(dtype, raw, bins.exponent, bins.first, found)
        return found
    for values in _decoded(raw, dtype):
        if compiled is not None:
            compiled.count_values("F32", values.view(np.uint8), bins.exponent, bins.first, found)
        else:
            found += bins.count(_real(values))
    return found


# codes -----------------------------------------------------------------------------------------------------------


def _by_codes(pair: _Pair, bins: int) -> Job[Histograms]:
    """All in one pass, by how often each two codes of eight bits come together."""
    counts = np.zeros(2**16, np.int64)

    def take(found: tuple[Counts, Counts]) -> None:
        counts[found[0]] += found[1]

    yield from _read(pair, _codes_of, take, Tick("Counting values", 0, pair.size, "bytes"))
    there = np.flatnonzero(counts)
    values = [_real(table(tensor.dtype)) for tensor in (pair.left, pair.right)]
    with np.errstate(invalid="ignore"):
        changes = values[1][there & 255] - values[0][there >> 8]
    sides = [(values[axis], counts.reshape(256, 256).sum(axis=1 - axis)) for axis in range(2)]
    found = np.concatenate([_finite(each[times > 0]) for each, times in sides])
    low, high = float(found.min(initial=math.inf)), float(found.max(initial=-math.inf))
    chosen = equal_bins(low, high, bins, *pair.resolution)
    left, right = (_binned(chosen, chosen.count(each, times)) for each, times in sides)
    return Histograms(left, right, _by_octaves(octaves(changes, counts[there])))


def _codes_of(piece: _Piece) -> tuple[Counts, Counts]:
    """The pairs of codes that come in a piece, and how often."""
    if piece.compiled is not None:
        return piece.compiled.count_pairs(piece.left, piece.right)
    found = np.zeros(2**16, np.int64)
    for start in range(0, len(piece.left), _CHUNK):
        pairs = piece.left[start : start + _CHUNK].astype(np.uint16) << 8 | piece.right[start : start + _CHUNK]
        found += np.bincount(pairs, minlength=len(found))
    there = np.flatnonzero(found)
    return there, found[there]


def _real(values: NDArray[np.generic]) -> NDArray[np.float64]:
    sizes = np.abs(cast("NDArray[np.complex128]", values)) if values.dtype.kind == "c" else values
    with np.errstate(invalid="ignore"):
        return sizes.astype(np.float64)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]
