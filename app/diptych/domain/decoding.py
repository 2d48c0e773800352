"""The values of every dtype of the format, from bytes. Little-endian, as the format is.

F4 and F8 as in the OCP microscaling and 8-bit float specifications; the FNUZ variants have one NaN, no infinities and
no negative nought, with their exponents biased by one more.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.ggml import BLOCKS, READABLE, dequantise
from diptych.domain.tensor import DTYPE_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLAIN = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8",
    "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
"""The dtypes that NumPy knows."""

_SMALL = {
    "F4": (2, 1, 1),
    "F6_E2M3": (2, 3, 1),
    "F6_E3M2": (3, 2, 3),
    "F8_E4M3": (4, 3, 7),
    "F8_E5M2": (5, 2, 15),
    "F8_E4M3FNUZ": (4, 3, 8),
    "F8_E5M2FNUZ": (5, 2, 16),
}
"""Bits of the exponent, bits of the mantissa, bias."""


def packing(dtype: str) -> tuple[int, int]:
    """The smallest number of elements that fill whole bytes, and how many bytes those are; of a block type, a block."""
    if dtype in BLOCKS:
        return BLOCKS[dtype]
    bits = DTYPE_BITS[dtype]
    return (1, bits // 8) if bits % 8 == 0 else (2, 1) if bits == 4 else (4, 3)


def decode(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.generic]:
    """The values of `raw`, whole bytes of flat elements: floating types as float32 (F64 as float64), others as stored.

    C64 stays complex. Types that NumPy knows are views where that is possible, not copies.
    """
    if dtype in _PLAIN:
        values = raw.view(_PLAIN[dtype])
        if dtype != "F16":
            return values
        with np.errstate(invalid="ignore"):  # a signalling NaN stays a NaN
            return values.astype(np.float32)
    if dtype == "BF16":
        wide = raw.view("<u2").astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    return dequantise(raw, dtype) if dtype in BLOCKS else table(dtype)[codes(raw, dtype)]


def readable(dtype: str) -> bool:
    """Whether the values of a dtype are known."""
    return dtype in DTYPE_BITS or dtype in READABLE


def codes(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.uint8]:
    """One code per element, unpacked where several elements share bytes (the first in the lowest bits)."""
    bits = DTYPE_BITS[dtype]
    if bits == 8:
        return raw
    if bits == 4:
        return np.stack((raw & 15, raw >> 4), axis=-1).reshape(-1)
    low, middle, high = raw.reshape(-1, 3).T
    return np.stack(
        (low & 63, (low >> 6) | ((middle & 15) << 2), (middle >> 4) | ((high & 3) << 4), high >> 2), axis=-1
    ).reshape(-1)


@cache
def table(dtype: str) -> NDArray[np.float32]:
    """The value of each code of a type of at most eight bits; 2^bits values in float32."""
    if dtype == "F8_E8M0":
        scales = np.ldexp(np.float64(1), np.arange(256) - 127)
        scales[255] = np.nan
        return _frozen(scales.astype(np.float32))
    exponent_bits, mantissa_bits, bias = _SMALL[dtype]
    code = np.arange(2 ** DTYPE_BITS[dtype])
    mantissa = code & (2**mantissa_bits - 1)
    exponent = (code >> mantissa_bits) & (2**exponent_bits - 1)
    sign = np.where(code >> (exponent_bits + mantissa_bits), -1.0, 1.0)
    fraction = np.where(exponent == 0, mantissa, mantissa + 2**mantissa_bits)
    values = sign * np.ldexp(fraction.astype(np.float64), np.maximum(exponent, 1) - bias - mantissa_bits)
    if dtype.endswith("FNUZ"):
        values[0x80] = np.nan
    elif dtype == "F8_E4M3":
        values[[0x7F, 0xFF]] = np.nan
    elif dtype == "F8_E5M2":
        values[exponent == 31] = np.where(mantissa[exponent == 31] == 0, sign[exponent == 31] * np.inf, np.nan)
    return _frozen(values.astype(np.float32))


def _frozen(values: NDArray[np.float32]) -> NDArray[np.float32]:
    values.flags.writeable = False
    return values
