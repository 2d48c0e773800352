"""How near two versions are of kin, from their fingerprints alone.

Only matrices are measured: vectors of norms are close to ones in every network and would make strangers look alike.
Two networks trained from independent beginnings have a cosine of nought, to about one over the root of the cells of
their sketches, and lie √(1 + ‖B‖² ∕ ‖A‖²) apart; a fine-tune keeps a cosine of 0.9 and more.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from diptych.domain.fingerprint import Fingerprint, TensorPrint
from diptych.domain.tensor import DTYPE_BITS

_NORMAL = 1.96
_UNIFORM = 0.8
"""The share of matrices that must lie in the band of a rounding."""
_KNOWN_AGAIN = 0.8
_EQUAL = 1e-6
"""Below this relative distance float32 sketches tell no difference."""

ROUNDING = {
    "BF16": (6e-4, 3e-3), "F16": (5e-5, 6e-4), "F8_E4M3": (0.012, 0.045), "F8_E5M2": (0.025, 0.09),
    "Q8_0": (0.002, 0.012), "Q6_K": (0.008, 0.035), "Q5_0": (0.02, 0.07), "Q5_1": (0.015, 0.06), "Q5_K": (0.015, 0.06),
    "Q4_0": (0.04, 0.14), "Q4_1": (0.03, 0.12), "Q4_K": (0.03, 0.12), "IQ4_NL": (0.03, 0.12), "Q3_K": (0.07, 0.22),
    "Q2_K": (0.14, 0.45),
}  # fmt: skip
"""Relative error that storing a matrix in a type costs, from below to above.

For floats with p bits after the point, rounding to nearest errs by 2^-(p+1)/√3 of the power of two below the value,
which is 2^-(p+1)/√3 ∕ 1.5 of the value on average; for blocks of q levels by step/√12 with the step of the block's
largest value. The bands leave a factor of two both ways for weights that are not normally distributed.
"""


@dataclass(frozen=True, slots=True)
class Kinship:
    """B against A, over all matrices that both have."""

    distance: float
    """‖B − A‖ ∕ ‖A‖."""
    low: float
    high: float
    """Between these the distance lies, in 95 of 100 cases."""
    cosine: float
    least_cosine: float
    """The cosine at the far end of the bounds."""
    strangers: float
    """How far apart weights of these norms lie that have nothing in common."""
    matrices: int
    tensors: int
    identical: int
    """Of all tensors, those with the same bytes."""
    apart: tuple[tuple[str, float], ...]
    """The relative distance of each matrix, by name."""

    @property
    def same(self) -> bool:
        """Whether every tensor has the same bytes."""
        return self.identical == self.tensors

    @property
    def equal(self) -> bool:
        """Whether the values are the same as far as sketches tell, whatever type they are stored in."""
        return self.distance < _EQUAL

    def within(self, band: tuple[float, float]) -> tuple[int, bool]:
        """How many matrices lie in a band of rounding, and whether those are as many as rounding alone would give."""
        inside = sum(band[0] <= value <= band[1] for _, value in self.apart)
        return inside, inside >= _UNIFORM * self.matrices


def kinship(a: Fingerprint, b: Fingerprint) -> Kinship | None:
    """The kinship of two fingerprints; None where they share no matrix."""
    pairs = [
        (one, other) for name, one in a.tensors.items() if (other := b.tensors.get(name)) and other.shape == one.shape
    ]
    matrices = [(one, other) for one, other in pairs if _measurable(one, other)]
    if not matrices:
        return None
    change = left = right = variance = 0.0
    apart = []
    for one, other in matrices:
        gap = other.sketch.astype(np.float64) - one.sketch
        square = float(gap @ gap) if one.digest != other.digest or one.dtype != other.dtype else 0.0
        change += square
        left += one.norm**2
        right += other.norm**2
        if len(one.sketch) < one.elements:
            variance += 2 * square**2 / len(one.sketch)
        apart.append((one.name, math.sqrt(square) / one.norm))
    spread = _NORMAL * math.sqrt(variance) / change if change else 0.0
    low, high = (math.sqrt(change * factor) for factor in (1 / (1 + spread), 1 / max(1 - spread, 0.05)))
    norm = math.sqrt(left)
    return Kinship(
        math.sqrt(change) / norm, low / norm, high / norm, _cosine(left, right, change), _cosine(left, right, high**2),
        math.sqrt(1 + right / left), len(matrices), max(len(a.tensors), len(b.tensors)),
        sum(one.digest == other.digest and one.dtype == other.dtype for one, other in pairs), tuple(apart),
    )  # fmt: skip


def related(found: Kinship) -> float:
    """How likely two versions have a common beginning, from the cosine at the far end of its bounds.

    A logistic curve: 0.5 at a cosine of 0.5, 0.92 at 0.7, 0.99 at 0.9, 0.002 at nought. Independent networks stay below
    0.1; what continued training leaves is above 0.8 but for very long ones, which the middle of the curve is for.
    """
    return 1 / (1 + math.exp(-(found.least_cosine - 0.5) / 0.08))


def bits(dtype: str) -> float:
    """How much one value takes in a type; nought where that is not known."""
    blocks = re.match(r"I?Q(\d)", dtype)
    return float(blocks[1]) + 0.5 if blocks else float(DTYPE_BITS.get(dtype, 0))


def renamed(a: Fingerprint, b: Fingerprint) -> Fingerprint:
    """B with the names of A: each matrix called after the one of A whose sketch it fits, others left out.

    One sequence of signs serves all tensors, so that a tensor is known again under any name that keeps its order.
    """
    free = [one for one in a.tensors.values() if len(one.shape) > 1 and len(one.sketch) and one.norm]
    found: dict[str, TensorPrint] = {}
    for other in b.tensors.values():
        if len(other.shape) < 2 or not len(other.sketch) or not other.norm:
            continue
        fitting = [one for one in free if one.elements == other.elements and one.name not in found]
        if not fitting:
            continue
        cosines = [float(one.sketch @ other.sketch) / (one.norm * other.norm) for one in fitting]
        best = int(np.argmax(cosines))
        if cosines[best] > _KNOWN_AGAIN:
            found[fitting[best].name] = replace(other, name=fitting[best].name, shape=fitting[best].shape)
    return Fingerprint(found, b.bytes)


def _measurable(one: TensorPrint, other: TensorPrint) -> bool:
    return len(one.shape) > 1 and 0 < len(one.sketch) == len(other.sketch) and 0 < one.norm < math.inf


def _cosine(left: float, right: float, change: float) -> float:
    return min(max((left + right - change) / (2 * math.sqrt(left * right) or 1.0), -1.0), 1.0)
