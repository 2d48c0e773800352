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
    faint: bool = False
    """Whether it lies below another of the same name: what was logged, below its smoothed course."""


def decimate(
    x: NDArray[np.float64], y: NDArray[np.float64], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most four points for each of `columns` pixel columns: first, lowest, highest and last; no spike is lost.

    Curves that are short enough come back unchanged. NaN is kept where a whole bucket is NaN.
    """
    count = len(x)
    if columns < 1 or count <= columns * 4:
        return x, y
    width = -(-count // columns)
    picked = []
    for begin, end in ((0, count // width * width), (count // width * width, count)):
        if end > begin:
            picked += _telling(y[begin:end], min(width, end - begin), begin)
    order = np.unique(np.concatenate(picked))
    return x[order], y[order]


def _telling(y: NDArray[np.float64], width: int, begin: int) -> list[NDArray[np.int64]]:
    """Index of the first, last, lowest and highest value of every bucket of `width` values."""
    low = high = y
    if np.isnan(y).any():
        low, high = np.where(np.isnan(y), np.inf, y), np.where(np.isnan(y), -np.inf, y)
    starts = begin + np.arange(0, len(y), width)
    lowest = starts + low.reshape(-1, width).argmin(axis=1)
    highest = starts + high.reshape(-1, width).argmax(axis=1)
    return [starts, starts + width - 1, lowest, highest]
