"""Compiled counting of changes by their octaves: the sign and the exponent of the float64 that each of them is.

The changes of a block come as keys of eight bits, a sign and seven bits of an exponent. Those are turned into planes,
eight words of 64 bits for as many keys, of which the first has the lowest bit of each, and so on. How many keys there
are of an exponent is then told by ones in words, for 64 keys at a time and at the same speed whatever the changes are;
a count that is raised one by one waits for itself where they are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from diptych.tensors.rooms import CHANGES

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Bits: TypeAlias = NDArray[np.unsignedinteger]
    Values: TypeAlias = NDArray[np.float32]
    Counts: TypeAlias = NDArray[np.int64]
    Four: TypeAlias = tuple[int, int, int, int]

_NEGATIVE = 2**11
"""What the key of a negative change has more than its exponent."""
BIAS = 1023 - 127
"""What the exponent of a float64 has more than that of the same float32."""
_TWO, _NORMAL = 2**30, 2**24 - 1
"""The bit of changes from 2 on, and the size of the smallest normal float32, less one."""
_SMALL, _APART = 8, 25
"""The highest exponent of BF16 of which 2^-7 is subnormal, and how far apart two are for rounding to lose a change."""
_ONE = 127 << 24
"""The size of 1."""
_SPAN = 126
"""Exponents above the lowest of a block that seven bits can tell from it and from nought."""
_SIGN, _EXPONENT, _UPPER = np.uint32(0x80000000), np.uint32(0x7F000000), np.uint32(0xFFFF0000)
_F16 = np.uint32(0x8FFFE000)
"""The sign of a float32 and what is to the right of its copies."""
_FOURS, _TWOS, _ONES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x3333333333333333), np.uint64(0x5555555555555555)
_BYTES = np.uint64(0x0101010101010101)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


# keys by float32 -------------------------------------------------------------------------------------------------


@njit(nogil=True, inline="always")
def size_of(bits: np.uint32) -> np.uint32:
    """The bits of a change but for its sign, as numbers that sort as sizes do."""
    return np.uint32(bits << np.uint32(1))


@njit(nogil=True, inline="always")
def less_one(bits: np.uint32) -> np.uint32:
    """One less than its size, so that nought is more than any."""
    return np.uint32(size_of(bits) - np.uint32(1))


@njit(nogil=True, inline="always")
def key_of(bits: np.uint32) -> np.uint32:
    """The key of a change, in the upper eight bits."""
    return np.uint32(np.uint32(size_of(bits) & _EXPONENT) | np.uint32(bits & _SIGN))


@njit(nogil=True, inline="always")
def four_keys(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> np.uint32:
    """The keys of four changes, given by their bits, in one word."""
    lower = np.uint32(np.uint32(key_of(a) >> np.uint32(24)) | np.uint32(key_of(b) >> np.uint32(16)))
    return np.uint32(lower | np.uint32(np.uint32(key_of(c) >> np.uint32(8)) | key_of(d)))


@njit(nogil=True, inline="always")
def change_of_bf16(x: np.uint32, y: np.uint32) -> np.uint32:
    """The bits of a change of BF16, which come in the upper half of words, as float32 has it."""
    one, other = np.uint32(x & _UPPER).view(np.float32), np.uint32(y & _UPPER).view(np.float32)
    return np.float32(other - one).view(np.uint32)


@njit(nogil=True)
def keys_of_bf16(a: Bits, b: Bits, keys: Bits) -> bool:
    """The keys of a whole block of BF16, given in words of two as its keys come in words of four, in some order.

    The result is whether all changes are below 2, as they must be; of values for which `near_enough` says so, keys are
    those of the exact changes.
    """
    half, found, shift = keys.shape[0], np.uint32(0), np.uint32(16)
    for i in range(half):
        x, y, v, w = a[i], b[i], a[i + half], b[i + half]
        one, two = change_of_bf16(np.uint32(x << shift), np.uint32(y << shift)), change_of_bf16(x, y)
        three, four = change_of_bf16(np.uint32(v << shift), np.uint32(w << shift)), change_of_bf16(v, w)
        found = np.uint32(found | np.uint32(np.uint32(one | two) | np.uint32(three | four)))
        keys[i] = four_keys(one, two, three, four)
    return bool((found & _TWO) == 0)


@njit(nogil=True)
def near_enough(a: Bits, b: Bits, ends: tuple[int, int, int]) -> bool:
    """Whether float32 tells the octave of every change of a block of BF16, whose greatest codes are given.

    It makes a power of two of a smaller change only if one side is such a power, of which the other is a part in 2^25
    at most. All of them are multiples of 2^-7 of the smallest value, so that none is subnormal where that is not small.
    """
    least, one = np.uint16(0xFFFF), np.uint16(1)
    for i in range(a.shape[0]):
        # without the sign, and one less, so that nought is more than any
        left, right = np.uint16(np.uint16(a[i] << one) - one), np.uint16(np.uint16(b[i] << one) - one)
        least = min(least, min(left, right))
    lowest, highest = (int(least) + 1) >> 8, max(ends[1], ends[2] & 0x7FFF) >> 7
    return lowest > _SMALL and highest - lowest < _APART


@njit(nogil=True, inline="always")
def change_of_f32(x: np.float32, y: np.float32) -> tuple[np.uint32, np.uint32]:
    """The bits of a change of F32, and anything but nought where rounding has made a power of two of it.

    Nothing is lost by rounding if either side and the change tell the other side.
    """
    change = np.float32(y - x)
    bits = np.float32(change).view(np.uint32)
    one, other = np.float32(np.float32(y - change) - x), np.float32(np.float32(change + x) - y)
    lost = np.uint32(np.float32(one).view(np.uint32) | np.float32(other).view(np.uint32))
    if np.uint32(bits << np.uint32(9)):
        lost = np.uint32(0)
    return bits, lost


@njit(nogil=True)
def keys_of_f32(a: Values, b: Values, keys: Bits) -> bool:
    """The same of F32, and whether they are those of the exact changes: none is of 2 or more, subnormal or lost."""
    part, found, lost, least = keys.shape[0], np.uint32(0), np.uint32(0), np.uint32(0xFFFFFFFF)
    for i in range(part):
        one, c = change_of_f32(a[i], b[i])
        two, d = change_of_f32(a[i + part], b[i + part])
        three, e = change_of_f32(a[i + 2 * part], b[i + 2 * part])
        four, f = change_of_f32(a[i + 3 * part], b[i + 3 * part])
        found = np.uint32(found | np.uint32(np.uint32(one | two) | np.uint32(three | four)))
        lost = np.uint32(lost | np.uint32(np.uint32(c | d) | np.uint32(e | f)))
        least = min(least, min(min(less_one(one), less_one(two)), min(less_one(three), less_one(four))))
        keys[i] = four_keys(one, two, three, four)
    return bool((found & _TWO) == 0 and least >= _NORMAL and lost == 0)


@njit(nogil=True, inline="always")
def change_of_f16(x: np.uint32, y: np.uint32) -> np.uint32:
    """The bits of a change of F16, which come in the upper half of words.

    Shifted into place, with copies of the sign to its left, exponents are corrected by a multiplication.
    """
    one = np.uint32(np.uint32(np.int32(x) >> np.int32(3)) & _F16).view(np.float32) * np.float32(2.0**112)
    other = np.uint32(np.uint32(np.int32(y) >> np.int32(3)) & _F16).view(np.float32) * np.float32(2.0**112)
    return np.float32(np.float32(other) - np.float32(one)).view(np.uint32)


@njit(nogil=True)
def keys_of_f16(a: Bits, b: Bits, keys: Bits) -> bool:
    """The same of F16, and whether all changes are below 1: they are multiples of 2^-24, which a float32 then holds."""
    half, top, shift = keys.shape[0], np.uint32(0), np.uint32(16)
    for i in range(half):
        x, y, v, w = a[i], b[i], a[i + half], b[i + half]
        one, two = change_of_f16(np.uint32(x << shift), np.uint32(y << shift)), change_of_f16(x, y)
        three, four = change_of_f16(np.uint32(v << shift), np.uint32(w << shift)), change_of_f16(v, w)
        top = max(max(top, size_of(one)), max(size_of(two), max(size_of(three), size_of(four))))
        keys[i] = four_keys(one, two, three, four)
    return bool(top < _ONE)


# keys by float64 -------------------------------------------------------------------------------------------------


@njit(nogil=True)
def octaves_of(x: Values, y: Values, count: int, octaves: Bits) -> None:
    """The octave of each change, of any size."""
    for i in range(count):
        change = np.float64(y[i]) - np.float64(x[i])
        octaves[i] = np.uint16(np.float64(change).view(np.uint64) >> np.uint64(52))


@njit(nogil=True)
def outermost_octaves(octaves: Bits, count: int) -> tuple[int, int]:
    """The lowest and the highest exponent of a block, but for noughts; the wrong way round where all are nought."""
    most = np.uint16(_NEGATIVE - 1)
    low, high = most, np.uint16(0)
    for i in range(count):
        exponent = np.uint16(octaves[i] & most)
        # one less than nought is more than any
        low = min(low, np.uint16(exponent - np.uint16(1)))
        high = max(high, exponent)
    return int(low) + 1, int(high)


@njit(nogil=True)
def count_widely(x: Values, y: Values, count: int, octaves: Bits, keys: Bits, planes: Bits, found: Counts) -> None:
    """Count the changes of a block by float64, by keys if these can tell its octaves."""
    octaves_of(x, y, count, octaves)
    low, high = outermost_octaves(octaves, count)
    if high - low > _SPAN:
        for i in range(count):
            found[octaves[i]] += 1
        return
    nought = np.uint16(low - 1 if high else 0)
    for i in range(CHANGES):
        exponent = np.uint16(octaves[i] & np.uint16(_NEGATIVE - 1))
        sign = np.uint16(np.uint16(octaves[i] >> np.uint16(4)) & np.uint16(0x80))
        keys[i] = np.uint8(np.uint16(max(exponent, nought) - nought) | sign) if i < count else np.uint8(0)
    count_keys(keys, planes, count, int(nought), found)


# counts ----------------------------------------------------------------------------------------------------------


@njit(nogil=True, inline="always")
def exchanged(x: np.uint64, y: np.uint64, shift: np.uint64, mask: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Both words, after bits of the first, `shift` to the left of the mask, and those of the second change places."""
    differ = np.uint64(np.uint64(np.uint64(x >> shift) ^ y) & mask)
    return np.uint64(x ^ np.uint64(differ << shift)), np.uint64(y ^ differ)


