"""How far the values of two tensors lie apart, for many pairs, streamed and on every core."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from diptych.domain.decoding import table
from diptych.domain.tensor import TensorInfo, TensorSource, narrower
from diptych.tensors import plain
from diptych.tensors.engine import engine
from diptych.tensors.native import COMPILED, Arithmetic
from diptych.tensors.pooled import check, end_of, in_order, length, release, sliced
from diptych.tensors.sums import (
    BEYOND,
    CHANGED,
    MAX,
    NONFINITE_LEFT,
    NONFINITE_RIGHT,
    SCALE,
    SQUARES_CHANGE,
    SQUARES_LEFT,
    SQUARES_RIGHT,
    fresh,
    join,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TensorDifference:
    """What separates two tensors of as many elements, read as B against A.

    Norms are Frobenius norms. Pairs of elements with a NaN or an infinity on either side are counted, and left out of
    the norms and of the maximum.
    """

    elements: int
    changed: int
    """Elements that differ: in any bit where the dtypes are equal, else by value."""
    norm_left: float
    norm_right: float
    norm_change: float
    max_abs: float
    """The largest |B − A|."""
    nonfinite_left: int
    nonfinite_right: int
    beyond_rounding: int | None = None
    """Elements that differ by more than rounding to the less precise dtype; None where neither is a cast of the other.
    """

    @property
    def relative_change(self) -> float:
        """‖B − A‖ / ‖A‖; infinite where A is nought and B is not."""
        if self.norm_change == 0:
            return 0.0
        return self.norm_change / self.norm_left if self.norm_left else math.inf

    @property
    def cosine_distance(self) -> float:
        """1 − cos, by (‖B − A‖² − (‖A‖ − ‖B‖)²) / (2 ‖A‖ ‖B‖), which stays exact where both are nearly parallel.

        NaN where one side is nought and the other is not: there is no angle.
        """
        if self.norm_change == 0:
            return 0.0
        if not self.norm_left or not self.norm_right:
            return math.nan
        # scaled by a power of two, which rounds nothing, so that no product leaves the range of float64
        norms = (self.norm_left, self.norm_right, self.norm_change)
        _, exponent = math.frexp(max(norms))
        left, right, change = (math.ldexp(norm, -exponent) for norm in norms)
        if not left * right:
            return math.nan
        lengths = left - right
        distance = (change - lengths) * (change + lengths) / (2 * left * right)
        return min(max(distance, 0.0), 2.0)

    @property
    def cosine(self) -> float:
        """The cosine of the angle between the two, as vectors; NaN where there is none."""
        return 1 - self.cosine_distance

    @property
    def changed_fraction(self) -> float:
        """The share of elements that differ, 0 to 1."""
        return self.changed / self.elements if self.elements else 0.0

    @property
    def identical(self) -> bool:
        """Whether no element differs."""
        return self.changed == 0


class _Work(NamedTuple):
    """One piece of one pair of tensors."""

    pair: Pair
    elements: int
    """Of the whole tensor."""
    last: bool
    upto: tuple[int | None, int | None]
    """Bytes of either tensor that are done with after it; None for all of them."""
    dtypes: tuple[str, str]
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    compiled: Arithmetic | None


def difference(
    a: TensorSource, b: TensorSource, pairs: Sequence[Pair]
) -> Iterator[tuple[Pair, TensorDifference | None]]:
    """The difference of each of `pairs` (a name in `a`, a name in `b`, of equally many elements), in their order.

    While a large tensor is read, its pair comes with None every tenth of a second, so that the caller may stop: closing
    the iterator ends the work within milliseconds. Memory stays within a few pieces per core. Raises `Damaged` where a
    file became shorter.
    """
    left = {tensor.name: tensor for tensor in a.tensors()}
    right = {tensor.name: tensor for tensor in b.tensors()}
    size = sum(left[one].bytes + right[other].bytes for one, other in pairs)
    cut = (
        piece
        for one, other in pairs
        for piece in _pieces(a, left[one], b, right[other], lambda: engine().arithmetic(size))
    )
    sums = fresh()

    def sum_up(work: _Work) -> NDArray[np.float64]:
        check(a, work.pair[0])
        check(b, work.pair[1])
        return _sums(work)

    with closing(in_order(cut, sum_up)) as pieces:
        for work, found in pieces:
            if found is None:
                yield work.pair, None
                continue
            join(sums, found)
            release(a, work.pair[0], work.upto[0])
            release(b, work.pair[1], work.upto[1])
            if not work.last:
                yield work.pair, None
                continue
            yield work.pair, _told(work, sums)
            sums = fresh()


def _pieces(
    a: TensorSource, left: TensorInfo, b: TensorSource, right: TensorInfo, serving: Callable[[], Arithmetic | None]
) -> Iterator[_Work]:
    """All of a pair: in small pieces where NumPy serves, in large ones as soon as compiled arithmetic does."""
    elements, dtypes = left.elements, (left.dtype, right.dtype)
    if right.elements != elements:
        raise ValueError(f"{left.name}, {right.name}: {elements} elements cannot be compared with {right.elements}")
    fast = dtypes[0] == dtypes[1] and (dtypes[0] in COMPILED or dtypes[0].startswith("F8"))
    start, last = 0, False
    while not last:
        compiled = serving() if fast else None
        stop = start + length(dtypes[0], compiled)
        last = stop >= elements
        stop = min(stop, elements)
        # taken anew for each piece, since the source looks then whether the file is still whole
        one, other = sliced(a.raw(left.name), left, start, stop), sliced(b.raw(right.name), right, start, stop)
        upto = (None, None) if last else (end_of(left, stop), end_of(right, stop))
        yield _Work((left.name, right.name), elements, last, upto, dtypes, one, other, compiled)
        start = stop


def _sums(work: _Work) -> NDArray[np.float64]:
    """The sums of one piece."""
    sums = fresh()
    dtype, other = work.dtypes
    if work.compiled is not None:
        codes = table(dtype) if dtype.startswith("F8") else None
        work.compiled.add(dtype, work.left, work.right, codes, sums)
    else:
        plain.add(dtype, work.left, other, work.right, sums)
    return sums


def _told(work: _Work, sums: NDArray[np.float64]) -> TensorDifference:
    with np.errstate(over="ignore"):
        norms = np.ldexp(np.sqrt(sums[[SQUARES_LEFT, SQUARES_RIGHT, SQUARES_CHANGE]]), int(sums[SCALE]))
    return TensorDifference(
        work.elements,
        int(sums[CHANGED]),
        float(norms[0]),
        float(norms[1]),
        float(norms[2]),
        float(sums[MAX]),
        int(sums[NONFINITE_LEFT]),
        int(sums[NONFINITE_RIGHT]),
        int(sums[BEYOND]) if narrower(*work.dtypes) else None,
    )
