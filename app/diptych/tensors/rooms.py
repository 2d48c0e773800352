"""How much room compiled arithmetic is given to work in, said where neither it nor the compiler need be imported."""

from __future__ import annotations

BLOCK = 2048
"""Elements that are compared at a time."""
STRIDE = BLOCK + 32
"""Values from one block to the next of the two in its room, so that they do not evict one another from the cache."""
GROUP = 4096
"""Values that are printed at a time, whole blocks of every sketch; their room lies in front of the cells."""
SHIFTED = 8192 + 1024
"""Signs, as many more as a block may read from the last of them included; from here on they are there once more."""
MASKS = 2 * SHIFTED
"""Signs, and the same from the second on, so that two can be read at once from any place."""
HALVES = 2**16
"""Keys that the upper half of a float32 can be."""
OCTAVES = 2**12
"""Keys that the sign and the exponent of a float64 can be."""
SLOTS = 2**7
"""Slots of a change: for either sign one of nought, then of the octaves from `LOWEST_OCTAVE` on."""
LOWEST_OCTAVE = 1023 - 62
"""That of 2^-62, by the exponent in a float64; the highest is that of 1."""
SLOT_STRIDE = SLOTS + 8
"""Counts from a slot to the next in the table of two neighbours', so that rows do not evict one another."""
COUNTS = 2 * HALVES + OCTAVES + SLOTS * SLOT_STRIDE
"""All counts of a histogram: by the keys of A, those of B, the octaves of the change, and its slots by twos."""
