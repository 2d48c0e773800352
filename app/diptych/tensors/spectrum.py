"""The singular values of a tensor's change: how many directions it has, and whether a low-rank update explains it.

The largest values come from a block Krylov space (Musco and Musco 2015): random vectors, multiplied by the matrix and
its transpose again and again, all of them kept. It needs a few passes over the matrix in place of its whole
decomposition, and unlike power iteration it is exact to the digits asked for where the values decay slowly, as those of
a full fine-tune do. Blocks are narrow, since the space grows richer with each pass, not with its width. A matrix with a
short side is decomposed as it is, through the products of its vectors in float64.

All products are taken in pieces, with a tick after each, so that whoever waits can stop within a fraction of a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diptych.job import Job, Tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 64
"""Singular values that are told."""
_WHOLE = 512
"""The smaller side up to which a matrix is decomposed as it is."""
_BLOCK, _WIDER = 16, 32
"""Vectors that are added at a time, and of a matrix that is read from memory each time."""
_CACHED = 1 << 22
"""Elements of a matrix that stays in a cache from one pass to the next."""
_MOST = 768
"""Vectors of the space at most; its own decomposition takes no longer than a tick may."""
_FIRST = 192
"""Vectors before the values are looked at for the first time."""
_EVERY, _CLOSE = 64, 20
"""Vectors from one look to the next; half as many once the values grow by so many times the tolerance or less."""
_TOLERANCE = 5e-4
"""The relative error that may be left in the smallest of the values."""
_KEPT = 1e-3
"""The share of a vector's length that must be left when the space is taken out of it; else rounding came in."""
_NOTHING = 1e-5
"""The share below which nothing but rounding is left, which chance replaces: its directions are not new."""
_TURNS = 4
_FAR = 30.0
"""A drop from one value to the next at which those before it are taken out."""
_APART = 0.02
"""The residual, as a share of σ₁σ, that these may have."""
_PIECE = 1 << 20
"""Elements at a time of what is done element by element."""
_PRODUCTS = 1 << 28
"""Multiplications of a piece of a product."""
_DROP = 4.0
"""How much smaller the value after the last one of a low-rank update must be."""
_MOST_RANK = 48


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The singular values of a matrix, the largest first."""

    shape: tuple[int, int]
    values: NDArray[np.float64]
    """At most `MOST`."""
    energy: float
    """The sum of the squares of all singular values: the squared Frobenius norm."""
    error: float = 0.0
    """By what share the smallest of the values may still be larger, as far as the last passes tell; nought if exact."""

    @property
    def settled(self) -> bool:
        """Whether all values are told to a thousandth."""
        return self.error <= 2 * _TOLERANCE

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of the energy in the first r directions, for each r."""
        return np.cumsum(self.values**2) / self.energy if self.energy else np.zeros(len(self.values))

    def rank_at(self, share: float) -> int | None:
        """The fewest directions that hold this share of the energy; None where more than those told are needed."""
        reached = np.flatnonzero(self.shares >= share)
        return int(reached[0]) + 1 if len(reached) else None

    @property
    def stable_rank(self) -> float:
        """‖Δ‖²_F ∕ σ₁²: about how many directions matter, between 1 and the full rank; nought without any change."""
        return self.energy / float(self.values[0]) ** 2 if len(self.values) and self.values[0] else 0.0

    @property
    def low_rank(self) -> int | None:
        """The rank of a low-rank update that explains the change; None where none does.

        That is the rank after which the values drop at least fourfold, to a floor that rounding could have left: no
        later drop is larger, and the values behind are flat, the twentieth of them more than half of the first.
        """
        values = self.values
        if len(values) < 4 or not values[0]:
            return None
        floor = np.maximum(values[1:], values[0] * 1e-12)
        drops = values[:-1] / floor
        rank = int(np.argmax(drops[:_MOST_RANK])) + 1
        if drops[rank - 1] < _DROP or rank >= min(self.shape) // 2:
            return None
        behind = values[rank : rank + 20]
        flat = len(behind) < 2 or behind[-1] > 0.3 * behind[0] or behind[0] < 1e-6 * values[0]
        return rank if flat else None


