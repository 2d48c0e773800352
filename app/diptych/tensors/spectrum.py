"""The singular values of a tensor's change: how many directions it has, and whether a low-rank update explains it.

The largest values come from a block Krylov space (Musco and Musco 2015): random vectors, multiplied by the matrix and
its transpose again and again, all of them kept. It needs a few passes over the matrix in place of its whole
decomposition, and unlike power iteration it is exact to the digits asked for where the values decay slowly, as those of
a full fine-tune do. Small matrices are decomposed as they are.
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
_WHOLE = 768
"""The smaller side up to which a matrix is decomposed as it is."""
_BLOCK = 80
_MOST_BLOCKS = 20
"""A change whose values stand apart so little that more would be needed has no rank to tell."""
_TOLERANCE = 3e-4
"""The relative error that may be left in the smallest of the values."""
_PIECE = 1 << 22
"""Elements at a time of what is done element by element."""
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
        part = np.nan_to_num(change[first : first + step], nan=0.0, posinf=0.0, neginf=0.0)
        matrix[first : first + step] = part
        energy += float(np.sum(np.square(part, dtype=np.float64)))
        yield Tick("Decomposing", 0, rows)
    if not energy:
        return Spectrum((rows, columns), np.zeros(min(rows, columns, MOST)), 0.0)
    if min(rows, columns) <= _WHOLE:
        return Spectrum((rows, columns), _roots(_gram(matrix)), energy)
    # scaled, so that products neither overflow nor vanish in float32
    scale = np.float32(math.sqrt(energy / matrix.size))
    for first in range(0, rows, step):
        matrix[first : first + step] /= scale
        yield Tick("Decomposing", 0, rows)
    values = (yield from _krylov(matrix)) * float(scale)
    return Spectrum((rows, columns), values, energy)


def _roots(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square roots of the `MOST` largest eigenvalues, the largest first."""
    values: NDArray[np.float64] = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1][:MOST], 0))
    return values


def _gram(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The products of the shorter side's vectors, in float64."""
    wide = matrix.astype(np.float64)
    return wide @ wide.T if wide.shape[0] <= wide.shape[1] else wide.T @ wide


def _krylov(matrix: NDArray[np.float32]) -> Job[NDArray[np.float64]]:
    """The `MOST` largest singular values, from blocks A(AᵀA)ⁿΩ that are added until the values stand.

    The values of the matrix within the blocks grow towards its own, the distance shrinking from block to block by a
    ratio that the last steps tell; they stand where what is left by that ratio is within the tolerance.
    """
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    rows, columns = matrix.shape
    random = np.random.default_rng(20_260_101)
    block = matrix @ random.standard_normal((columns, _BLOCK), dtype=np.float32)
    basis = np.empty((rows, min(rows // _BLOCK, _MOST_BLOCKS) * _BLOCK), np.float32, order="F")
    projected = np.empty((basis.shape[1], columns), np.float32)
    gram = np.empty((basis.shape[1], basis.shape[1]))
    known, step = np.zeros(MOST), math.inf
    for begin in range(0, basis.shape[1], _BLOCK):
        yield Tick("Decomposing", begin, rows)
        end = begin + _BLOCK
        for _ in range(2):  # twice is enough (Kahan)
            block = block - basis[:, :begin] @ (basis[:, :begin].T @ block)
            yield Tick("Decomposing", begin, rows)
            block = np.linalg.qr(block)[0]
            yield Tick("Decomposing", begin, rows)
        basis[:, begin:end] = block
        met = block.T @ matrix
        yield Tick("Decomposing", begin, rows)
        projected[begin:end] = met
        gram[begin:end, :end] = met @ projected[:end].T
        gram[:end, begin:end] = gram[begin:end, :end].T
        if begin // _BLOCK % 2:
            values = _roots(gram[:end, :end])
            last, step = step, float(np.max(np.abs(values - known) / np.maximum(values, values[0] * 1e-9)))
            ratio = min(step / last, 0.9)
            if math.isfinite(last) and step * ratio / (1 - ratio) <= _TOLERANCE:
                return values
            known = values
            yield Tick("Decomposing", end, rows)
        block = matrix @ met.T
    # a small matrix is decomposed whole at no more cost; of a large one the values stand all but the last digits
    return _roots(_gram(matrix)) if rows < (_MOST_BLOCKS + 1) * _BLOCK else _roots(gram)
