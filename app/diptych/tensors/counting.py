"""Compiled counting for histograms: how often every size of change comes, and how many values are in every bin.

Imported by `diptych.tensors.compiling` only, as `kernels` is. Values are taken in blocks that stay in the first-level
cache. Changes are told apart by float32 where that is exact, and else by float64. Values of sixteen bits are counted by
their codes, of which there are few, and types of eight bits by the pairs of their codes, which tell all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import cfunc, njit
from numba.np.numpy_support import carray

from diptych.tensors.kernels import widen_bf16, widen_f16
from diptych.tensors.octaves import BIAS, count_keys, count_widely, keys_of_bf16, keys_of_f16, keys_of_f32, near_enough
from diptych.tensors.rooms import BANKS, BLOCK, CHANGES, OCTAVES, STRIDE, TABLE, WIDE

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Codes: TypeAlias = NDArray[np.integer]
    Keys: TypeAlias = NDArray[np.uint16]
    Values: TypeAlias = NDArray[np.float32]
    Counts: TypeAlias = NDArray[np.int64]
    Tallies: TypeAlias = NDArray[np.uint32]
    Ends: TypeAlias = tuple[int, int, int]
    """The lowest and the highest code as signed numbers and the highest as an unsigned one; negative for none."""
    Place: TypeAlias = Any

_NO_ENDS = (2**32, -(2**32), -1)
_INFINITE_BF16, _INFINITE_F16, _INFINITE_F32 = 0x7F80, 0x7C00, 0x7F800000
"""The codes without their sign from which on values are not finite."""
_BEYOND = np.float32(2.0**30)
"""Half widths of bins beyond all of them that are still a whole number of 32 bits."""
_INFINITE = np.float32(np.inf)
_KEY = np.uint64(0xFFFF)


# limits ----------------------------------------------------------------------------------------------------------


@njit(nogil=True)
def joined(ends: Ends, others: Ends) -> Ends:
    """The ends of both."""
    return min(ends[0], others[0]), max(ends[1], others[1]), max(ends[2], others[2])


@njit(nogil=True)
def ends_of(a: Codes, b: Codes, signed_a: Codes, signed_b: Codes) -> Ends:
    """The ends of a block's codes, given as unsigned and as signed numbers.

    The lowest is only told where all have the same sign: else neither limit of the values comes from it.
    """
    high, top = signed_a[0], a[0]
    for i in range(a.shape[0]):
        high, top = max(high, max(signed_a[i], signed_b[i])), max(top, max(a[i], b[i]))
    low = high
    if high < 0 or int(top) >> (a.itemsize * 8 - 1) == 0:
        for i in range(a.shape[0]):
            low = min(low, min(signed_a[i], signed_b[i]))
    return int(low), int(high), int(top)


@njit(nogil=True)
def finite_ends_of(codes: Codes, signed: Codes, infinite: int) -> Ends:
    """The same of those codes that, without their sign, are less than `infinite`."""
    ends, most = _NO_ENDS, (1 << (codes.itemsize * 8 - 1)) - 1
    for i in range(codes.shape[0]):
        if int(codes[i]) & most < infinite:
            ends = joined(ends, (int(signed[i]), int(signed[i]), int(codes[i])))
    return ends


@njit(nogil=True)
def all_finite(ends: Ends, width: int, infinite: int) -> bool:
    """Whether all of the codes that end there mean something finite."""
    return ends[1] < infinite and ends[2] < infinite + (1 << (width - 1))


@njit(nogil=True)
def widened(ends: Ends, found: Ends, a: Codes, b: Codes, signed_a: Codes, signed_b: Codes, infinite: int) -> Ends:
    """The ends of the codes so far and of a block's, those that are `found` if they mean something finite."""
    if all_finite(found, a.itemsize * 8, infinite):
        return joined(ends, found)
    return joined(joined(ends, finite_ends_of(a, signed_a, infinite)), finite_ends_of(b, signed_b, infinite))


