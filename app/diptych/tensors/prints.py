"""Compiled arithmetic of fingerprints: sums, counts and the sketch of a piece of a tensor, block by block in the cache.

Imported by `diptych.tensors.compiling` only, as `kernels` is. A block is summed up and added to its cells in float32;
the cells are twice as many as those of the sketch, so that a turned block needs no wrapping, and are added to it in
float64 every few blocks. A block with values that are not finite, or too large or small for sums in float32, is summed
up value by value in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cfunc, njit
from numba.np.numpy_support import carray

from diptych.tensors.kernels import widen_bf16, widen_f8, widen_f16, widen_f32
from diptych.tensors.rooms import MASKS, ROOM
from diptych.tensors.sketch import SEED
from diptych.tensors.tally import INFS, MOST, NANS, SQUARES, SUM, ZEROS

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float32]
    Sums: TypeAlias = NDArray[np.float64]
    Halves: TypeAlias = NDArray[np.uint16]
    Words: TypeAlias = NDArray[np.uint32]
    Place: TypeAlias = Any

_SUMS_OF = 6
"""As many as there are sums."""
_PLACES = 8191
_BASE = SEED << 32
_TOGETHER = 16
"""Blocks that are added in float32 before they go to the sketch."""
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
def turn(block: int, cells: int) -> tuple[int, int, np.uint32]:
    """Of a block: by how many cells it is turned, where its signs begin, and the mask of its own sign."""
    mixture = mixed(np.uint64(_BASE) + np.uint64(block))
    by = int(mixture & np.uint64(cells - 1))
    begin = int((mixture >> np.uint64(16)) & np.uint64(_PLACES))
    return by, begin, np.uint32((mixture >> np.uint64(63)) << np.uint64(31))


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
def spread_bf16(raw: Halves, masks: Halves, own: np.uint32, room: Values) -> tuple[np.float32, np.float32]:
    """Add BF16 with their signs to as many cells; return their sum and the sum of their squares."""
    total = np.float32(0)
    squares = np.float32(0)
    for i in range(raw.shape[0]):
        bits = np.uint32(raw[i]) << np.uint32(16)
        signed = np.uint32(np.uint32(bits) ^ np.uint32(np.uint32(masks[i]) << np.uint32(16)) ^ own).view(np.float32)
        total += np.uint32(bits).view(np.float32)
        squares += signed * signed
        room[i] += signed
    return total, squares


@njit(nogil=True, fastmath=_FAST)
def spread(raw: Words, masks: Halves, own: np.uint32, room: Values) -> tuple[np.float32, np.float32]:
    """Add values of float32, given as bits, in the same way."""
    total = np.float32(0)
    squares = np.float32(0)
    for i in range(raw.shape[0]):
        signed = np.uint32(raw[i] ^ np.uint32(np.uint32(masks[i]) << np.uint32(16)) ^ own).view(np.float32)
        total += np.uint32(raw[i]).view(np.float32)
        squares += signed * signed
        room[i] += signed
    return total, squares


@njit(nogil=True)
def largest_bf16(raw: Halves) -> tuple[np.uint32, np.uint16]:
    """The bits of the largest magnitude, which sort as the values do, and how many values are nought."""
    top = np.uint16(0)
    zeros = np.uint16(0)
    for i in range(raw.shape[0]):
        size = np.uint16(raw[i] & np.uint16(0x7FFF))
        top = max(top, size)
        zeros = np.uint16(zeros + np.uint16(size == np.uint16(0)))
    return np.uint32(np.uint32(top) << np.uint32(16)), zeros


@njit(nogil=True)
def largest(raw: Words) -> tuple[np.uint32, np.uint32]:
    """The same of float32, given as bits."""
    top = np.uint32(0)
    zeros = np.uint32(0)
    for i in range(raw.shape[0]):
        size = np.uint32(raw[i] & np.uint32(0x7FFFFFFF))
        top = max(top, size)
        zeros = np.uint32(zeros + np.uint32(size == np.uint32(0)))
    return top, zeros


@njit(nogil=True)
def fits(top: np.uint32) -> bool:
    """Whether values up to this size, as bits, can be summed up in float32."""
    return bool(np.uint32(_SMALL) <= top <= np.uint32(_LARGE))


@njit(nogil=True)
def note(total: np.float32, squares: np.float32, top: np.uint32, sums: Sums) -> None:
    """Take over what float32 has summed up of a block."""
    sums[SUM] += total
    sums[SQUARES] += squares
    sums[MOST] = max(sums[MOST], np.float64(np.uint32(top).view(np.float32)))


@njit(nogil=True)
def flush(room: Values, sketch: Sums) -> None:
    """Add the cells to the sketch and empty them."""
    cells = sketch.shape[0]
    for i in range(cells):
        sketch[i] += np.float64(room[i]) + np.float64(room[i + cells])
        room[i] = np.float32(0)
        room[i + cells] = np.float32(0)


@njit(nogil=True)
def add_block(x: Values, block: int, masks: Halves, sums: Sums, room: Values) -> None:
    """Add one block of values to the sums and to the cells in `room`."""
    bits = x.view(np.uint32)
    count = x.shape[0]
    top, zeros = largest(bits)
    sums[ZEROS] += zeros
    if top == np.uint32(0):
        return
    easy = fits(top)
    if not easy:
        clean(x, count, sums)
    by, begin, own = turn(block, room.shape[0] // 2)
    total, squares = spread(bits, masks[begin : begin + count], own, room[by : by + count])
    if easy:
        note(total, squares, top, sums)


@njit(nogil=True)
def count_infinite(raw: Halves) -> np.uint16:
    """How many of F16 are infinite."""
    found = np.uint16(0)
    for i in range(raw.shape[0]):
        found = np.uint16(found + np.uint16(np.uint16(raw[i] & np.uint16(0x7FFF)) == np.uint16(0x7C00)))
    return found


def _entry(kind: str, more: str = "") -> str:
    """The signature of a piece of so many elements that begins with a block, to be added to so many cells."""
    piece, signs, sums, room = (f"CPointer({each})" for each in (kind, "uint16", "float64", "float32"))
    return f"void({piece}, intp, {more}intp, {signs}, {sums}, {sums}, intp, {room})"


@cfunc(_entry("uint16"), error_model="numpy")
def print_bf16(
    raw: Place, count: int, block: int, signs: Place, found: Place, sketched: Place, cells: int, space: Place
) -> None:
    """Add BF16."""
    masks, sums, sketch = carray(signs, (MASKS,)), carray(found, (_SUMS_OF,)), carray(sketched, (cells,))
    x, room = carray(space, (ROOM,)), carray(space, (ROOM + 2 * cells,))[ROOM:]
    held = 0
    for start in range(0, count, cells):
        part = carray(raw, (count,))[start : start + cells]
        top, zeros = largest_bf16(part)
        if fits(top):
            sums[ZEROS] += zeros
            by, begin, own = turn(block, cells)
            total, squares = spread_bf16(part, masks[begin : begin + part.shape[0]], own, room[by : by + part.shape[0]])
            note(total, squares, top, sums)
        else:
            widen_bf16(part, x)
            add_block(x[: part.shape[0]], block, masks, sums, room)
        block += 1
        held += 1
        if held == _TOGETHER:
            flush(room, sketch)
            held = 0
    flush(room, sketch)


@cfunc(_entry("uint16"), error_model="numpy")
def print_f16(
    raw: Place, count: int, block: int, signs: Place, found: Place, sketched: Place, cells: int, space: Place
) -> None:
    """Add F16."""
    masks, sums, sketch = carray(signs, (MASKS,)), carray(found, (_SUMS_OF,)), carray(sketched, (cells,))
    x, room = carray(space, (ROOM,)), carray(space, (ROOM + 2 * cells,))[ROOM:]
    held = 0
    for start in range(0, count, cells):
        part = carray(raw, (count,))[start : start + cells]
        widen_f16(part, x)
        add_block(x[: part.shape[0]], block, masks, sums, room)
        infinite = count_infinite(part)
        sums[INFS] += infinite
        # widened, they were NaN
        sums[NANS] -= infinite
        block += 1
        held += 1
        if held == _TOGETHER:
            flush(room, sketch)
            held = 0
    flush(room, sketch)


@cfunc(_entry("uint32"), error_model="numpy")
def print_f32(
    raw: Place, count: int, block: int, signs: Place, found: Place, sketched: Place, cells: int, space: Place
) -> None:
    """Add F32, given as bits."""
    masks, sums, sketch = carray(signs, (MASKS,)), carray(found, (_SUMS_OF,)), carray(sketched, (cells,))
    x, room = carray(space, (ROOM,)), carray(space, (ROOM + 2 * cells,))[ROOM:]
    held = 0
    for start in range(0, count, cells):
        part = carray(raw, (count,))[start : start + cells]
        widen_f32(part, x)
        add_block(x[: part.shape[0]], block, masks, sums, room)
        block += 1
        held += 1
        if held == _TOGETHER:
            flush(room, sketch)
            held = 0
    flush(room, sketch)


@cfunc(_entry("uint8", "CPointer(float32), "), error_model="numpy")
def print_f8(
    raw: Place,
    count: int,
    codes: Place,
    block: int,
    signs: Place,
    found: Place,
    sketched: Place,
    cells: int,
    space: Place,
) -> None:
    """Add any type of eight bits by the 256 values of its `codes`."""
    masks, sums, sketch = carray(signs, (MASKS,)), carray(found, (_SUMS_OF,)), carray(sketched, (cells,))
    x, room = carray(space, (ROOM,)), carray(space, (ROOM + 2 * cells,))[ROOM:]
    table = carray(codes, (256,))
    held = 0
    for start in range(0, count, cells):
        part = carray(raw, (count,))[start : start + cells]
        widen_f8(part, table, x)
        add_block(x[: part.shape[0]], block, masks, sums, room)
        block += 1
        held += 1
        if held == _TOGETHER:
            flush(room, sketch)
            held = 0
    flush(room, sketch)


ENTRIES = (print_bf16, print_f16, print_f32, print_f8)
