"""Values as strict JSON can say them."""

from __future__ import annotations

import math

from diptych.domain.evidence import Plain

_MOST_BITS = 1000


def safe(value: Plain) -> Plain:
    """`value` with what strict JSON lacks in other words.

    NaN and the infinities become the words "NaN", "Infinity", "-Infinity"; lone surrogates become escapes; endless
    integers become hexadecimal text.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _MOST_BITS:
        return hex(value)
    if isinstance(value, list):
        return [safe(entry) for entry in value]
    if isinstance(value, dict):
        return {str(safe(str(name))): safe(entry) for name, entry in value.items()}
    return value
