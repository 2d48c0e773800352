"""What a plot is given: curves as plain numbers. Importing this costs nothing; `plot` costs matplotlib."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """One line of a plot."""

    label: str
    x: NDArray[np.float64]
    """As long as `y`, never decreasing; NaN breaks the line."""
    y: NDArray[np.float64]
    color: str = "text"
    """A token of the palette: `a`, `b`, `text`, `muted`."""
    marker: str = ""
    """matplotlib's sign for the points (`o` for A, `s` for B), so that colour never stands alone; empty: none."""
    dashed: bool = False


def decimate(
    x: NDArray[np.float64], y: NDArray[np.float64], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most four points for each of `columns` pixel columns: first, lowest, highest and last; no spike is lost.

    Curves that are short enough come back unchanged. NaN is kept where a whole bucket is NaN.
    """
    count = len(x)
    if columns < 1 or count <= columns * 4:
        return x, y
    edges = np.linspace(0, count, columns + 1).astype(np.int64)
    starts = edges[:-1]
    low = np.where(np.isnan(y), np.inf, y)
    high = np.where(np.isnan(y), -np.inf, y)
    picked = np.concatenate([starts, edges[1:] - 1, _lowest(low, edges), _lowest(-high, edges)])
    order = np.unique(picked)
    return x[order], y[order]


def _lowest(values: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the lowest value of every bucket; the last value of the wider buckets is taken care of by the edges."""
    width = int(np.diff(edges).min())
    rows = edges[:-1, None] + np.arange(width)[None, :]
    found: NDArray[np.int64] = edges[:-1] + np.argmin(values[rows], axis=1)
    return found
