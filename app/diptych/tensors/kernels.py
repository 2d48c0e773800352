"""Compiled arithmetic for the difference of two pieces of the common dtypes.

Only `diptych.tensors.compiling` imports this module, in a process of its own: the compiler takes seconds. What it makes
is called by `diptych.tensors.native`, with places in memory and lengths, since it knows no arrays of Python's, and with
room to work in, since it takes no memory of its own.

Values are widened to float32 in blocks that stay in the first-level cache, summed up there in float32 and across blocks
in float64: within 1e-7 of float64 throughout. A block that float32 cannot sum up (NaN, infinities, overflow,
underflow) is done again in float64, value by value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cfunc, njit
from numba.np.numpy_support import carray

from diptych.tensors.rooms import BLOCK, STRIDE
from diptych.tensors.sums import (
    CHANGED,
    MAX,
    NONFINITE_LEFT,
    NONFINITE_RIGHT,
    SQUARES_CHANGE,
    SQUARES_LEFT,
    SQUARES_RIGHT,
)

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Bits: TypeAlias = np.unsignedinteger
    Halves: TypeAlias = NDArray[np.uint16]
    Words: TypeAlias = NDArray[np.uint32]
    Measured: TypeAlias = tuple[np.uint32, np.float32, np.float32, np.float32, np.uint32]
    """How many differ, the squares of both sides and of the change, and the bits of the largest change."""
    Values: TypeAlias = NDArray[np.float32]
    Sums: TypeAlias = NDArray[np.float64]
    Place: TypeAlias = Any

_PLACES = 9
"""As many as there are sums."""
_ROUNDED = 1 + 2.0**-23
"""By how much more than its float32 a change can be, at most."""
_EXACT_F16, _EXACT_E4M3 = 1.0, 2.0**15
"""2^24 times the smallest value: changes up to here are whole multiples of it that fit into float32."""
_HIGH = 1e37
_LOW = 1e-28
"""Sums of squares of one block beyond which float32 is not to be trusted to one part in ten million."""

# reordering sums is what makes them fast; NaN and infinities keep their meaning
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True)
def count_changed(a: NDArray[Bits], b: NDArray[Bits]) -> int:
    """How many elements differ in any bit."""
    changed = 0
    for i in range(a.shape[0]):
        changed += a[i] != b[i]
    return changed


@njit(nogil=True)
def add_carefully(x: Values, y: Values, count: int, changed: int, sums: Sums) -> None:
    """Add a block value by value in float64; pairs with a NaN or an infinity are counted and left out of the sums."""
    sums[CHANGED] += changed
    for i in range(count):
        left = np.float64(x[i])
        right = np.float64(y[i])
        if np.isfinite(left) and np.isfinite(right):
            sums[SQUARES_LEFT] += left * left
            sums[SQUARES_RIGHT] += right * right
            change = abs(right - left)
            sums[SQUARES_CHANGE] += change * change
            sums[MAX] = max(sums[MAX], change)
        else:
            sums[NONFINITE_LEFT] += not np.isfinite(left)
            sums[NONFINITE_RIGHT] += not np.isfinite(right)


@njit(nogil=True, fastmath=_FAST)
def measure_bf16(a: Halves, b: Halves) -> Measured:
    """What a block of BF16 comes to in float32, the upper half of which it is, in one loop.

    The largest change is told by its bits: those of positive floats sort as the floats do, and sort faster.
    """
    changed = np.uint32(0)
    left = right = change = np.float32(0)
    top = np.uint32(0)
    for i in range(a.shape[0]):
        x = np.uint32(np.uint32(a[i]) << np.uint32(16)).view(np.float32)
        y = np.uint32(np.uint32(b[i]) << np.uint32(16)).view(np.float32)
        d = abs(np.float32(y - x))
        changed = np.uint32(changed + np.uint32(a[i] != b[i]))
        left += x * x
        right += y * y
        change += d * d
        top = max(top, np.float32(d).view(np.uint32))
    return changed, left, right, change, top


@njit(nogil=True, fastmath=_FAST)
def measure(a: Words, b: Words) -> Measured:
    """The same of a block of float32, given as bits."""
    changed = np.uint32(0)
    left = right = change = np.float32(0)
    top = np.uint32(0)
    for i in range(a.shape[0]):
        x = np.uint32(a[i]).view(np.float32)
        y = np.uint32(b[i]).view(np.float32)
        d = abs(np.float32(y - x))
        changed = np.uint32(changed + np.uint32(a[i] != b[i]))
        left += x * x
        right += y * y
        change += d * d
        top = max(top, np.float32(d).view(np.uint32))
    return changed, left, right, change, top


@njit(nogil=True, fastmath=_FAST)
def measure_narrow(
    a: NDArray[Bits], b: NDArray[Bits], width: int, exponent: int, factor: np.float32, limit: int
) -> Measured:
    """The same of a type of `width` bits, so many of them the exponent, that float32 holds when shifted into place.

    The exponent is then corrected by a multiplication with `factor`, right for subnormals too. From `limit` on codes
    without their sign mean no number; a block with one of them comes to NaN.
    """
    sign, mask = np.uint32(32 - width), np.uint32((1 << (width - 1)) - 1)
    place = np.uint32(24 - width + exponent)
    changed = np.uint32(0)
    left = right = change = np.float32(0)
    top = largest = np.uint32(0)
    for i in range(a.shape[0]):
        code, other = np.uint32(a[i]), np.uint32(b[i])
        size, size_other = np.uint32(code & mask), np.uint32(other & mask)
        largest = max(largest, max(size, size_other))
        high, high_other = np.uint32(np.uint32(code ^ size) << sign), np.uint32(np.uint32(other ^ size_other) << sign)
        x = np.uint32(high | np.uint32(size << place)).view(np.float32) * factor
        y = np.uint32(high_other | np.uint32(size_other << place)).view(np.float32) * factor
        d = abs(np.float32(y - x))
        changed = np.uint32(changed + np.uint32(code != other))
        left += x * x
        right += y * y
        change += d * d
        top = max(top, np.float32(d).view(np.uint32))
    if largest >= np.uint32(limit):
        left = np.float32(np.nan)
    return changed, left, right, change, top


@njit(nogil=True)
def noted(measured: Measured, sums: Sums) -> bool:
    """Add what a block has come to, but for its largest change; False, and nothing is added, beyond float32."""
    changed, left, right, change, _ = measured
    if not (_LOW < left < _HIGH and _LOW < right < _HIGH and (changed == 0 or _LOW < change < _HIGH)):
        return False
    sums[CHANGED] += changed
    sums[SQUARES_LEFT] += left
    sums[SQUARES_RIGHT] += right
    sums[SQUARES_CHANGE] += change
    return True


@njit(nogil=True)
def told(measured: Measured, easy: bool, exact: float, sums: Sums) -> bool:
    """Whether nothing is left to be done for a block, whose largest change is taken over where that is possible.

    Changes up to `exact` are not rounded. Others may be, so that one which might be the largest so far is not known.
    """
    if not easy:
        return False
    top = np.float64(np.uint32(measured[4]).view(np.float32))
    if top <= exact:
        sums[MAX] = max(sums[MAX], top)
        return True
    return bool(top * _ROUNDED < sums[MAX])


@njit(nogil=True)
def add_largest(x: Values, y: Values, count: int, sums: Sums) -> None:
    """Take the largest change of a block in float64."""
    top = np.uint64(0)
    for i in range(count):
        top = max(top, np.float64(abs(np.float64(y[i]) - np.float64(x[i]))).view(np.uint64))
    sums[MAX] = max(sums[MAX], np.uint64(top).view(np.float64))


@njit(nogil=True)
def settle(x: Values, y: Values, count: int, measured: Measured, easy: bool, sums: Sums) -> None:
    """Add of a block what float32 could not tell, from its values: the largest change, or all of it."""
    if easy:
        add_largest(x, y, count, sums)
    else:
        add_carefully(x, y, count, int(measured[0]), sums)


@njit(nogil=True)
def widen_bf16(half: NDArray[np.uint16], values: Values) -> None:
    """Widen BF16, the upper half of a float32."""
    bits = values.view(np.uint32)
    for i in range(half.shape[0]):
        bits[i] = np.uint32(half[i]) << np.uint32(16)


@njit(nogil=True)
def widen_f16(half: NDArray[np.uint16], values: Values) -> None:
    """Widen F16: shifted into place, its exponent is corrected by a multiplication, right for subnormals too."""
    bits = values.view(np.uint32)
    for i in range(half.shape[0]):
        wide = np.uint32(half[i])
        bits[i] = ((wide & np.uint32(0x8000)) << np.uint32(16)) | ((wide & np.uint32(0x7FFF)) << np.uint32(13))
    special = np.uint32(0)
    for i in range(half.shape[0]):
        values[i] *= np.float32(2.0**112)
        special += (half[i] & np.uint16(0x7C00)) == np.uint16(0x7C00)
    if special:
        for i in range(half.shape[0]):
            if (half[i] & np.uint16(0x7C00)) == np.uint16(0x7C00):
                values[i] = np.nan


@njit(nogil=True)
def widen_f32(word: NDArray[np.uint32], values: Values) -> None:
    """Take the bits of F32 over."""
    bits = values.view(np.uint32)
    for i in range(word.shape[0]):
        bits[i] = word[i]


@njit(nogil=True)
def widen_f8(codes: NDArray[np.uint8], table: Values, values: Values) -> None:
    """Look every code of eight bits up in the `table` of 256 values."""
    for i in range(codes.shape[0]):
        values[i] = table[codes[i]]


def _entry(kind: str, more: str = "") -> str:
    """The signature of a sum over two pieces of so many elements."""
    return f"void(CPointer({kind}), CPointer({kind}), intp, {more}CPointer(float64), CPointer(float32))"


@cfunc(_entry("uint16"), error_model="numpy")
def add_bf16(a: Place, b: Place, count: int, found: Place, room: Place) -> None:
    """Add BF16."""
    sums, space = carray(found, (_PLACES,)), carray(room, (2 * STRIDE,))
    x, y = space[:STRIDE], space[STRIDE:]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        measured = measure_bf16(left, right)
        easy = noted(measured, sums)
        if told(measured, easy, 0.0, sums):
            continue
        widen_bf16(left, x)
        widen_bf16(right, y)
        settle(x, y, left.shape[0], measured, easy, sums)


@cfunc(_entry("uint16"), error_model="numpy")
def add_f16(a: Place, b: Place, count: int, found: Place, room: Place) -> None:
    """Add F16; infinities count as NaN does, as values that are not finite."""
    sums, space = carray(found, (_PLACES,)), carray(room, (2 * STRIDE,))
    x, y = space[:STRIDE], space[STRIDE:]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        measured = measure_narrow(left, right, 16, 5, np.float32(2.0**112), 0x7C00)
        easy = noted(measured, sums)
        if told(measured, easy, _EXACT_F16, sums):
            continue
        widen_f16(left, x)
        widen_f16(right, y)
        settle(x, y, left.shape[0], measured, easy, sums)


@cfunc(_entry("uint32"), error_model="numpy")
def add_f32(a: Place, b: Place, count: int, found: Place, room: Place) -> None:
    """Add F32, given as bits."""
    sums, space = carray(found, (_PLACES,)), carray(room, (2 * STRIDE,))
    x, y = space[:STRIDE], space[STRIDE:]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        measured = measure(left, right)
        easy = noted(measured, sums)
        if told(measured, easy, 0.0, sums):
            continue
        widen_f32(left, x)
        widen_f32(right, y)
        settle(x, y, left.shape[0], measured, easy, sums)


@cfunc(_entry("uint8", "CPointer(float32), intp, "), error_model="numpy")
def add_f8(a: Place, b: Place, count: int, codes: Place, reckoned: int, found: Place, room: Place) -> None:
    """Add any type of eight bits by the 256 values of its `codes`; E4M3 is faster `reckoned` from its bits."""
    sums, space = carray(found, (_PLACES,)), carray(room, (2 * STRIDE,))
    x, y, table = space[:STRIDE], space[STRIDE:], carray(codes, (256,))
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        if reckoned:
            measured = measure_narrow(left, right, 8, 4, np.float32(2.0**120), 0x7F)
        else:
            widen_f8(left, table, x)
            widen_f8(right, table, y)
            words = x.view(np.uint32)[: left.shape[0]]
            _, squares, others, change, top = measure(words, y.view(np.uint32)[: left.shape[0]])
            measured = (np.uint32(count_changed(left, right)), squares, others, change, top)
        easy = noted(measured, sums)
        if told(measured, easy, _EXACT_E4M3 if reckoned else 0.0, sums):
            continue
        widen_f8(left, table, x)
        widen_f8(right, table, y)
        settle(x, y, left.shape[0], measured, easy, sums)


ENTRIES = (add_bf16, add_f16, add_f32, add_f8)
