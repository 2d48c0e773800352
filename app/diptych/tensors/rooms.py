"""How much room compiled arithmetic is given to work in, said where neither it nor the compiler need be imported."""

from __future__ import annotations

BLOCK = 2048
"""Elements that are compared at a time."""
STRIDE = BLOCK + 32
"""Values from one block to the next of the two in its room, so that they do not evict one another from the cache."""
ROOM = 1024
"""Values of a block that is printed, in front of the cells."""
MASKS = 8192 + 1024
"""Signs, and as many more as a block may read from the last of them."""
HALVES = 2**16
"""Keys that the upper half of a float32 can be."""
OCTAVES = 2**12
"""Keys that the sign and the exponent of a float64 can be."""
