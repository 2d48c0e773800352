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
CHANGES = 4096
"""Changes that are counted at a time: enough for what is done once for each octave of theirs not to weigh."""
WIDE = CHANGES + 32
"""Values from the one side of their changes to the other in their room."""
OCTAVES = 2**12
"""Keys that the sign and the exponent of a float64 can be."""
BANKS = 4
"""Tables that values are counted in by turns, since a count that was just written is slow to be raised again."""
TABLE = 2**17 + BLOCK
"""Counts of each code of sixteen bits, twice, and of a block of them."""
