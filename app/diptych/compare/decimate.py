"""Fewer points for a curve, with every spike and every gap kept."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64]]"


def decimate(x: NDArray[np.float64], y: NDArray[np.float64], pixels: int) -> Points:
    """At most two points for each of `pixels` equal parts of the x axis: the lowest and the highest, in order.

    `x` must rise. A part without any finite value becomes one NaN, so that a gap stays a gap; a NaN among finite values
    that the part still shows is dropped. Curves that are short enough come back as they are.
    """
    if len(x) <= 2 * pixels or pixels < 1:
        return x, y
    low, high = float(x[0]), float(x[-1])
    if not (np.isfinite(low) and np.isfinite(high) and high > low):
        return x, y
    edges = low + (high - low) * (np.arange(pixels) / pixels)
    starts = np.searchsorted(x, edges, side="left")
    starts = starts[np.concatenate(([True], np.diff(starts) > 0)) & (starts < len(x))]
    finite = np.isfinite(y)
    lowest = _extreme(np.where(finite, y, np.inf), starts, np.minimum)
    highest = _extreme(np.where(finite, y, -np.inf), starts, np.maximum)
    empty = ~np.logical_or.reduceat(finite, starts)
    places = np.sort(np.stack([np.where(empty, starts, lowest), np.where(empty, starts, highest)], axis=1), axis=1)
    kept = np.unique(places)
    return x[kept], y[kept]


def _extreme(values: NDArray[np.float64], starts: NDArray[np.intp], extreme: np.ufunc) -> NDArray[np.intp]:
    """The first place of the extreme of each part, found without a loop over parts."""
    best = extreme.reduceat(values, starts)
    lengths = np.diff(np.append(starts, len(values)))
    hits = np.flatnonzero(values == np.repeat(best, lengths))
    return hits[np.searchsorted(hits, starts)]
