"""Compiled counting for histograms: how often every value of two pieces comes, and every size of change.

Imported by `diptych.tensors.compiling` only, as `kernels` is. Values of 16 bits are told apart by their codes, others
by the upper half of their float32; changes by the sign and the exponent of their float64.

A block becomes such keys in loops over vectors; they are then counted one by one, from all three lists in turn, since a
count that was just written is slow to be raised again. Changes of F16 are told without widening them in memory, and
counted two at a time: most have one of few exponents, which with the sign make a slot of seven bits, and there is a
count for every two slots of neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cfunc, njit
from numba.np.numpy_support import carray

from diptych.tensors.kernels import widen_f16
from diptych.tensors.rooms import BLOCK, COUNTS, HALVES, LOWEST_OCTAVE, OCTAVES, SLOT_STRIDE, SLOTS, STRIDE

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Keys: TypeAlias = NDArray[np.uint16]
    Slots: TypeAlias = NDArray[np.uint8]
    Values: TypeAlias = NDArray[np.float32]
    Counts: TypeAlias = NDArray[np.int64]
    Place: TypeAlias = Any


_SIGN = SLOTS // 2
"""What a slot of the negative has more."""
_OCTAVES = _SIGN - 1
"""How many octaves of either sign have slots."""
_LOWEST_SINGLE = LOWEST_OCTAVE - 1023 + 127
"""The lowest octave with a slot by the exponent in a float32."""


@njit(nogil=True)
def slots_of_f16(a: Keys, b: Keys, count: int, slots: Slots) -> np.uint32:
    """The slots of the changes of F16; what is returned is `_OCTAVES` or more where any has none.

    A float32 holds such a change up to 1, a multiple of 2^-24, and the exponent of one up to 2.
    """
    seen = np.uint32(0)
    for i in range(count):
        code, other = np.uint32(a[i]), np.uint32(b[i])
        size, size_other = np.uint32(code & np.uint32(0x7FFF)), np.uint32(other & np.uint32(0x7FFF))
        high = np.uint32(np.uint32(code ^ size) << np.uint32(16))
        high_other = np.uint32(np.uint32(other ^ size_other) << np.uint32(16))
        x = np.uint32(high | np.uint32(size << np.uint32(13))).view(np.float32) * np.float32(2.0**112)
        y = np.uint32(high_other | np.uint32(size_other << np.uint32(13))).view(np.float32) * np.float32(2.0**112)
        bits = np.float32(y - x).view(np.uint32)
        special = max(size, size_other) >= np.uint32(0x7C00)
        octave = np.uint32(np.uint32(bits >> np.uint32(23)) & np.uint32(0xFF))
        some = np.uint32(np.uint32(bits << np.uint32(1)) != 0)
        above = np.uint32(octave - np.uint32(_LOWEST_SINGLE)) if some else np.uint32(0)
        seen = max(seen, np.uint32(_OCTAVES) if special else above)
        slots[i] = np.uint8(
            np.uint32(np.uint32(above + some) | np.uint32(np.uint32(bits >> np.uint32(25)) & np.uint32(_SIGN)))
        )
    return seen


@njit(nogil=True)
def octaves_of(x: Values, y: Values, count: int, keys: Keys) -> None:
    """The octave of each change: the sign and the exponent of its float64."""
    for i in range(count):
        change = np.float64(y[i]) - np.float64(x[i])
        keys[i] = np.uint16(np.float64(change).view(np.uint64) >> np.uint64(52))


@njit(nogil=True)
def octaves_of_bf16(a: Keys, b: Keys, count: int, keys: Keys) -> None:
    """The same of BF16, which need not be widened in memory."""
    for i in range(count):
        x = np.uint32(np.uint32(a[i]) << np.uint32(16)).view(np.float32)
        y = np.uint32(np.uint32(b[i]) << np.uint32(16)).view(np.float32)
        change = np.float64(y) - np.float64(x)
        keys[i] = np.uint16(np.float64(change).view(np.uint64) >> np.uint64(52))


@njit(nogil=True)
def halves_of(values: Values, count: int, keys: Keys) -> None:
    """The upper half of each value."""
    bits = values.view(np.uint32)
    for i in range(count):
        keys[i] = np.uint16(bits[i] >> np.uint32(16))


@njit(nogil=True)
def raise_counts(a: Keys, b: Keys, changes: Keys, count: int, found: Counts) -> None:
    """Count the keys of a block: those of A, of B and of the change have their places behind one another."""
    left, right, change = found[:HALVES], found[HALVES : 2 * HALVES], found[2 * HALVES : 2 * HALVES + OCTAVES]
    for i in range(count):
        left[a[i]] += 1
        right[b[i]] += 1
        change[changes[i]] += 1


@njit(nogil=True)
def raise_by_slots(a: Keys, b: Keys, slots: Slots, found: Counts) -> None:
    """Count the keys of A and of B of a whole block, and the slots of the change by twos."""
    left, right, change = found[:HALVES], found[HALVES : 2 * HALVES], found[2 * HALVES + OCTAVES :]
    for i in range(BLOCK):
        left[a[i]] += 1
    for i in range(BLOCK):
        right[b[i]] += 1
    for i in range(0, BLOCK, 2):
        change[np.intp(slots[i]) * SLOT_STRIDE + np.intp(slots[i + 1])] += 1


def _entry(kind: str) -> str:
    """The signature of counting two pieces of so many elements, with room for values and for keys."""
    return f"void(CPointer({kind}), CPointer({kind}), intp, CPointer(int64), CPointer(float32), CPointer(uint16))"


@cfunc(_entry("uint16"), error_model="numpy")
def count_bf16(a: Place, b: Place, count: int, found: Place, _room: Place, places: Place) -> None:
    """Count BF16 by its codes, which are the upper halves of float32."""
    counts, keys = carray(found, (COUNTS,)), carray(places, (3 * BLOCK,))
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        octaves_of_bf16(left, right, left.shape[0], keys)
        raise_counts(left, right, keys, left.shape[0], counts)


@cfunc(_entry("uint16"), error_model="numpy")
def count_f16(a: Place, b: Place, count: int, found: Place, room: Place, places: Place) -> None:
    """Count F16 by its codes."""
    counts, keys = carray(found, (COUNTS,)), carray(places, (3 * BLOCK,))
    slots, space = keys.view(np.uint8), carray(room, (2 * STRIDE,))
    x, y = space[:STRIDE], space[STRIDE:]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        size = left.shape[0]
        if size == BLOCK and slots_of_f16(left, right, BLOCK, slots) < _OCTAVES:
            raise_by_slots(left, right, slots, counts)
        else:
            widen_f16(left, x)
            widen_f16(right, y)
            octaves_of(x, y, size, keys)
            raise_counts(left, right, keys, size, counts)


@cfunc(_entry("float32"), error_model="numpy")
def count_f32(a: Place, b: Place, count: int, found: Place, _room: Place, places: Place) -> None:
    """Count F32 by upper halves."""
    counts, keys = carray(found, (COUNTS,)), carray(places, (3 * BLOCK,))
    halves, others, changes = keys[:BLOCK], keys[BLOCK : 2 * BLOCK], keys[2 * BLOCK :]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        halves_of(left, left.shape[0], halves)
        halves_of(right, left.shape[0], others)
        octaves_of(left, right, left.shape[0], changes)
        raise_counts(halves, others, changes, left.shape[0], counts)


@cfunc("void(CPointer(uint8), CPointer(uint8), intp, CPointer(int64))", error_model="numpy")
def count_codes(a: Place, b: Place, count: int, found: Place) -> None:
    """Count the pairs of codes of types of eight bits: those of A times 256, and those of B."""
    left, right, counts = carray(a, (count,)), carray(b, (count,)), carray(found, (HALVES,))
    for i in range(count):
        counts[np.intp(left[i]) << 8 | np.intp(right[i])] += 1


ENTRIES = (count_bf16, count_f16, count_f32, count_codes)
