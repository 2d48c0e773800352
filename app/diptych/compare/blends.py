"""Whether weights are a mixture of others: least squares on sketches, which are linear.

For M ≈ Σ cᵢ Pᵢ the coefficients come from the normal equations of the sketches. Sketches of independent tensors are
independent, so that the usual errors hold: with residual r over K cells, var(c) = r²∕K · (Pᵀ P)⁻¹.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_NORMAL = 1.96
_LEAST_SHARE = 0.03
_SUM = (0.5, 1.6)
_CLEAR = 0.35
"""The residual of a mixture, against the distance to the nearest parent: a mixture of strangers leaves about 1."""
_MOST_PARENTS = 3


@dataclass(frozen=True, slots=True)
class Blend:
    """A mixture that explains some weights."""

    places: tuple[int, ...]
    """Which of the candidates, by number, the largest share first."""
    coefficients: tuple[float, ...]
    errors: tuple[float, ...]
    residual: float
    """‖M − Σ cᵢ Pᵢ‖ ∕ ‖M‖."""
    nearest: float
    """The relative distance to the nearest candidate, which is what the mixture has to beat."""

    @property
    def clear(self) -> bool:
        """Whether the mixture explains nearly all that the nearest candidate leaves."""
        return self.residual < _CLEAR * self.nearest


def blend(
    whole: Matrix, candidates: Sequence[Matrix], rounding: float = 0.0, parents_of: Mapping[int, int] | None = None
) -> Blend | None:
    """The mixture of two or three of the candidates that explains `whole`; None if none does.

    The fewest parents win unless one more leaves less than half of the residual. Every share must be positive: of
    M = 0.3 A + 0.7 B also A = 3.3 M − 2.3 B is true, and only the first is a merge. The one exception is task
    arithmetic, O + 0.7 (A − O) + 0.5 (B − O), where what A and B both descend from (`parents_of`, by number) has the
    negative share. A residual below `rounding`, which the type of `whole` costs, is as good as none.
    """
    length = float(np.sqrt(whole @ whole))
    if not length or len(candidates) < 2:
        return None
    parents = np.stack(candidates)
    gram, right = parents @ parents.T, parents @ whole
    nearest = float(np.sqrt(np.min(np.sum(np.square(parents - whole), axis=1)))) / length
    # what all together leave unexplained, no few of them explain
    rest = whole - np.linalg.lstsq(gram, right, rcond=None)[0] @ parents
    if float(np.sqrt(rest @ rest)) / length >= _CLEAR * nearest:
        return None
    best: Blend | None = None
    for count in range(2, min(len(candidates), _MOST_PARENTS) + 1):
        found = [
            one
            for places in combinations(range(len(candidates)), count)
            if (one := _fitted(places, parents, whole, gram, right, nearest, parents_of or {})) is not None
        ]
        least = min(found, key=lambda one: one.residual, default=None)
        if least is not None and least.clear and (best is None or least.residual < best.residual / 2):
            best = least
        if best is not None and best.residual <= rounding:
            break
    return best


def _fitted(
    places: tuple[int, ...], parents: Matrix, whole: Matrix, gram: Matrix, right: Matrix, nearest: float,
    parents_of: Mapping[int, int],
) -> Blend | None:  # fmt: skip
    chosen = list(places)
    square = gram[np.ix_(chosen, chosen)]
    if np.linalg.cond(square) > 1e10:
        return None
    shares = np.linalg.solve(square, right[chosen])
    if not _meant(places, shares, parents_of) or not _SUM[0] <= shares.sum() <= _SUM[1]:
        return None
    rest = whole - shares @ parents[chosen]
    residual = float(rest @ rest)
    errors = _NORMAL * np.sqrt(np.maximum(residual / len(whole) * np.diag(np.linalg.inv(square)), 0.0))
    order = np.argsort(-shares, kind="stable")
    return Blend(
        tuple(chosen[at] for at in order), tuple(float(shares[at]) for at in order),
        tuple(float(errors[at]) for at in order), float(np.sqrt(residual / (whole @ whole))), nearest,
    )  # fmt: skip


def _meant(places: tuple[int, ...], shares: NDArray[np.floating], parents_of: Mapping[int, int]) -> bool:
    """Whether shares are those of a merge: positive, but for what at least two others descend from."""
    if np.abs(shares).min() < _LEAST_SHARE:
        return False
    less = [place for place, share in zip(places, shares, strict=True) if share < 0]
    others = [place for place in places if place not in less]
    return not less or (
        len(less) == 1 and len(others) > 1 and all(parents_of.get(place) == less[0] for place in others)
    )
