"""The same sums by NumPy in float64, for every dtype and for two that differ. Slower, and never in need of warming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.decoding import codes, decode, packing
from diptych.domain.tensor import DTYPE_BITS, ROUNDING, narrower
from diptych.tensors.sums import (
    BEYOND,
    CHANGED,
    MAX,
    NONFINITE_LEFT,
    NONFINITE_RIGHT,
    SCALE,
    SQUARES_CHANGE,
    SQUARES_LEFT,
    SQUARES_RIGHT,
    fresh,
    join,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAFE = 300
"""Binary exponents up to which squares and their sums neither overflow nor vanish."""
_CHUNK = 2**16
"""Elements at a time, so that the temporaries stay in the cache; a multiple of four, since F6 packs four together."""


def add(dtype_a: str, a: NDArray[np.uint8], dtype_b: str, b: NDArray[np.uint8], sums: NDArray[np.float64]) -> None:
    """Add a piece, given as bytes of as many elements on both sides."""
    (count_a, width_a), (count_b, width_b) = packing(dtype_a), packing(dtype_b)
    step_a, step_b = _CHUNK // count_a * width_a, _CHUNK // count_b * width_b
    with np.errstate(all="ignore"):
        for chunk in range(-(-len(a) // step_a)):
            left = a[chunk * step_a : (chunk + 1) * step_a]
            right = b[chunk * step_b : (chunk + 1) * step_b]
            _add(dtype_a, left, dtype_b, right, sums)


def _add(dtype_a: str, a: NDArray[np.uint8], dtype_b: str, b: NDArray[np.uint8], sums: NDArray[np.float64]) -> None:
    left, right = decode(a, dtype_a), decode(b, dtype_b)
    x, y = _wide(left), _wide(right)
    change = _whole_change(left, right) if dtype_a == dtype_b and left.dtype.kind in "iu" else np.abs(y - x)
    if dtype_a == dtype_b and dtype_a in DTYPE_BITS:
        changed = _bits(a, dtype_a) != _bits(b, dtype_b)
    else:
        changed = (x != y) & ~(np.isnan(x) & np.isnan(y))
    found = fresh()
    found[CHANGED] = np.count_nonzero(changed)
    finite_x, finite_y = np.isfinite(x), np.isfinite(y)
    finite = finite_x & finite_y
    if not finite.all():
        x, y, change = x[finite], y[finite], change[finite]
        found[NONFINITE_LEFT] = np.count_nonzero(~finite_x)
        found[NONFINITE_RIGHT] = np.count_nonzero(~finite_y)
    found[MAX] = change.max(initial=0)
    if narrow := narrower(dtype_a, dtype_b):
        found[BEYOND] = _beyond_rounding(x, y, change, narrow, max(ROUNDING[each][1] for each in (dtype_a, dtype_b)))
    if "F64" in (dtype_a, dtype_b) and (scale := _scale(x, y)):
        x, y = np.ldexp(x, -scale), np.ldexp(y, -scale)
        change = np.abs(y - x)
        found[SCALE] = scale
    found[SQUARES_LEFT] = _squares(x)
    found[SQUARES_RIGHT] = _squares(y)
    found[SQUARES_CHANGE] = _squares(change)
    join(sums, found)


def _beyond_rounding(
    x: NDArray[np.inexact], y: NDArray[np.inexact], change: NDArray[np.inexact], narrow: str, smallest: int
) -> int:
    """How many pairs lie farther apart than half a unit in the last place of the dtype `narrow`."""
    _, exponents = np.frexp(np.maximum(np.abs(x), np.abs(y)))
    half = np.ldexp(1.0, np.maximum(exponents - 1 - ROUNDING[narrow][0], smallest - 1))
    return int(np.count_nonzero(change > half))


def _scale(x: NDArray[np.inexact], y: NDArray[np.inexact]) -> int:
    """The exponent by which squares must be scaled to stay within float64; nought where they do so as they are."""
    if x.dtype.kind == "c" or y.dtype.kind == "c":
        return 0
    exponent = int(np.frexp(max(np.abs(x).max(initial=0), np.abs(y).max(initial=0)))[1])
    return exponent if abs(exponent) > _SAFE else 0


def _bits(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.unsignedinteger]:
    """One unsigned number per element, equal where all its bits are."""
    return codes(raw, dtype) if DTYPE_BITS[dtype] <= 8 else raw.view(f"<u{DTYPE_BITS[dtype] // 8}")


def _whole_change(x: NDArray[np.generic], y: NDArray[np.generic]) -> NDArray[np.float64]:
    """The size of each change of whole numbers, subtracted as such, since float64 does not hold 64 bits."""
    whole_x, whole_y = x.astype(x.dtype), y.astype(y.dtype)
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    rise = whole_y.view(unsigned) - whole_x.view(unsigned)
    size: NDArray[np.float64] = np.where(np.greater(whole_x, whole_y), np.negative(rise), rise).astype(np.float64)
    return size


def _wide(values: NDArray[np.generic]) -> NDArray[np.inexact]:
    return values.astype(np.complex128) if values.dtype.kind == "c" else values.astype(np.float64)


def _squares(values: NDArray[np.inexact]) -> float:
    flat = values.view(np.float64)
    # not a product of BLAS, which would start threads of its own
    return float(np.einsum("i,i->", flat, flat))
