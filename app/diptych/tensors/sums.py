"""The sums from which a difference is told, as an array that compiled code can add to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANGED, SQUARES_LEFT, SQUARES_RIGHT, SQUARES_CHANGE, MAX, NONFINITE_LEFT, NONFINITE_RIGHT = range(7)
"""Places in the array. Sums and the maximum leave out pairs with a NaN or an infinity on either side."""


def fresh() -> NDArray[np.float64]:
    """Sums of nothing. Counts are exact up to 2^53 elements."""
    return np.zeros(7)


def join(sums: NDArray[np.float64], others: NDArray[np.float64]) -> None:
    """Add the `others` of another piece of the same tensor to `sums`."""
    largest = max(sums[MAX], others[MAX])
    sums += others
    sums[MAX] = largest
