"""The block types of GGML, in which GGUF files keep quantised weights: elements and bytes of one block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PLAIN: Mapping[int, str] = {
    0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16",
}  # fmt: skip
"""Types that safetensors has too, by their numbers in GGUF files."""

QUANTISED: Mapping[int, tuple[str, int, int]] = {
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
"""Name, elements of a block, bytes of a block, by their numbers in GGUF files."""

BLOCKS: Mapping[str, tuple[int, int]] = {name: (elements, size) for name, elements, size in QUANTISED.values()}
"""Elements and bytes of one block, by name."""

READABLE = frozenset(BLOCKS) - {"Q8_1", "Q8_K"}
"""Block types whose values can be computed; the two others only ever live within a computation."""


def dequantise(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    """The values of whole blocks, flat, in float32, as GGML's own converter computes them."""
    import numpy as np  # headers are read without it
    from gguf import GGMLQuantizationType  # half a second: only where blocks are really read
    from gguf.quants import dequantize

    _, size = BLOCKS[dtype]
    with np.errstate(invalid="ignore", over="ignore"):
        values = dequantize(raw.reshape(-1, size), GGMLQuantizationType[dtype])
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
