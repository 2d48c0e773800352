"""What is counted and summed up of one tensor while it is read, and the same by NumPy for every dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.decoding import decode, packing
from diptych.tensors import sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUM, SQUARES, NANS, INFS, ZEROS, MOST = range(6)
"""Places in the array of sums. Values that are not finite are counted and left out of all the others."""

STEP = 1024
"""Elements after which a tensor may be cut: whole blocks of every sketch and of every packed type."""
_WORDS = {1: "u1", 2: "<u2", 4: "<u4", 8: "<u8"}
_CHUNK = 64 * STEP
"""Elements at a time, so that the temporaries stay small."""


def fresh() -> NDArray[np.float64]:
    """Sums of nothing."""
    return np.zeros(6)


def add(dtype: str, raw: NDArray[np.uint8], first: int, sums: NDArray[np.float64], cells: NDArray[np.float64]) -> None:
    """Add a piece, given as bytes, that begins with the element `first`, a multiple of `STEP`."""
    count, width = packing(dtype)
    step = _CHUNK // count * width
    with np.errstate(all="ignore"):
        for place in range(-(-len(raw) // step)):
            values = decode(raw[place * step : (place + 1) * step], dtype).astype(np.float64)
            _add(values, sums)
            sketch.add(values.astype(np.float32), (first + place * _CHUNK) // len(cells), cells)


def _add(values: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Add values, and put nought in the place of those that are not finite."""
    finite = np.isfinite(values)
    if not finite.all():
        nans = np.count_nonzero(np.isnan(values))
        sums[NANS] += nans
        sums[INFS] += len(values) - np.count_nonzero(finite) - nans
        sums[ZEROS] -= len(values) - np.count_nonzero(finite)
        values[~finite] = 0
    sums[SUM] += values.sum()
    # not a product of BLAS, which would start threads of its own
    sums[SQUARES] += np.einsum("i,i->", values, values)
    sums[ZEROS] += len(values) - np.count_nonzero(values)
    sums[MOST] = max(sums[MOST], np.abs(values).max(initial=0))


def picked(dtype: str, raw: NDArray[np.uint8], first: int, step: int) -> NDArray[np.uint8]:
    """The blocks (or elements, as bytes) of a piece that hold every `step`-th element of its tensor, in order.

    The piece begins with the element `first`. `values_of` decodes what all pieces gave.
    """
    count, width = packing(dtype)
    begin = -first % step
    if count == 1 and width in _WORDS:
        return raw.view(_WORDS[width])[begin::step].copy().view(np.uint8)
    places = np.arange(begin, len(raw) // width * count, step)
    return np.ascontiguousarray(raw.reshape(-1, width)[places // count]).reshape(-1)


def values_of(dtype: str, blocks: NDArray[np.uint8], step: int) -> NDArray[np.float64]:
    """The values of every `step`-th element of a tensor, from all blocks that `picked` has found."""
    count, _ = packing(dtype)
    with np.errstate(all="ignore"):
        values = decode(blocks, dtype).reshape(-1, count)
        if count == 1:
            return values[:, 0].astype(np.float64)
        places = np.arange(len(values)) * step
        return values[np.arange(len(values)), places % count].astype(np.float64)
