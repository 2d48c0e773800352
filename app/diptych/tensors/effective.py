"""What a low-rank adapter adds to a weight, without ever holding the product of its two thin matrices whole.

LoRA adds s·B·A to a weight W of out × in, with s = α ∕ r, or α ∕ √r where the scaling is rank-stabilised (Hu et al.
2021, Kalajdzievski 2023). DoRA also scales each row to a learnt length: W' = m · (W + s·B·A) ∕ ‖W + s·B·A‖, by rows
(Liu et al. 2024). Norms come from small matrices: with B = Q₁·R₁ and Aᵀ = Q₂·R₂, the singular values of B·A are those
of R₁·R₂ᵀ, which is r × r; so is its Frobenius norm, for which trace((BᵀB)(A·Aᵀ)) would lose half of the digits in a
difference of two adapters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.tensor import ROUNDING, TensorInfo, TensorSource
from diptych.job import Job, Tick
from diptych.tensors.spectrum import Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ADDED = 24
"""Binary digits in which products are summed up, at least."""
_BLOCK = 1 << 20
"""Elements of a weight at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """The change B·A of a weight; the scale is part of B."""

    b: NDArray[np.float64]
    """out × r"""
    a: NDArray[np.float64]
    """r × in"""
    lengths: NDArray[np.float64] | None = None
    """The length of each row of the changed weight, where DoRA has learnt it."""
    upright: bool = False
    """The lengths are those of columns: the weight is stored in × out, or is an embedding."""

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the weight."""
        return self.b.shape[0], self.a.shape[1]

    @property
    def rank(self) -> int:
        """The inner side of the product."""
        return int(self.b.shape[1])

    @property
    def turned(self) -> Factors:
        """The change of a weight that is stored the other way round."""
        return Factors(self.a.T, self.b.T, self.lengths, not self.upright)

    def minus(self, other: Factors) -> Factors:
        """The change of this less that of `other`, as factors of both ranks together. Without lengths."""
        return Factors(np.hstack((self.b, -other.b)), np.vstack((self.a, other.a)))

    @property
    def nonfinite(self) -> int:
        """How many values of the factors are NaN or infinite."""
        return sum(int(np.count_nonzero(~np.isfinite(each))) for each in (self.b, self.a))

    @property
    def finite(self) -> Factors:
        """The same with nought for values that are NaN or infinite."""
        if not self.nonfinite:
            return self
        b, a = (np.nan_to_num(each, nan=0.0, posinf=0.0, neginf=0.0) for each in (self.b, self.a))
        return replace(self, b=b, a=a)

    def spectrum(self) -> Spectrum:
        """The singular values of the product, exact; a rank above the sides of the weight is no difficulty.

        Values of the factors that are not finite are left out.
        """
        b, a = self.finite.b, self.finite.a
        r_b, r_a = np.linalg.qr(b)[1], np.linalg.qr(a.T)[1]
        values: NDArray[np.float64] = np.linalg.svd(r_b @ r_a.T, compute_uv=False)
        return Spectrum(self.shape, values[: min(self.rank, *self.shape)], float(np.sum(values**2)))

    @property
    def norm(self) -> float:
        """‖B·A‖ by Frobenius."""
        return math.sqrt(self.spectrum().energy)

    def dot(self, other: Factors) -> float:
        """The sum of the products of the elements of both changes."""
        return float(np.sum((self.b.T @ other.b) * (self.a @ other.a.T)))

    def cosine(self, other: Factors) -> float:
        """The cosine between two changes as vectors; NaN where one is nought."""
        lengths = self.norm * other.norm
        return min(max(self.dot(other) / lengths, -1.0), 1.0) if lengths else math.nan

    def rows(self, first: int, count: int) -> NDArray[np.float64]:
        """Some rows of the product, count × in."""
        return self.b[first : first + count] @ self.a

    def apply(
        self, weight: NDArray[np.float64], first: int, columns: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Rows of a weight, from `first` on, as they are with the adapter merged into them.

        `columns` are the lengths that `measured` finds, which learnt lengths of columns need.
        """
        merged: NDArray[np.float64] = weight + self.rows(first, len(weight))
        if self.lengths is None:
            return merged
        if self.upright:
            assert columns is not None
            stretched: NDArray[np.float64] = merged * (self.lengths / columns)
            return stretched
        norms = np.linalg.norm(merged, axis=1)
        safe = np.where(norms > 0, norms, 1.0)
        scaled: NDArray[np.float64] = merged * (self.lengths[first : first + len(weight)] / safe)[:, None]
        return scaled

    def rounding(self, merged: NDArray[np.float64], first: int, dtype: str) -> NDArray[np.float64]:
        """How far rounding on the way may take elements of merged rows, besides that of the merge itself."""
        digits = ROUNDING[dtype][0]
        terms = np.abs(self.b[first : first + len(merged)]) @ np.abs(self.a)
        added = np.abs(self.rows(first, len(merged)))
        room: NDArray[np.float64] = 2 * np.ldexp(added, -digits) + self.rank * np.ldexp(terms, -max(digits, _ADDED))
        return room if self.lengths is None else 2 * room + 3 * _unit(np.abs(merged), dtype)

    def measured(self, source: TensorSource, tensor: TensorInfo) -> Job[NDArray[np.float64] | None]:
        """The length of each column of a weight with the product added, where `apply` needs them: reads all of it."""
        if self.lengths is None or not self.upright:
            return None
        squares = np.zeros(self.shape[1])
        for first, weight in _rows(source, tensor):
            squares += np.sum(np.square(weight + self.rows(first, len(weight))), axis=0)
            yield Tick("Measuring what the adapter adds")
        return np.where(squares > 0, np.sqrt(squares), 1.0)


