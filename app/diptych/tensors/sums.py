"""The sums from which a difference is told, as an array that compiled code can add to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANGED, SQUARES_LEFT, SQUARES_RIGHT, SQUARES_CHANGE, MAX, NONFINITE_LEFT, NONFINITE_RIGHT, BEYOND, SCALE = range(9)
"""Places in the array. Sums and the maximum leave out pairs with a NaN or an infinity on either side.

BEYOND counts what differs by more than rounding to the less precise dtype. Squares are those of values times 2^-SCALE.
"""

_SQUARES = slice(SQUARES_LEFT, SQUARES_CHANGE + 1)


def fresh() -> NDArray[np.float64]:
    """Sums of nothing. Counts are exact up to 2^53 elements."""
    return np.zeros(9)


def join(sums: NDArray[np.float64], others: NDArray[np.float64]) -> None:
    """Add the `others` of another piece of the same tensor to `sums`."""
    largest = max(sums[MAX], others[MAX])
    scale = _common_scale(sums, others)
    if sums[SCALE] != others[SCALE]:
        others = others.copy()
        for each in (sums, others):
            each[_SQUARES] = np.ldexp(each[_SQUARES], 2 * int(each[SCALE] - scale))
    sums += others
    sums[MAX] = largest
    sums[SCALE] = scale


def _common_scale(sums: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The larger scale; sums of nothing but noughts have none of their own."""
    scales = [float(each[SCALE]) for each in (sums, others) if each[_SQUARES].any()]
    return max(scales, default=0.0)
