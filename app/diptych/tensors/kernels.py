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
    Values: TypeAlias = NDArray[np.float32]
    Sums: TypeAlias = NDArray[np.float64]
    Place: TypeAlias = Any

_PLACES = 9
"""As many as there are sums."""
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
def squares(x: Values, count: int) -> np.float32:
    """The sum of squares in float32."""
    total = np.float32(0)
    for i in range(count):
        total += x[i] * x[i]
    return total


@njit(nogil=True)
def largest(x: Values, y: Values, d: Values, count: int) -> np.uint32:
    """Write the changes to `d` and return the bits of the largest; bits of positive floats sort as the floats do."""
    bits = d.view(np.uint32)
    for i in range(count):
        d[i] = abs(y[i] - x[i])
    top = np.uint32(0)
    for i in range(count):
        top = max(top, bits[i])
    return top


@njit(nogil=True)
def add_block(x: Values, y: Values, d: Values, count: int, changed: int, sums: Sums) -> None:
    """Add one block of values; `d` is room for their changes and one value more."""
    left = squares(x, count)
    if changed == 0:
        if _LOW < left < _HIGH:
            sums[SQUARES_LEFT] += left
            sums[SQUARES_RIGHT] += left
        else:
            add_carefully(x, x, count, 0, sums)
        return
    right = squares(y, count)
    top = largest(x, y, d, count)
    change = squares(d, count)
    if not (_LOW < left < _HIGH and _LOW < right < _HIGH and _LOW < change < _HIGH):
        add_carefully(x, y, count, changed, sums)
        return
    sums[CHANGED] += changed
    sums[SQUARES_LEFT] += left
    sums[SQUARES_RIGHT] += right
    sums[SQUARES_CHANGE] += change
    bits = d.view(np.uint32)
    # the difference of two float32 is rounded: where it may be the largest so far, it is taken again in float64
    d[count] = np.float32(sums[MAX])
    if top >= bits[count]:
        for i in range(count):
            if bits[i] == top:
                sums[MAX] = max(sums[MAX], abs(np.float64(y[i]) - np.float64(x[i])))


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
    sums = carray(found, (_PLACES,))
    space = carray(room, (3 * STRIDE,))
    x, y, d = space[:STRIDE], space[STRIDE : 2 * STRIDE], space[2 * STRIDE :]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        changed = count_changed(left, right)
        widen_bf16(left, x)
        if changed:
            widen_bf16(right, y)
        add_block(x, y, d, left.shape[0], changed, sums)


@cfunc(_entry("uint16"), error_model="numpy")
def add_f16(a: Place, b: Place, count: int, found: Place, room: Place) -> None:
    """Add F16; infinities count as NaN does, as values that are not finite."""
    sums = carray(found, (_PLACES,))
    space = carray(room, (3 * STRIDE,))
    x, y, d = space[:STRIDE], space[STRIDE : 2 * STRIDE], space[2 * STRIDE :]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        changed = count_changed(left, right)
        widen_f16(left, x)
        if changed:
            widen_f16(right, y)
        add_block(x, y, d, left.shape[0], changed, sums)


@cfunc(_entry("uint32"), error_model="numpy")
def add_f32(a: Place, b: Place, count: int, found: Place, room: Place) -> None:
    """Add F32, given as bits."""
    sums = carray(found, (_PLACES,))
    space = carray(room, (3 * STRIDE,))
    x, y, d = space[:STRIDE], space[STRIDE : 2 * STRIDE], space[2 * STRIDE :]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        changed = count_changed(left, right)
        widen_f32(left, x)
        if changed:
            widen_f32(right, y)
        add_block(x, y, d, left.shape[0], changed, sums)


@cfunc(_entry("uint8", "CPointer(float32), "), error_model="numpy")
def add_f8(a: Place, b: Place, count: int, codes: Place, found: Place, room: Place) -> None:
    """Add any type of eight bits by the 256 values of its `codes`."""
    sums = carray(found, (_PLACES,))
    space = carray(room, (3 * STRIDE,))
    x, y, d = space[:STRIDE], space[STRIDE : 2 * STRIDE], space[2 * STRIDE :]
    table = carray(codes, (256,))
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        changed = count_changed(left, right)
        widen_f8(left, table, x)
        if changed:
            widen_f8(right, table, y)
        add_block(x, y, d, left.shape[0], changed, sums)


ENTRIES = (add_bf16, add_f16, add_f32, add_f8)
