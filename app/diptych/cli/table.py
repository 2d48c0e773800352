"""Text in columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diptych import display

_GAP = "  "
NARROWEST = 12
"""How far a column gives way where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One column."""

    title: str
    right: bool = False
    """Flush right, as numbers are."""
    elastic: bool = False
    """Gives way where the line is too narrow."""
    least: int = NARROWEST
    """How far an elastic column gives way."""
    spare: bool = False
    """Is left out where the line is too narrow for all."""


def aligned(headings: Sequence[Heading], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Lines of at most `width` columns, the headings first; columns that are empty throughout are left out.

    Where spare columns find no room, a last line names them.
    """
    kept = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    written = [[display.visible(row[place]) for place in kept] for row in rows]
    wanted = [
        max([columns(headings[place].title), *(columns(row[at]) for row in written)]) for at, place in enumerate(kept)
    ]
    given = _with_room([headings[place] for place in kept], wanted, width)
    left_out = [headings[place].title for at, place in enumerate(kept) if at not in given]
    cells = [[row[at] for at in given] for row in written]
    widths = [wanted[at] for at in given]
    headings = [headings[kept[at]] for at in given]
    _shrink(headings, widths, width)
    for row in ([heading.title for heading in headings], *cells):
        yield _GAP.join(
            _fitted(text, room, heading.right) for text, room, heading in zip(row, widths, headings, strict=True)
        ).rstrip()
    if left_out:
        yield f"No room for {', '.join(left_out)}."


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: wide characters two, marks that combine none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _with_room(headings: Sequence[Heading], widths: Sequence[int], width: int) -> list[int]:
    """The places of the columns that find room; spare ones are given up from the last to the first."""
    least = [
        min(wide, heading.least) if heading.elastic else wide for heading, wide in zip(headings, widths, strict=True)
    ]
    given = list(range(len(headings)))
    for place in reversed(range(len(headings))):
        if sum(least[at] for at in given) + len(_GAP) * (len(given) - 1) <= width:
            break
        if headings[place].spare:
            given.remove(place)
    return given


def _shrink(headings: Sequence[Heading], widths: list[int], width: int) -> None:
    """Take room from the elastic columns, the widest first, until the line fits."""
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while over > 0:
        elastic = [place for place, heading in enumerate(headings) if heading.elastic and widths[place] > heading.least]
        if not elastic:
            return
        widest = max(elastic, key=widths.__getitem__)
        least = headings[widest].least
        next_widest = max((widths[place] for place in elastic if place != widest), default=least)
        step = min(over, max(1, widths[widest] - max(next_widest, least)))
        widths[widest] -= step
        over -= step


def _fitted(text: str, room: int, right: bool) -> str:
    taken = columns(text)
    if taken > room:
        text = display.elide(text, max(1, room - (taken - len(text))))
        taken = columns(text)
    return " " * (room - taken) + text if right else text + " " * (room - taken)
