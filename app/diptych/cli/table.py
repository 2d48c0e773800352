"""Text in columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diptych import display

_GAP = "  "
_NARROWEST = 12


@dataclass(frozen=True, slots=True)
class Heading:
    """One column."""

    title: str
    right: bool = False
    """Flush right, as numbers are."""
    elastic: bool = False
    """Gives way where the line is too narrow."""


def aligned(headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Lines of at most `width` columns, the headings first; columns that are empty throughout are left out."""
    kept = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    headings = [headings[place] for place in kept]
    cells = [[display.visible(row[place]) for place in kept] for row in rows]
    widths = [
        max([columns(heading.title), *(columns(row[place]) for row in cells)]) for place, heading in enumerate(headings)
    ]
    _shrink(headings, widths, width)
    for row in ([heading.title for heading in headings], *cells):
        yield _GAP.join(
            _fitted(text, room, heading.right) for text, room, heading in zip(row, widths, headings, strict=True)
        ).rstrip()


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: wide characters two, marks that combine none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _shrink(headings: Sequence[Heading], widths: list[int], width: int) -> None:
    """Take room from the elastic columns, the widest first, until the line fits."""
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while over > 0:
        elastic = [place for place, heading in enumerate(headings) if heading.elastic and widths[place] > _NARROWEST]
        if not elastic:
            return
        widest = max(elastic, key=widths.__getitem__)
        next_widest = max((widths[place] for place in elastic if place != widest), default=_NARROWEST)
        step = min(over, max(1, widths[widest] - max(next_widest, _NARROWEST)))
        widths[widest] -= step
        over -= step


def _fitted(text: str, room: int, right: bool) -> str:
    taken = columns(text)
    if taken > room:
        text = display.elide(text, max(1, room - (taken - len(text))))
        taken = columns(text)
    return " " * (room - taken) + text if right else text + " " * (room - taken)
