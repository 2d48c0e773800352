"""Compiled arithmetic of fingerprints: sums, counts and the sketch of a piece of a tensor, group by group in the cache.

Imported by `diptych.tensors.compiling` only, as `kernels` is. A group is looked through for its largest magnitude and
for noughts, then summed up and added to its cells in one loop, in float32. The cells are twice as many as those of the
sketch, so that a turned block needs no wrapping, and are added to it in float64 every few groups. A group with values
that are not finite, or too large or small for sums in float32, is done value by value in float64.

BF16 is taken two at a time, as the halves of a word: a shift and a mask widen them, where one at a time each had to be
moved to a place of its own first. Values at even and odd places then meet, and so do cells: the even cells lie in front
of the odd ones, and the signs are there a second time, a place further on, for blocks that begin at an odd one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cfunc, njit
from numba.np.numpy_support import carray

from diptych.tensors.kernels import widen_bf16, widen_f8, widen_f16
from diptych.tensors.rooms import GROUP, MASKS, SHIFTED
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
_TOGETHER = 8
"""Groups that are added in float32 before they go to the sketch."""
_LARGE = 0x5D000000
"""The bits of 6e17 in float32: the squares of a thousand such values still fit."""
_SMALL = 0x2C000000
"""The bits of 2e-12: the square of anything smaller loses digits."""
_UPPER = 0xFFFF0000
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True)
def mixed(number: np.uint64) -> np.uint64:
    """SplitMix64."""
    z = number + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True, forceinline=True)
def turn(block: int, cells: int) -> tuple[int, int, np.uint32]:
    """Of a block: by how many cells it is turned, where its signs begin, and the mask of its own sign."""
    mixture = mixed(np.uint64(_BASE) + np.uint64(block))
    by = int(mixture & np.uint64(cells - 1))
    begin = int((mixture >> np.uint64(16)) & np.uint64(_PLACES))
    return by, begin, np.uint32((mixture >> np.uint64(63)) << np.uint64(31))


@njit(nogil=True)
def add_carefully(words: Words, block: int, masks: Halves, sums: Sums, sketch: Sums) -> None:
    """Add values, given as the bits of float32, one by one in float64; of those that are not finite only the number."""
    cells = sketch.shape[0]
    for start in range(0, words.shape[0], cells):
        by, begin, own = turn(block, cells)
        block += 1
        for i in range(min(cells, words.shape[0] - start)):
            bits = np.uint32(words[start + i])
            value = np.float64(bits.view(np.float32))
            if not np.isfinite(value):
                sums[NANS if np.isnan(value) else INFS] += 1
                continue
            sums[SUM] += value
            sums[SQUARES] += value * value
            sums[MOST] = max(sums[MOST], abs(value))
            sums[ZEROS] += value == 0
            mask = np.uint32(np.uint32(np.uint32(masks[begin + i]) << np.uint32(16)) ^ own)
            sketch[(by + i) & (cells - 1)] += -value if mask else value


@njit(nogil=True, fastmath=_FAST, forceinline=True)
def spread_pairs(
    words: Words, masks: Words, own: np.uint32, first: Values, second: Values, count: int
) -> tuple[np.float32, np.float32]:
    """Add so many pairs of BF16 with their signs to two rows of cells; return their sum and that of the squares."""
    total = np.float32(0)
    squares = np.float32(0)
    for i in range(count):
        low = np.uint32(np.uint32(words[i]) << np.uint32(16)).view(np.float32)
        high = np.uint32(words[i] & np.uint32(_UPPER)).view(np.float32)
        total += low + high
        squares += low * low + high * high
        signed = np.uint32(words[i] ^ masks[i] ^ own)
        first[i] += np.uint32(signed << np.uint32(16)).view(np.float32)
        second[i] += np.uint32(signed & np.uint32(_UPPER)).view(np.float32)
    return total, squares


@njit(nogil=True, fastmath=_FAST, forceinline=True)
def spread(words: Words, masks: Halves, own: np.uint32, room: Values, count: int) -> tuple[np.float32, np.float32]:
    """Add so many values, given as the bits of float32, in the same way to one row."""
    total = np.float32(0)
    squares = np.float32(0)
    for i in range(count):
        signed = np.uint32(words[i] ^ np.uint32(np.uint32(masks[i]) << np.uint32(16)) ^ own).view(np.float32)
        total += np.uint32(words[i]).view(np.float32)
        squares += signed * signed
        room[i] += signed
    return total, squares


@njit(nogil=True)
def largest_bf16(raw: Halves) -> tuple[np.uint32, int]:
    """The bits of the largest magnitude, which sort as the values do, and how many values are nought."""
    top = np.uint16(0)
    some = np.uint16(0)
    for i in range(raw.shape[0]):
        size = np.uint16(raw[i] & np.uint16(0x7FFF))
        top = max(top, size)
        some = np.uint16(some + min(size, np.uint16(1)))
    return np.uint32(np.uint32(top) << np.uint32(16)), raw.shape[0] - int(some)


@njit(nogil=True)
def largest(words: Words) -> tuple[np.uint32, int]:
    """The same of float32, given as bits."""
    top = np.uint32(0)
    some = np.uint32(0)
    for i in range(words.shape[0]):
        size = np.uint32(words[i] & np.uint32(0x7FFFFFFF))
        top = max(top, size)
        some = np.uint32(some + min(size, np.uint32(1)))
    return top, words.shape[0] - int(some)


@njit(nogil=True)
def fits(top: np.uint32) -> bool:
    """Whether values up to this size, as bits, can be summed up in float32."""
    return bool(np.uint32(_SMALL) <= top <= np.uint32(_LARGE))


@njit(nogil=True)
def note(top: np.uint32, zeros: int, sums: Sums) -> None:
    """Take over what a look through a group has found."""
    sums[ZEROS] += zeros
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
def flush_pairs(room: Values, sketch: Sums) -> None:
    """The same where the even cells lie in front of the odd ones."""
    cells = sketch.shape[0]
    half = cells // 2
    for i in range(half):
        sketch[2 * i] += np.float64(room[i]) + np.float64(room[i + half])
        sketch[2 * i + 1] += np.float64(room[i + cells]) + np.float64(room[i + cells + half])
        room[i] = room[i + half] = room[i + cells] = room[i + cells + half] = np.float32(0)


@njit(nogil=True)
def add_group(words: Words, block: int, masks: Halves, sums: Sums, sketch: Sums, room: Values) -> None:
    """Add a group of values, given as the bits of float32, to the sums and to the cells in `room`."""
    top, zeros = largest(words)
    if top == np.uint32(0):
        sums[ZEROS] += zeros
        return
    if not fits(top):
        add_carefully(words, block, masks, sums, sketch)
        return
    note(top, zeros, sums)
    cells = sketch.shape[0]
    for start in range(0, words.shape[0], cells):
        by, begin, own = turn(block, cells)
        count = min(cells, words.shape[0] - start)
        total, squares = spread(words[start:], masks[begin:], own, room[by:], count)
        sums[SUM] += total
        sums[SQUARES] += squares
        block += 1


@njit(nogil=True)
def add_pairs(words: Words, block: int, masks: Words, cells: int, sums: Sums, room: Values) -> None:
    """Add whole blocks of BF16 in pairs, all of which fit into sums in float32."""
    half = cells // 2
    for start in range(0, words.shape[0], half):
        by, begin, own = turn(block, cells)
        own = np.uint32(own | (own >> np.uint32(16)))
        signs = masks[(begin >> 1) + (begin & 1) * (SHIFTED // 2) :]
        # turned by an odd number of cells, what stands at even places goes to odd cells
        odd = by & 1
        first, second = room[(by >> 1) + odd * cells :], room[(by >> 1) + cells - odd * (cells - 1) :]
        total, squares = spread_pairs(words[start:], signs, own, first, second, half)
        sums[SUM] += total
        sums[SQUARES] += squares
        block += 1


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
    x, room = carray(space, (GROUP,)), carray(space, (GROUP + 2 * cells,))[GROUP:]
    bits, pairs = x.view(np.uint32), masks.view(np.uint32)
    held = 0
    for start in range(0, count, GROUP):
        part = carray(raw, (count,))[start : start + GROUP]
        whole = part.shape[0] // cells * cells
        top, zeros = largest_bf16(part[:whole])
        done = 0
        if fits(top):
            note(top, zeros, sums)
            add_pairs(part[:whole].view(np.uint32), block, pairs, cells, sums, room)
            done = whole
        elif top == np.uint32(0):
            sums[ZEROS] += whole
            done = whole
        if done < part.shape[0]:
            widen_bf16(part, x)
            add_carefully(bits[done : part.shape[0]], block + done // cells, masks, sums, sketch)
        block += GROUP // cells
        held += 1
        if held == _TOGETHER:
            flush_pairs(room, sketch)
            held = 0
    flush_pairs(room, sketch)


@cfunc(_entry("uint16"), error_model="numpy")
def print_f16(
    raw: Place, count: int, block: int, signs: Place, found: Place, sketched: Place, cells: int, space: Place
) -> None:
    """Add F16."""
    masks, sums, sketch = carray(signs, (MASKS,)), carray(found, (_SUMS_OF,)), carray(sketched, (cells,))
    x, room = carray(space, (GROUP,)), carray(space, (GROUP + 2 * cells,))[GROUP:]
    bits = x.view(np.uint32)
    held = 0
    for start in range(0, count, GROUP):
        part = carray(raw, (count,))[start : start + GROUP]
        widen_f16(part, x)
        add_group(bits[: part.shape[0]], block, masks, sums, sketch, room)
        infinite = count_infinite(part)
        sums[INFS] += infinite
        # widened, they were NaN
        sums[NANS] -= infinite
        block += GROUP // cells
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
    room = carray(space, (GROUP + 2 * cells,))[GROUP:]
    held = 0
    for start in range(0, count, GROUP):
        part = carray(raw, (count,))[start : start + GROUP]
        add_group(part, block, masks, sums, sketch, room)
        block += GROUP // cells
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
    x, room = carray(space, (GROUP,)), carray(space, (GROUP + 2 * cells,))[GROUP:]
    table = carray(codes, (256,))
    bits = x.view(np.uint32)
    held = 0
    for start in range(0, count, GROUP):
        part = carray(raw, (count,))[start : start + GROUP]
        widen_f8(part, table, x)
        add_group(bits[: part.shape[0]], block, masks, sums, sketch, room)
        block += GROUP // cells
        held += 1
        if held == _TOGETHER:
            flush(room, sketch)
            held = 0
    flush(room, sketch)


ENTRIES = (print_bf16, print_f16, print_f32, print_f8)
