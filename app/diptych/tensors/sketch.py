"""Random projections that tell how far two tensors lie apart without the tensors.

The sketch of a tensor x of n values has k cells. Value i, in block b = i // k at place j = i mod k, is added with a
sign s(i) to cell (j + r(b)) mod k, where s and r come from one fixed pseudo-random sequence. Every value meets a cell
with a random sign, so that E⟨S x, S y⟩ = ⟨x, y⟩ and E‖S x‖² = ‖x‖²: the tug-of-war sketch of Alon, Matias and Szegedy
(1996) with the cells of Charikar, Chen and Farach-Colton (2002). It is linear, S(x − y) = S x − S y: the sketches of
two checkpoints give the norm of their difference, those of several models the coefficients of a merge. The variance of
‖S x‖² is at most about 2‖x‖⁴ ∕ k where the values spread over the cells, which the rotation r sees to even where a few
columns of a matrix hold most of it.

The sequence is the same for all tensors and models, so that a tensor that was renamed or converted still fits. Its
parts are SplitMix64 (Steele, Lea and Flood 2014) of `SEED` and a counter. Where k ≥ n the sketch is the tensor itself,
turned, and every estimate exact.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.fingerprint import Estimate, TensorPrint

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 0x0D1B7C4
_SIGNS = 8192
_MOST_CELLS = 1024
_FEWEST_CELLS = 64
_VALUES_A_CELL = 16
_NORMAL = 1.96
ROUNDING = 4e-7
"""What float32 makes of a cell, against the norm of the whole."""
_MASK = (1 << 64) - 1


def cells(elements: int) -> int:
    """The cells of the sketch of a tensor of so many values: a power of two, few for few values."""
    wanted = max(elements // _VALUES_A_CELL, 1)
    return min(max(1 << (wanted.bit_length() - 1), _FEWEST_CELLS), _MOST_CELLS)


def mix(number: int) -> int:
    """SplitMix64: 64 well-mixed bits of a counter."""
    z = (number + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


@cache
def signs() -> NDArray[np.uint32]:
    """The sequence of signs as masks for the sign bit of float32; read from a random place for each block."""
    masks = np.array([mix(SEED + at) >> 63 for at in range(_SIGNS + _MOST_CELLS)], np.uint32) << np.uint32(31)
    masks.flags.writeable = False
    return masks


def turn(block: int, count: int) -> tuple[int, int, int]:
    """Of a block: by how many cells it is turned, where its signs begin, and the mask of its own sign."""
    bits = mix((SEED << 32) + block)
    return bits & (count - 1), (bits >> 16) & (_SIGNS - 1), (bits >> 63) << 31


def add(values: NDArray[np.float32], first_block: int, sketch: NDArray[np.float64]) -> None:
    """Add finite `values`, which begin with the block `first_block`, to a sketch. The compiled twin is in `prints`."""
    count = len(sketch)
    for number, start in enumerate(range(0, len(values), count)):
        block = values[start : start + count]
        by, begin, own = turn(first_block + number, count)
        mask = signs()[begin : begin + len(block)] ^ np.uint32(own)
        signed = (block.view(np.uint32) ^ mask).view(np.float32)
        head = min(count - by, len(block))
        sketch[by : by + head] += signed[:head]
        sketch[: len(block) - head] += signed[head:]


def estimate(a: TensorPrint, b: TensorPrint) -> Estimate | None:
    """How far B lies from A, and how sure that is; None where the two cannot be compared.

    The bounds hold in 95 of 100 cases: ‖S d‖² has a relative standard deviation of √(2∕k), see the module; what float32
    cells cannot resolve is added to both sides.
    """
    if a.elements != b.elements:
        return None
    if a.digest == b.digest and a.dtype == b.dtype:
        return Estimate(True, 0.0, 0.0, 0.0, 1.0)
    count = len(a.sketch)
    if not count or count != len(b.sketch):
        return None
    apart = b.sketch.astype(np.float64) - a.sketch
    change = float(np.sqrt(apart @ apart))
    spread = 0.0 if count >= a.elements else _NORMAL * math.sqrt(2 / count)
    floor = ROUNDING * (a.norm + b.norm)
    if not a.norm:
        return Estimate(False, math.nan, math.nan, math.nan, math.nan)
    low = max(change / math.sqrt(1 + spread) - floor, 0.0)
    high = change / math.sqrt(max(1 - spread, 0.05)) + floor
    return Estimate(False, change / a.norm, low / a.norm, high / a.norm, _cosine(a.norm, b.norm, change))


def _cosine(left: float, right: float, change: float) -> float:
    """The cosine by the law of cosines, kept within its range."""
    if not left or not right:
        return math.nan
    lengths = left - right
    return min(max(1 - (change - lengths) * (change + lengths) / (2 * left * right), -1.0), 1.0)