@njit(nogil=True)
def to_planes(words: Bits, planes: Bits) -> None:
    """Turn eight keys in each of eight words into planes; words and planes lie an eighth of all apart."""
    part, four, two, one = planes.shape[0] // 8, np.uint64(4), np.uint64(2), np.uint64(1)
    for i in range(part):
        a, e = exchanged(words[i], words[i + 4 * part], four, _FOURS)
        b, f = exchanged(words[i + part], words[i + 5 * part], four, _FOURS)
        c, g = exchanged(words[i + 2 * part], words[i + 6 * part], four, _FOURS)
        d, h = exchanged(words[i + 3 * part], words[i + 7 * part], four, _FOURS)
        a, c = exchanged(a, c, two, _TWOS)
        b, d = exchanged(b, d, two, _TWOS)
        e, g = exchanged(e, g, two, _TWOS)
        f, h = exchanged(f, h, two, _TWOS)
        planes[i], planes[i + part] = exchanged(a, b, one, _ONES)
        planes[i + 2 * part], planes[i + 3 * part] = exchanged(c, d, one, _ONES)
        planes[i + 4 * part], planes[i + 5 * part] = exchanged(e, f, one, _ONES)
        planes[i + 6 * part], planes[i + 7 * part] = exchanged(g, h, one, _ONES)