def spectrum(change: NDArray[np.float32]) -> Job[Spectrum]:
    """The largest singular values of a matrix. Ticks once a pass over it, each a fraction of a second."""
    rows, columns = change.shape
    matrix = np.empty((rows, columns), np.float32)
    energy = 0.0
    for first in range(0, rows, step := max(_PIECE // columns, 1)):
        part = change[first : first + step]
        squares = _squares(part)
        if not math.isfinite(squares):
            part = np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)
            squares = _squares(part)
        matrix[first : first + step] = part
        energy += squares
        yield Tick("Decomposing", 0, rows)
    if not energy:
        return Spectrum((rows, columns), np.zeros(min(rows, columns, MOST)), 0.0)
    if min(rows, columns) <= _WHOLE:
        return Spectrum((rows, columns), _roots((yield from _gram(matrix))), energy)
    # scaled, so that products neither overflow nor vanish in float32
    scale = np.float32(math.sqrt(energy / matrix.size))
    for first in range(0, rows, step):
        matrix[first : first + step] /= scale
        yield Tick("Decomposing", 0, rows)
    values, error = yield from _krylov(matrix if rows <= columns else matrix.T)
    return Spectrum((rows, columns), values * float(scale), energy, error)


def _squares(part: NDArray[np.float32]) -> float:
    """The sum of the squares, in float64."""
    return float(np.sum(np.square(part, dtype=np.float64)))


def _roots(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square roots of the `MOST` largest eigenvalues, the largest first."""
    values: NDArray[np.float64] = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1][:MOST], 0))
    return values


def _gram(matrix: NDArray[np.float32]) -> Job[NDArray[np.float64]]:
    """The products of the shorter side's vectors, in float64."""
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    size, length = short.shape
    found = np.zeros((size, size))
    step = max(_PRODUCTS // size**2, 1)
    for first in range(0, length, step):
        wide = short[:, first : first + step].astype(np.float64)
        found += wide @ wide.T
        yield Tick("Decomposing", first, length)
    return found


def _product(left: NDArray[np.float32], right: NDArray[np.float32]) -> Job[NDArray[np.float32]]:
    """The product of two matrices, a few rows of the left or a few columns of the right at a time."""
    rows, inner, columns = left.shape[0], left.shape[1], right.shape[1]
    found = np.empty((rows, columns), np.float32)
    if rows >= columns:
        step = max(_PRODUCTS // (inner * columns), 1)
        for first in range(0, rows, step):
            np.matmul(left[first : first + step], right, out=found[first : first + step])
            yield Tick("Decomposing")
    else:
        step = max(_PRODUCTS // (inner * rows), 1)
        for first in range(0, columns, step):
            found[:, first : first + step] = left @ right[:, first : first + step]
            yield Tick("Decomposing")
    return found


class _Space:
    """Orthonormal vectors of a Krylov space, what the matrix makes of them, and the products of that."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        rows, columns = matrix.shape
        self.block = _BLOCK if matrix.size <= _CACHED else _WIDER
        self.most = min(rows, _MOST) // self.block * self.block
        self.size = 0
        self._matrix = matrix
        self._random = np.random.default_rng(20_260_102)
        self._vectors = np.empty((rows, self.most), np.float32, order="F")
        self._met = np.empty((self.most, columns), np.float32)
        self._gram = np.empty((self.most, self.most))

    def grow(self, block: NDArray[np.float32]) -> Job[NDArray[np.float32]]:
        """Add the directions of a block of vectors that are new; the result is what the matrix makes of them."""
        begin, end = self.size, self.size + self.block
        # twice is enough (Kahan), and from a Krylov space's next block the first time takes out its last two but for
        # rounding (Golub and Underwood 1977); once lets rounding grow from block to block
        parts = [self._vectors[:, max(begin - 2 * self.block, 0) : begin], self._vectors[:, :begin]]
        for _ in range(_TURNS):
            length = float(np.linalg.norm(block, axis=0).max())
            for known in parts if begin else ():
                block = block - (yield from _product(known, (yield from _product(known.T, block))))
            block, triangle = np.linalg.qr(block)
            yield Tick("Decomposing", begin, self.most)
            left = np.abs(np.diag(triangle)) / length
            if left.min() > _KEPT:
                break
            spent = left < _NOTHING
            block[:, spent] = self._random.standard_normal((len(block), int(spent.sum())), np.float32)
            block[:, spent] /= np.float32(math.sqrt(len(block)))
        self._vectors[:, begin:end] = block
        met = yield from _product(block.T, self._matrix)
        self._met[begin:end] = met
        products = yield from _product(met, self._met[:end].T)
        self._gram[begin:end, :end] = products
        self._gram[:end, begin:end] = products.T
        self.size = end
        return met

    def take_out(self) -> Job[NDArray[np.float64]]:
        """Take the directions with values far above the others out of the matrix; the result is those values.

        Beside them rounding would hide the others. There are none where no value drops far below the one before, or
        where the space does not hold them well enough yet: with a residual ρσ₁² the others err by (ρσ₁ ∕ σ)² ∕ 2.
        """
        squares, inner = np.linalg.eigh(self._gram[: self.size, : self.size])
        sizes = np.sqrt(np.maximum(squares[::-1], squares[-1] * 1e-16))
        drops = sizes[:-1] / sizes[1:]
        rank = int(np.argmax(drops)) + 1
        if drops[rank - 1] < _FAR:
            return np.zeros(0)
        turned = inner[:, ::-1][:, :rank].astype(np.float32)
        left = yield from _product(self._vectors[:, : self.size], turned)
        right = yield from _product(np.ascontiguousarray(turned.T), self._met[: self.size])
        beyond = (yield from _product(self._matrix, np.ascontiguousarray(right.T))) - left * squares[::-1][:rank]
        if np.linalg.norm(beyond, axis=0).max() > _APART * sizes[0] * sizes[rank]:
            return np.zeros(0)
        step = max(_PRODUCTS // right.size, 1)
        for first in range(0, len(self._matrix), step):
            self._matrix[first : first + step] -= left[first : first + step] @ right
            yield Tick("Decomposing", self.size, self.most)
        found: NDArray[np.float64] = sizes[:rank]
        return found

    def values(self) -> NDArray[np.float64]:
        """The largest singular values of the matrix within the space: never larger than its own."""
        return _roots(self._gram[: self.size, : self.size])


def _krylov(matrix: NDArray[np.float32]) -> Job[tuple[NDArray[np.float64], float]]:
    """The `MOST` largest singular values of a wide matrix, from blocks A(AᵀA)ⁿΩ that are added until the values stand.

    With them comes the relative error that is left: the values grow towards the matrix's own, the distance shrinking
    from look to look by a ratio that the last steps tell.
    """
    random = np.random.default_rng(20_260_101)
    space = _Space(matrix)
    given = random.standard_normal((matrix.shape[1], space.block), dtype=np.float32)
    far = np.zeros(0)
    known, step, error = np.full(MOST, -math.inf), math.inf, math.inf
    look = _FIRST
    while space.size < space.most:
        met = yield from space.grow((yield from _product(matrix, given)))
        given = met.T
        if MOST <= space.size <= 2 * MOST and not space.size % _WIDER and not len(far):
            far = yield from space.take_out()
            if len(far):
                space = _Space(matrix)
                given = random.standard_normal((matrix.shape[1], space.block), dtype=np.float32)
        if space.size < min(look, space.most):
            continue
        values = space.values()[: MOST - len(far)]
        yield Tick("Decomposing", space.size, space.most)
        last, step = step, float(np.max((values - known[: len(values)]) / np.maximum(values, values[0] * 1e-9)))
        if math.isfinite(last):
            # a step may come out small by chance: the next ones are taken to be no less than half of it
            ratio = min(max(step / last, 0.5), 0.9) if last > 0 else 0.5
            error = max(step * ratio / (1 - ratio), 0.0)
        known = values
        if error <= _TOLERANCE:
            break
        look = space.size + (_EVERY // 2 if step <= _CLOSE * _TOLERANCE else _EVERY)
    return np.sort(np.concatenate((far, known)))[::-1], 0.0 if space.size == matrix.shape[0] else error
