"""Values as strict JSON can say them."""

from __future__ import annotations

import json
import math

from diptych.domain.evidence import Plain

_MOST_BITS = 1000
_DEPTH = 64
"""Nesting beyond which a value is written as text."""


def safe(value: Plain, depth: int = 0) -> Plain:
    """`value` with what strict JSON lacks in other words.

    NaN and the infinities become the words "NaN", "Infinity", "-Infinity"; lone surrogates become escapes; endless
    integers become hexadecimal text, and what is nested too deeply becomes text as a whole.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _MOST_BITS:
        return hex(value)
    if not isinstance(value, list | dict):
        return value
    if depth >= _DEPTH:
        return _text(value)
    if isinstance(value, list):
        return [safe(entry, depth + 1) for entry in value]
    return {str(safe(str(name))): safe(entry, depth + 1) for name, entry in value.items()}


def _text(value: Plain) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, ValueError):
        return "nested too deeply to be written"