@njit(nogil=True, inline="always")
def ones_in(word: np.uint64) -> np.uint64:
    """How many bits of a word are set, in the words that compilers know to mean the processor's own instruction."""
    word = np.uint64(word - np.uint64(np.uint64(word >> np.uint64(1)) & _ONES))
    word = np.uint64(np.uint64(word & _TWOS) + np.uint64(np.uint64(word >> np.uint64(2)) & _TWOS))
    word = np.uint64(np.uint64(word + np.uint64(word >> np.uint64(4))) & _FOURS)
    return np.uint64(np.uint64(word * _BYTES) >> np.uint64(56))


@njit(nogil=True, inline="always")
def counted(keys: np.uint64, negative: np.uint64, them: np.uint64, below: np.uint64) -> tuple[np.uint64, np.uint64]:
    """How many there are by now, with the keys that a word tells, and how many negative ones."""
    return np.uint64(them + ones_in(keys)), np.uint64(below + ones_in(np.uint64(keys & negative)))


@njit(nogil=True, inline="always")
def unlike(exponent: int, bit: int) -> np.uint64:
    """What a plane is to be changed by for keys that have this bit as `exponent` has it to be ones."""
    return np.uint64(0) if exponent >> bit & 1 else _ALL


@njit(nogil=True)
def with_exponents(planes: Bits, first: int) -> tuple[Four, Four]:
    """How many keys of a block have `first`, a multiple of four, and the next three exponents: all, negative ones."""
    part, nothing = planes.shape[0] // 8, np.uint64(0)
    a = b = c = d = e = f = g = h = nothing
    third, fourth, fifth = unlike(first, 2), unlike(first, 3), unlike(first, 4)
    sixth, seventh = unlike(first, 5), unlike(first, 6)
    for i in range(part):
        near = np.uint64(planes[i + 2 * part] ^ third) & np.uint64(planes[i + 3 * part] ^ fourth)
        far = np.uint64(planes[i + 5 * part] ^ sixth) & np.uint64(planes[i + 6 * part] ^ seventh)
        there = np.uint64(near & far & np.uint64(planes[i + 4 * part] ^ fifth))
        odd, even = np.uint64(there & planes[i]), np.uint64(there & ~planes[i])
        two, negative = planes[i + part], planes[i + 7 * part]
        a, e = counted(np.uint64(even & ~two), negative, a, e)
        b, f = counted(np.uint64(odd & ~two), negative, b, f)
        c, g = counted(np.uint64(even & two), negative, c, g)
        d, h = counted(np.uint64(odd & two), negative, d, h)
    return (int(a), int(b), int(c), int(d)), (int(e), int(f), int(g), int(h))


@njit(nogil=True)
def outermost(keys: Bits) -> tuple[int, int]:
    """The lowest and the highest exponent of keys, but for noughts; the wrong way round where all are nought."""
    low, high = np.uint8(0xFF), np.uint8(0)
    for i in range(keys.shape[0]):
        exponent = np.uint8(keys[i] & np.uint8(0x7F))
        low = min(low, np.uint8(exponent - np.uint8(1)))
        high = max(high, exponent)
    return int(low) + 1, int(high)


@njit(nogil=True)
def count_keys(keys: Bits, planes: Bits, count: int, bias: int, found: Counts) -> None:
    """Count `count` keys of a block, whose exponents are less than those of float64 by `bias`; others are noughts."""
    low, high = outermost(keys)
    if low <= high:
        to_planes(keys.view(np.uint64), planes)
    noughts = count
    for first in range(low & ~3, high + 1, 4):
        them, negative = with_exponents(planes, first)
        # the exponent of nought is not one of theirs
        for at in range(first == 0, 4):
            found[first + at + bias] += them[at] - negative[at]
            found[first + at + bias + _NEGATIVE] += negative[at]
            noughts -= them[at]
    found[0] += noughts
