"""How values are written for people, the same in the window, the terminal and reports."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_KEPT = frozenset("\u200c\u200d\ufe0f")
"""Joiners that belong to words and emoji; a joiner cannot reorder or hide text."""


def size(count: int) -> str:
    """Bytes in decimal units: `16.1 GB`."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB"))


def count(number: int) -> str:
    """A large count: `8.03 B` (billions), `919 K`; below a thousand as it is."""
    if abs(number) < 1000:
        return str(number)
    return _scaled(number, ("", "K", "M", "B", "T"))


def _scaled(number: float, units: tuple[str, ...]) -> str:
    value = float(number)
    unit = 0
    while abs(value) >= 999.5 and unit < len(units) - 1:
        value /= 1000
        unit += 1
    if unit == 0:
        return f"{int(number)} {units[0]}".strip()
    digits = max(0, 2 - int(math.log10(max(abs(value), 1))))
    return f"{value:.{digits}f} {units[unit]}"


def number(value: float, digits: int = 4) -> str:
    """A number with up to `digits` significant digits and no needless zeros: `0.0003`, `5e-7`, `19,850`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return _whole(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e6:
        return _whole(int(value))
    if 10**digits <= abs(value) < 1e9:
        return _whole(round(value))
    sign = "−" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value):.{digits}g}".partition("e")
    return f"{sign}{mantissa}e{int(exponent)}" if exponent else f"{sign}{mantissa}"


def _whole(value: int) -> str:
    """An integer, grouped from five digits on; beyond a thousand bits only its size is told."""
    if value.bit_length() > 1000:
        return f"an integer of {value.bit_length():,} bits"
    sign = "−" if value < 0 else ""
    return f"{sign}{abs(value):,}" if abs(value) >= 10_000 else f"{sign}{abs(value)}"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign: `+0.021`, `−1.5`."""
    text = number(abs(value), digits)
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else "0"


def ago(moment: float, now: float | None = None) -> str:
    """How long ago `moment` (seconds since 1970) was: `3 h ago`, `2 d ago`."""
    seconds = (time.time() if now is None else now) - moment
    if seconds < 60:
        return "just now" if seconds > -60 else exact_time(moment)
    for unit, length, limit in (
        ("min", 60, 3600),
        ("h", 3600, 86400),
        ("d", 86400, 86400 * 60),
        ("mo", 2629800, 31557600),
    ):
        if seconds < limit:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds // 31557600)} y ago"


def exact_time(moment: float) -> str:
    """A moment as `2026-11-20 14:03 UTC`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float) -> str:
    """Time left: `12 s`, `3 min`, `1 h 20 min`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def path(place: Path | str) -> str:
    """A path with `~` for the home folder."""
    text = str(place)
    home = str(Path.home())
    if home != "/" and (text == home or text.startswith(home + "/")):
        text = "~" + text[len(home) :]
    return visible(text)


def visible(text: str, keep_newlines: bool = False) -> str:
    r"""`text` with every character that hides, reorders or controls written as an escape (`\x1b`, `\u202e`).

    Names and texts come from other people's files; a terminal or a label must not obey them.
    """
    if text.isprintable():
        return text
    # few different characters occur even in a long text, so each is looked at once
    kept = _KEPT | frozenset("\n\t") if keep_newlines else _KEPT
    escapes = {ord(character): _escape(character) for character in set(text) - kept if _hides(character)}
    return text.translate(escapes) if escapes else text


def _hides(character: str) -> bool:
    import unicodedata  # its tables are a file of their own, and few texts hide anything

    return unicodedata.category(character) in _HIDDEN_CATEGORIES


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def elide(text: str, limit: int) -> str:
    """`text` cut in the middle to `limit` characters, since names often differ at their ends."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """A count with its noun: `1 version`, `2,000 versions`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listing(words: Iterable[str], limit: int = 3) -> str:
    """Words in a sentence: `a, b and 4 more`."""
    items = list(words)
    if len(items) <= limit:
        return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
    return f"{', '.join(items[:limit])} and {len(items) - limit} more"