@njit(nogil=True)
def limits_of(ends: Ends, width: int) -> tuple[int, int]:
    """The codes of the smallest and of the largest value.

    Positive codes sort as their values do, negative ones the other way round.
    """
    low = ends[2] if ends[2] >> (width - 1) else ends[0]
    high = ends[1] if ends[1] >= 0 else ends[0]
    return low, high


def _changes(kind: str) -> str:
    """The signature of counting the changes of so many elements: with counts, limits of the values, room, and keys."""
    places = "CPointer(int64), CPointer(float32), CPointer(float32), CPointer(uint16)"
    return f"void(CPointer({kind}), CPointer({kind}), intp, {places})"


@cfunc(_changes("uint16"), error_model="numpy")
def changes_bf16(a: Place, b: Place, count: int, found: Place, limits: Place, room: Place, places: Place) -> None:
    """Count the changes of BF16."""
    counts, space, octaves = carray(found, (OCTAVES,)), carray(room, (2 * WIDE,)), carray(places, (2 * CHANGES,))
    x, y, ends = space[:WIDE], space[WIDE:], _NO_ENDS
    keys, planes = octaves.view(np.uint8)[2 * CHANGES : 3 * CHANGES], octaves.view(np.uint64)[3 * CHANGES // 8 :]
    for start in range(0, count, CHANGES):
        left = carray(a, (count,))[start : start + CHANGES]
        right = carray(b, (count,))[start : start + CHANGES]
        size, one, other = left.shape[0], left.view(np.int16), right.view(np.int16)
        # first what works on them longest, so that it need not wait for memory
        told = size == CHANGES and keys_of_bf16(left.view(np.uint32), right.view(np.uint32), keys.view(np.uint32))
        block = ends_of(left, right, one, other)
        if told and near_enough(left, right, block):
            count_keys(keys, planes, size, BIAS, counts)
        else:
            widen_bf16(left, x)
            widen_bf16(right, y)
            count_widely(x, y, size, octaves, keys, planes, counts)
        ends = widened(ends, block, left, right, one, other, _INFINITE_BF16)
    if ends[2] >= 0:
        octaves[0], octaves[1] = limits_of(ends, 16)
        widen_bf16(octaves[:2], carray(limits, (2,)))


@cfunc(_changes("uint16"), error_model="numpy")
def changes_f16(a: Place, b: Place, count: int, found: Place, limits: Place, room: Place, places: Place) -> None:
    """Count the changes of F16."""
    counts, space, octaves = carray(found, (OCTAVES,)), carray(room, (2 * WIDE,)), carray(places, (2 * CHANGES,))
    x, y, ends = space[:WIDE], space[WIDE:], _NO_ENDS
    keys, planes = octaves.view(np.uint8)[2 * CHANGES : 3 * CHANGES], octaves.view(np.uint64)[3 * CHANGES // 8 :]
    for start in range(0, count, CHANGES):
        left = carray(a, (count,))[start : start + CHANGES]
        right = carray(b, (count,))[start : start + CHANGES]
        size, one, other = left.shape[0], left.view(np.int16), right.view(np.int16)
        told = size == CHANGES and keys_of_f16(left.view(np.uint32), right.view(np.uint32), keys.view(np.uint32))
        block = ends_of(left, right, one, other)
        if told and all_finite(block, 16, _INFINITE_F16):
            count_keys(keys, planes, size, BIAS, counts)
        else:
            widen_f16(left, x)
            widen_f16(right, y)
            count_widely(x, y, size, octaves, keys, planes, counts)
        ends = widened(ends, block, left, right, one, other, _INFINITE_F16)
    if ends[2] >= 0:
        octaves[0], octaves[1] = limits_of(ends, 16)
        widen_f16(octaves[:2], carray(limits, (2,)))


@cfunc(_changes("float32"), error_model="numpy")
def changes_f32(a: Place, b: Place, count: int, found: Place, limits: Place, _room: Place, places: Place) -> None:
    """Count the changes of F32."""
    counts, octaves, ends = carray(found, (OCTAVES,)), carray(places, (2 * CHANGES,)), _NO_ENDS
    keys, planes = octaves.view(np.uint8)[2 * CHANGES : 3 * CHANGES], octaves.view(np.uint64)[3 * CHANGES // 8 :]
    for start in range(0, count, CHANGES):
        x, y = carray(a, (count,))[start : start + CHANGES], carray(b, (count,))[start : start + CHANGES]
        size, left, right = x.shape[0], x.view(np.uint32), y.view(np.uint32)
        one, other = x.view(np.int32), y.view(np.int32)
        if size == CHANGES and keys_of_f32(x, y, keys.view(np.uint32)):
            count_keys(keys, planes, size, BIAS, counts)
        else:
            count_widely(x, y, size, octaves, keys, planes, counts)
        ends = widened(ends, ends_of(left, right, one, other), left, right, one, other, _INFINITE_F32)
    if ends[2] >= 0:
        bits = carray(limits, (2,)).view(np.uint32)
        bits[0], bits[1] = limits_of(ends, 32)


# values ----------------------------------------------------------------------------------------------------------


@njit(nogil=True)
def raise_counts(keys: Keys, count: int, stride: int, found: Counts) -> None:
    """Count the keys of a block, neighbours in different ones of `BANKS`, each a `stride` behind the last.

    Four keys are read at once: a read that may be of what was just written has to wait, as far as the processor knows.
    """
    words = keys.view(np.uint64)
    one, two, three, four = (
        found[:stride],
        found[stride : 2 * stride],
        found[2 * stride : 3 * stride],
        found[3 * stride :],
    )
    for i in range(count // BANKS):
        word = words[i]
        one[np.intp(word & _KEY)] += 1
        two[np.intp(np.uint64(word >> np.uint64(16)) & _KEY)] += 1
        three[np.intp(np.uint64(word >> np.uint64(32)) & _KEY)] += 1
        four[np.intp(word >> np.uint64(48))] += 1
    for i in range(count - count % BANKS, count):
        found[keys[i]] += 1


@njit(nogil=True)
def bins_of(values: Values, count: int, exponent: int, first: int, stride: int, keys: Keys) -> None:
    """The bin of each value of a block as `bins.Bins` has them, one behind the last for those that are not finite.

    The scale, a power of two, is multiplied with in two steps, since it may itself be beyond float32.
    """
    half = (1 - exponent) >> 1
    scale = np.uint32((127 + half) << 23).view(np.float32)
    rest = np.uint32((127 + 1 - exponent - half) << 23).view(np.float32)
    begin, last, special = np.int32(first), np.int32(stride - 2), np.int32(stride - 1)
    for i in range(count):
        value = values[i]
        halves = np.float32(np.float32(abs(value) * scale) * rest)
        whole = np.int32(halves) if halves < _BEYOND else np.int32(_BEYOND)
        size = np.int32(np.int32(whole + np.int32(1)) >> np.int32(1))
        place = np.int32(np.int32(-size if value < np.float32(0) else size) - begin)
        # the file may have changed since its limits were found
        within = min(max(place, np.int32(0)), last)
        keys[i] = np.uint16(within if abs(value) < _INFINITE else special)


@njit(nogil=True)
def raise_codes(codes: Keys, table: Tallies) -> None:
    """Count codes of sixteen bits, neighbours in different halves of the table, four read at once."""
    one, two, whole = table[: 2**16], table[2**16 : 2**17], codes.shape[0] // 4 * 4
    words = codes[:whole].view(np.uint64)
    for i in range(words.shape[0]):
        word = words[i]
        one[np.intp(word & _KEY)] += np.uint32(1)
        two[np.intp(np.uint64(word >> np.uint64(16)) & _KEY)] += np.uint32(1)
        one[np.intp(np.uint64(word >> np.uint64(32)) & _KEY)] += np.uint32(1)
        two[np.intp(word >> np.uint64(48))] += np.uint32(1)
    for i in range(whole, codes.shape[0]):
        one[codes[i]] += np.uint32(1)


@njit(nogil=True)
def taken(table: Tallies, start: int, codes: Keys) -> int:
    """How many codes were counted of those from `start` on, which are put there; how often each came is put behind.

    The table has forgotten them then.
    """
    total = 0
    for i in range(BLOCK):
        one, two = start + i, start + i + 2**16
        many = np.uint32(table[one] + table[two])
        table[one], table[two], table[2**17 + i] = np.uint32(0), np.uint32(0), many
        codes[i] = np.uint16(one)
        total += int(many)
    return total


@njit(nogil=True)
def raise_all(keys: Keys, many: Tallies, found: Counts) -> None:
    """Count each key so many times."""
    for i in range(BLOCK):
        found[keys[i]] += many[i]


def _values(kind: str) -> str:
    """The signature of counting so many values in bins: their exponent and the first, their counts, and room.

    That is for values, for keys, and for how often each code comes, all nought and left so.
    """
    places = "intp, intp, intp, CPointer(int64), CPointer(float32), CPointer(uint16), CPointer(uint32)"
    return f"void(CPointer({kind}), intp, {places})"


@cfunc(_values("uint16"), error_model="numpy")
def values_bf16(
    a: Place, count: int, exponent: int, first: int, stride: int, found: Place, room: Place, places: Place, times: Place
) -> None:
    """Count BF16 by its codes."""
    counts, x, keys = carray(found, (stride,)), carray(room, (STRIDE,)), carray(places, (BLOCK,))
    table = carray(times, (TABLE,))
    raise_codes(carray(a, (count,)), table)
    for start in range(0, 2**16, BLOCK):
        if taken(table, start, keys):
            widen_bf16(keys, x)
            bins_of(x, BLOCK, exponent, first, stride, keys)
            raise_all(keys, table[2**17 :], counts)


@cfunc(_values("uint16"), error_model="numpy")
def values_f16(
    a: Place, count: int, exponent: int, first: int, stride: int, found: Place, room: Place, places: Place, times: Place
) -> None:
    """Count F16 by its codes."""
    counts, x, keys = carray(found, (stride,)), carray(room, (STRIDE,)), carray(places, (BLOCK,))
    table = carray(times, (TABLE,))
    raise_codes(carray(a, (count,)), table)
    for start in range(0, 2**16, BLOCK):
        if taken(table, start, keys):
            widen_f16(keys, x)
            bins_of(x, BLOCK, exponent, first, stride, keys)
            raise_all(keys, table[2**17 :], counts)


@cfunc(_values("float32"), error_model="numpy")
def values_f32(
    a: Place, count: int, exponent: int, first: int, stride: int, found: Place, _room: Place, places: Place, _t: Place
) -> None:
    """Count F32."""
    counts, keys = carray(found, (BANKS * stride,)), carray(places, (BLOCK,))
    for start in range(0, count, BLOCK):
        x = carray(a, (count,))[start : start + BLOCK]
        bins_of(x, x.shape[0], exponent, first, stride, keys)
        raise_counts(keys, x.shape[0], stride, counts)


# pairs of codes --------------------------------------------------------------------------------------------------


@njit(nogil=True)
def pair_codes(a: NDArray[np.uint8], b: NDArray[np.uint8], keys: Keys) -> None:
    """The codes of A times 256, and those of B."""
    for i in range(a.shape[0]):
        keys[i] = np.uint16(np.uint16(np.uint16(a[i]) << np.uint16(8)) | np.uint16(b[i]))


@cfunc("void(CPointer(uint8), CPointer(uint8), intp, CPointer(uint32), CPointer(uint16))", error_model="numpy")
def pairs_f8(a: Place, b: Place, count: int, found: Place, places: Place) -> None:
    """Count the pairs of codes of types of eight bits."""
    counts, keys = carray(found, (TABLE,)), carray(places, (BLOCK,))
    for start in range(0, count, BLOCK):
        left = carray(a, (count,))[start : start + BLOCK]
        pair_codes(left, carray(b, (count,))[start : start + BLOCK], keys)
        raise_codes(keys[: left.shape[0]], counts)


ENTRIES = (changes_bf16, changes_f16, changes_f32, values_bf16, values_f16, values_f32, pairs_f8)
