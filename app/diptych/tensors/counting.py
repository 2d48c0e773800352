"""Compiled counting for histograms: how often every value of two pieces comes, and every size of change.

Imported by `diptych.tensors.compiling` only, as `kernels` is. Values are told apart by the upper half of their float32,
changes by the sign and the exponent of their float64. A block becomes such keys in loops over vectors; they are then
counted one by one, from all three lists in turn, since a count that was just written is slow to be raised again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cfunc, njit
from numba.np.numpy_support import carray

from diptych.tensors.kernels import widen_f16
from diptych.tensors.rooms import BLOCK, HALVES, OCTAVES, STRIDE

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Keys: TypeAlias = NDArray[np.uint16]
    Values: TypeAlias = NDArray[np.float32]
    Counts: TypeAlias = NDArray[np.int64]
    Place: TypeAlias = Any


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
    left, right, change = found[:HALVES], found[HALVES : 2 * HALVES], found[2 * HALVES :]
    for i in range(count):
        left[a[i]] += 1
        right[b[i]] += 1
        change[changes[i]] += 1


@njit(nogil=True)
def count_values(x: Values, y: Values, count: int, keys: Keys, found: Counts) -> None:
    """Count a block of values."""
    a, b, changes = keys[:BLOCK], keys[BLOCK : 2 * BLOCK], keys[2 * BLOCK :]
    halves_of(x, count, a)
    halves_of(y, count, b)
    octaves_of(x, y, count, changes)
    raise_counts(a, b, changes, count, found)


def _entry(kind: str) -> str:
    """The signature of counting two pieces of so many elements, with room for values and for keys."""
    return f"void(CPointer({kind}), CPointer({kind}), intp, CPointer(int64), CPointer(float32), CPointer(uint16))"


@cfunc(_entry("uint16"), error_model="numpy")
def count_bf16(a: Place, b: Place, count: int, found: Place, _room: Place, places: Place) -> None:
    """Count BF16, which is the upper half of a float32."""
    counts, keys = carray(found, (2 * HALVES + OCTAVES,)), carray(places, (3 * BLOCK,))
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        octaves_of_bf16(left, right, left.shape[0], keys)
        raise_counts(left, right, keys, left.shape[0], counts)


@cfunc(_entry("uint16"), error_model="numpy")
def count_f16(a: Place, b: Place, count: int, found: Place, room: Place, places: Place) -> None:
    """Count F16."""
    counts, keys = carray(found, (2 * HALVES + OCTAVES,)), carray(places, (3 * BLOCK,))
    space = carray(room, (2 * STRIDE,))
    x, y = space[:STRIDE], space[STRIDE:]
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        widen_f16(left, x)
        widen_f16(carray(b, (count,))[start : start + BLOCK], y)
        count_values(x, y, left.shape[0], keys, counts)


@cfunc(_entry("float32"), error_model="numpy")
def count_f32(a: Place, b: Place, count: int, found: Place, _room: Place, places: Place) -> None:
    """Count F32."""
    counts, keys = carray(found, (2 * HALVES + OCTAVES,)), carray(places, (3 * BLOCK,))
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        right = carray(b, (count,))[start : start + BLOCK]
        count_values(left, right, left.shape[0], keys, counts)


@cfunc("void(CPointer(uint8), CPointer(uint8), intp, CPointer(int64))", error_model="numpy")
def count_codes(a: Place, b: Place, count: int, found: Place) -> None:
    """Count the pairs of codes of types of eight bits: those of A times 256, and those of B."""
    left, right, counts = carray(a, (count,)), carray(b, (count,)), carray(found, (HALVES,))
    for i in range(count):
        counts[np.intp(left[i]) << 8 | np.intp(right[i])] += 1


ENTRIES = (count_bf16, count_f16, count_f32, count_codes)