@dataclass(frozen=True, slots=True)
class Added:
    """What an adapter does to one weight."""

    norm: float
    """‖W'− W‖"""
    weight: float
    """‖W‖"""
    largest: float
    """The largest |W' − W|."""


def added(factors: Factors, source: TensorSource, tensor: TensorInfo) -> Job[Added]:
    """Measure what the factors change in a weight, which is read a few rows at a time."""
    squares = change = largest = 0.0
    columns = yield from factors.measured(source, tensor)
    for first, weight in _rows(source, tensor):
        grown = factors.apply(weight, first, columns) - weight
        squares += float(np.einsum("ij,ij->", weight, weight))
        change += float(np.einsum("ij,ij->", grown, grown))
        largest = max(largest, float(np.abs(grown).max(initial=0)))
        yield Tick("Measuring what the adapter adds")
    return Added(math.sqrt(change) if change >= 0 else math.nan, math.sqrt(squares) if squares >= 0 else math.nan,
                 largest)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Merge:
    """How a weight lies beside its base with the adapter merged into it."""

    largest: float
    """The largest deviation of an element."""
    deviation: float
    """‖W − W'‖, of the weight W from the computed merge W'."""
    merged: float
    """‖W'‖"""
    added: float
    """‖W' − base‖"""
    moved: float
    """‖W − base‖"""
    beyond: int
    """Elements farther away than rounding to the merged weight's dtype explains."""

    @property
    def relative(self) -> float:
        """‖W − W'‖ ∕ ‖W'‖; infinite where only W' is nought."""
        return self.deviation / self.merged if self.merged else 0.0 if not self.deviation else math.inf


def merge(
    factors: Factors, base: TensorSource, weight: TensorInfo, source: TensorSource, merged: TensorInfo
) -> Job[Merge]:
    """Hold a merged weight against base and adapter; both are read a few rows at a time.

    An element is within rounding where it lies no farther than a unit in the last place of the merged weight's dtype,
    at the size of the merge or of the base, whichever is larger: half of one for its own rounding, the other half
    for a base that was rounded before. Beyond that, the change itself may be rounded twice, as product and scaled, and
    its sum over the rank once for each term, in float32 or better; with learnt lengths, three more units.
    """
    sums = np.zeros(4)
    largest, beyond = 0.0, 0
    columns = yield from factors.measured(base, weight)
    for (first, before), (_, after) in zip(_rows(base, weight), _rows(source, merged), strict=True):
        expected = factors.apply(before, first, columns)
        away = np.abs(after - expected)
        for place, each in enumerate((away, expected, expected - before, after - before)):
            sums[place] += np.einsum("ij,ij->", each, each)
        largest = max(largest, float(away.max(initial=0)))
        room = factors.rounding(expected, first, merged.dtype) if merged.dtype in ROUNDING else 0.0
        beyond += _beyond(np.maximum(np.abs(expected), np.abs(before)), away - room, merged.dtype)
        yield Tick("Holding the merge against base and adapter")
    deviation, norm, change, moved = np.sqrt(sums).tolist()
    return Merge(largest, deviation, norm, change, moved, beyond)


def _beyond(size: NDArray[np.float64], away: NDArray[np.float64], dtype: str) -> int:
    if dtype not in ROUNDING:
        return int(np.count_nonzero(away > 0))
    return int(np.count_nonzero(away > _unit(size, dtype)))


def _unit(size: NDArray[np.float64], dtype: str) -> NDArray[np.float64]:
    """A unit in the last place of numbers of some size."""
    digits, smallest = ROUNDING[dtype]
    _, exponents = np.frexp(size)
    unit: NDArray[np.float64] = np.ldexp(1.0, np.maximum(exponents - digits, smallest))
    return unit


def _rows(source: TensorSource, tensor: TensorInfo) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """A matrix by whole rows, with the number of the first; more dimensions than two are one long row each."""
    columns = tensor.elements // tensor.shape[0]
    first = 0
    for chunk in source.read(tensor.name, max(_BLOCK // columns, 1) * columns):
        block = chunk.astype(np.float64).reshape(-1, columns)
        yield first, block
        first += len(block)
