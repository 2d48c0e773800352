"""Bins whose edges floating-point numbers meet exactly, so that counting is exact whichever way it is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diptych.tensors.rooms import OCTAVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPECIAL = 2**11 - 1
"""The exponent of what is not finite."""
_BIAS = 1023
_LARGEST = float(np.finfo(np.float64).max)
_NOTHING = _BIAS - 149
"""The octave of the smallest float32, for a change that is nought throughout."""
_OCTAVES_SHOWN = 32
"""On either side, from that of the largest change down."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal bins of a width of 2^`exponent`, each about a multiple of it: from `first` to `last` times the width.

    A value on an edge belongs to the bin farther from nought.
    """

    exponent: int
    first: int
    last: int

    @property
    def edges(self) -> NDArray[np.float64]:
        """One more than there are bins; the outermost stay finite."""
        with np.errstate(over="ignore"):
            edges: NDArray[np.float64] = np.ldexp(2.0 * np.arange(self.first, self.last + 2) - 1, self.exponent - 1)
        return edges.clip(-_LARGEST, _LARGEST)

    def count(self, values: NDArray[np.float64], times: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """How many of `values` are in each, each so many times, and behind the last bin how many are not finite.

        Those beyond, as of a file that changed, are in the outermost.
        """
        last, finite = self.last - self.first, np.isfinite(values)
        places = np.full(len(values), last + 1)
        places[finite] = self.places(values[finite]).clip(0, last)
        return _counted(places, times, last + 2)

    def places(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The bin of each value, counted from nought. No step of this rounds but the last."""
        with np.errstate(over="ignore"):
            halves = np.floor(np.ldexp(np.abs(values), 1 - self.exponent)).astype(np.int64)
        multiples = (halves + 1) // 2
        return np.where(values < 0, -multiples, multiples) - self.first


def equal_bins(low: float, high: float, most: int, digits: int, least: int) -> Bins:
    """The narrowest bins from `low` to `high`, `most` at most, which are no narrower than the values lie apart.

    Those have so many binary `digits`, and none is finer than 2^`least`. Where all values are equal, or there is none,
    they stand in the middle of three bins.
    """
    if low >= high:
        value = low if low == high else 0.0
        exponent = math.frexp(value)[1] - 2 if value else 0
        (at,) = Bins(exponent, 0, 0).places(np.array([value])).tolist()
        return Bins(exponent, at - 1, at + 1)
    largest = math.frexp(max(abs(low), abs(high)))[1]
    span = math.frexp(high / 2 - low / 2)[1] + 1
    exponent = max(span - most.bit_length() - 1, largest - digits, least)
    while True:
        first, last = Bins(exponent, 0, 0).places(np.array([low, high])).tolist()
        if last - first < most:
            alone = int(first == last)
            return Bins(exponent, first - alone, last + alone)
        exponent += 1


def octaves(changes: NDArray[np.float64], times: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """How often each sign and exponent comes, of changes that come so many times each."""
    return _counted((changes.view(np.uint64) >> np.uint64(52)).astype(np.int64), times, OCTAVES)


def _counted(places: NDArray[np.int64], times: NDArray[np.int64] | None, length: int) -> NDArray[np.int64]:
    if times is None:
        return np.bincount(places, minlength=length)
    found = np.zeros(length, np.int64)
    np.add.at(found, places, times)
    return found


def by_octaves(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Counts over powers of two on both sides of nought, their edges, and how many are not finite.

    The bin in the middle holds what is nought, and whatever is smaller than the last octave that is shown.
    """
    negative, positive = counts[_SPECIAL + 1 :].copy(), counts[: _SPECIAL + 1].copy()
    nonfinite = int(negative[_SPECIAL] + positive[_SPECIAL])
    there = np.flatnonzero((negative + positive)[1:_SPECIAL]) + 1
    highest = int(there[-1]) if len(there) else _NOTHING
    lowest = max(int(there[0]) if len(there) else _NOTHING, highest - _OCTAVES_SHOWN + 1)
    middle = negative[:lowest].sum() + positive[:lowest].sum()
    shown = slice(lowest, highest + 1)
    with np.errstate(over="ignore"):
        sizes = np.minimum(np.ldexp(1.0, np.arange(lowest, highest + 2) - _BIAS), _LARGEST)
    edges = np.concatenate((-sizes[::-1], sizes))
    return np.concatenate((negative[shown][::-1], [middle], positive[shown])), edges, nonfinite
