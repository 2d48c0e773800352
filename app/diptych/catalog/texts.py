"""Text that SQLite or UTF-8 cannot hold as it is: NUL and lone surrogates, as in names that are not UTF-8."""

from __future__ import annotations

import re
from pathlib import Path

_UNSAFE = "[\0\ud800-\udfff]"
_ESCAPED = "\0([0-9a-f]{4})"
_DIGITS = r"\d+"
_HUMPS = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])"
"""Compiled when they are first needed: a list of plain names needs none."""


def stored(text: str) -> str:
    """`text` with NUL and lone surrogates written as NUL and four hexadecimal digits; most text stays as it is."""
    if text.isascii() and "\0" not in text:
        return text
    return re.sub(_UNSAFE, lambda match: f"\0{ord(match[0]):04x}", text)


def restored(text: str) -> str:
    """The text that `stored` was given."""
    return re.sub(_ESCAPED, lambda match: chr(int(match[1], 16)), text) if "\0" in text else text


def place_text(path: Path | str) -> str:
    """The key of a place: its absolute path as text, links kept. A text is taken for absolute."""
    return stored(path if isinstance(path, str) else str(path.absolute()))


def restored_path(text: str) -> Path:
    """The path that `place_text` was given."""
    return Path(restored(text))


def below(path: Path) -> tuple[str, str, str]:
    """Three bounds that enclose a place and everything in it: itself, then from and up to without the end."""
    text = place_text(path)
    inside = text.rstrip("/")
    return text, f"{inside}/", f"{inside}0"


def sorting(name: str) -> str:
    """`name` so that plain comparison puts `checkpoint-200` before `checkpoint-1000`."""
    return re.sub(_DIGITS, lambda match: match[0].lstrip("0").zfill(12), stored(name).casefold())


def words(name: str) -> str:
    """`name` with its inner words beside it, so that `llama` finds `TinyLlama3`."""
    split = re.sub(_HUMPS, " ", name)
    return name if split == name else f"{name} {split}"
