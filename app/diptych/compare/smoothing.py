"""The course of a curve without its noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smoothed(y: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """The exponential mean of the values so far: each point keeps `weight` (0 to 1) of the mean before it.

    The first points are not drawn to nought: the mean is over what was seen (as in Kingma and Ba 2015, section 3).
    Values that are not finite count for nothing, and stay gaps.
    """
    known = np.isfinite(y)
    with np.errstate(invalid="ignore"):
        means = _decayed(np.where(known, y, 0.0), weight) / _decayed(known.astype(np.float64), weight)
    return np.where(known, means, np.nan)


def _decayed(y: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Sums in which what came `n` places before counts `weight**n`: blocks at once, and what each hands on."""
    count, width = len(y), 64
    blocks = np.zeros((-(-count // width), width))
    blocks.reshape(-1)[:count] = y
    ages = np.arange(width)
    powers = np.where(ages >= ages[:, None], weight ** np.maximum(ages - ages[:, None], 0.0), 0.0)
    sums = blocks @ powers
    handed = np.zeros(len(sums))
    carry, whole = 0.0, weight**width
    for place, end in enumerate(sums[:, -1].tolist()):
        handed[place] = carry
        carry = end + whole * carry
    sums += handed[:, None] * weight ** (ages + 1.0)
    return sums.reshape(-1)[:count]
