"""Compiled arithmetic of fingerprints: sums, counts and the sketch of a piece of a tensor in one pass over it.

Imported through `diptych.tensors.engine` only, as `kernels` is. Values are widened to float32 block by block; a block
with values that are not finite, or too large or small for sums in float32, is taken value by value in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from diptych.tensors.kernels import widen_bf16, widen_f8, widen_f16, widen_f32
from diptych.tensors.sketch import SEED, signs
from diptych.tensors.tally import INFS, MOST, NANS, SQUARES, SUM, ZEROS

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float32]
    Sums: TypeAlias = NDArray[np.float64]
    Masks: TypeAlias = NDArray[np.uint32]

_ROOM = 1024
_PLACES = 8191
_BASE = SEED << 32
_INFINITE = 0x7F800000
_LARGE = 0x5D000000
"""The bits of 6e17 in float32: the squares of a thousand such values still fit."""
_SMALL = 0x2C000000
"""The bits of 2e-12: the square of anything smaller loses digits."""
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True)
def mixed(number: np.uint64) -> np.uint64:
    """SplitMix64."""
    z = number + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True)
def clean(x: Values, count: int, sums: Sums) -> None:
    """Count values that are not finite and put nought in their place; sum the others in float64."""
    for i in range(count):
        value = np.float64(x[i])
        if np.isfinite(value):
            sums[SUM] += value
            sums[SQUARES] += value * value
            sums[MOST] = max(sums[MOST], abs(value))
        else:
            sums[NANS if np.isnan(value) else INFS] += 1
            x[i] = np.float32(0)


@njit(nogil=True, fastmath=_FAST)
def add_sums(x: Values, count: int, sums: Sums) -> None:
    """Add the sum and the sum of squares of a block."""
    total = np.float32(0)
    squares = np.float32(0)
    for i in range(count):
        total += x[i]
        squares += x[i] * x[i]
    sums[SUM] += total
    sums[SQUARES] += squares


@njit(nogil=True)
def add_signed(bits: Masks, masks: Masks, own: np.uint32, room: Masks, target: Sums) -> None:
    """Add values, given as bits, with their signs to as many cells. Slices begin at 0, so that the loops vectorise."""
    for i in range(bits.shape[0]):
        room[i] = bits[i] ^ masks[i] ^ own
    signed = room.view(np.float32)
    for i in range(bits.shape[0]):
        target[i] += signed[i]


@njit(nogil=True)
def largest(bits: Masks) -> np.uint32:
    """The bits of the largest magnitude; those of positive floats sort as the floats do."""
    top = np.uint32(0)
    for i in range(bits.shape[0]):
        top = max(top, bits[i] & np.uint32(0x7FFFFFFF))
    return top


@njit(nogil=True)
def count_zeros(bits: Masks) -> np.uint32:
    """How many values are nought, of either sign."""
    zeros = np.uint32(0)
    for i in range(bits.shape[0]):
        zeros += np.uint32((bits[i] & np.uint32(0x7FFFFFFF)) == np.uint32(0))
    return zeros


@njit(nogil=True)
def add_block(x: Values, room: Masks, block: int, masks: Masks, sums: Sums, sketch: Sums) -> None:
    """Add one block of values; `room` holds as many."""
    bits = x.view(np.uint32)
    count = x.shape[0]
    top = largest(bits)
    sums[ZEROS] += count_zeros(bits)
    if top == np.uint32(0):
        return
    if top > np.uint32(_LARGE) or top < np.uint32(_SMALL):
        clean(x, count, sums)
    else:
        add_sums(x, count, sums)
        room[0] = top
        sums[MOST] = max(sums[MOST], np.float64(room.view(np.float32)[0]))
    cells = sketch.shape[0]
    mixture = mixed(np.uint64(_BASE) + np.uint64(block))
    by = int(mixture & np.uint64(cells - 1))
    begin = int((mixture >> np.uint64(16)) & np.uint64(_PLACES))
    own = np.uint32((mixture >> np.uint64(63)) << np.uint64(31))
    head = min(cells - by, count)
    add_signed(bits[:head], masks[begin : begin + head], own, room, sketch[by : by + head])
    if head < count:
        add_signed(bits[head:], masks[begin + head : begin + count], own, room, sketch[: count - head])


@njit(cache=True, nogil=True)
def add_bf16(raw: NDArray[np.uint16], block: int, masks: Masks, sums: Sums, sketch: Sums) -> None:
    """Add BF16."""
    x = np.empty(_ROOM, np.float32)
    room = np.empty(_ROOM, np.uint32)
    cells = sketch.shape[0]
    for start in range(0, raw.shape[0], cells):
        part = raw[start : start + cells]
        widen_bf16(part, x)
        add_block(x[: part.shape[0]], room, block, masks, sums, sketch)
        block += 1


@njit(cache=True, nogil=True)
def add_f16(raw: NDArray[np.uint16], block: int, masks: Masks, sums: Sums, sketch: Sums) -> None:
    """Add F16; infinities count as NaN does."""
    x = np.empty(_ROOM, np.float32)
    room = np.empty(_ROOM, np.uint32)
    cells = sketch.shape[0]
    for start in range(0, raw.shape[0], cells):
        part = raw[start : start + cells]
        widen_f16(part, x)
        add_block(x[: part.shape[0]], room, block, masks, sums, sketch)
        block += 1


@njit(cache=True, nogil=True)
def add_f32(raw: NDArray[np.uint32], block: int, masks: Masks, sums: Sums, sketch: Sums) -> None:
    """Add F32, given as bits."""
    x = np.empty(_ROOM, np.float32)
    room = np.empty(_ROOM, np.uint32)
    cells = sketch.shape[0]
    for start in range(0, raw.shape[0], cells):
        part = raw[start : start + cells]
        widen_f32(part, x)
        add_block(x[: part.shape[0]], room, block, masks, sums, sketch)
        block += 1


@njit(cache=True, nogil=True)
def add_f8(raw: NDArray[np.uint8], table: Values, block: int, masks: Masks, sums: Sums, sketch: Sums) -> None:
    """Add any type of eight bits by the table of its values."""
    x = np.empty(_ROOM, np.float32)
    room = np.empty(_ROOM, np.uint32)
    cells = sketch.shape[0]
    for start in range(0, raw.shape[0], cells):
        part = raw[start : start + cells]
        widen_f8(part, table, x)
        add_block(x[: part.shape[0]], room, block, masks, sums, sketch)
        block += 1


def add(dtype: str, raw: NDArray[np.uint8], table: Values | None, first: int, sums: Sums, sketch: Sums) -> None:
    """Add a piece of a tensor, given as bytes, that begins with the element `first`, which begins a block."""
    block = first // len(sketch)
    if table is not None:
        add_f8(_aligned(raw, "u1"), table, block, signs(), sums, sketch)
    elif dtype == "F32":
        add_f32(_aligned(raw, "<u4"), block, signs(), sums, sketch)
    else:
        (add_bf16 if dtype == "BF16" else add_f16)(_aligned(raw, "<u2"), block, signs(), sums, sketch)


def _aligned(raw: NDArray[np.uint8], kind: str) -> NDArray[np.unsignedinteger]:
    numbers = raw.view(kind)
    if not numbers.flags.aligned:
        numbers = numbers.copy()
    numbers.flags.writeable = False
    return numbers


def fill_cache() -> None:
    """Compile every function for the arrays that it will be given."""
    nothing = np.empty(0, np.uint8)
    for dtype in ("BF16", "F16", "F32"):
        add(dtype, nothing, None, 0, np.zeros(6), np.zeros(64))
    table = np.zeros(256, np.float32)
    table.flags.writeable = False
    add("F8", nothing, table, 0, np.zeros(6), np.zeros(64))
