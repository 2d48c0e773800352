"""What a row of a comparison looks like, and where its columns stand. One grid is shared by every section of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

Runs: TypeAlias = "Sequence[tuple[str, bool]]"
"""A text as runs, each with whether the other side lacks it."""


class Tone(Enum):
    """How loud a line is."""

    QUIET = auto()
    """The same on both sides, or ignored."""
    PLAIN = auto()
    LEFT = auto()
    """Only on the left."""
    RIGHT = auto()
    HEADING = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ready to paint: every text is already safe to show."""

    key: str
    label: str
    tone: Tone = Tone.PLAIN
    symbol: str = ""
    left: Runs = ()
    right: Runs = ()
    change: str = ""
    strong: bool = False
    """The change is a judgement (better, worse), not only a number."""
    bar: float | None = None
    interval: tuple[float, float] | None = None
    """The ends of the interval around `bar`, on the same scale."""
    note: str = ""
    extra: tuple[str, ...] = ()
    """Texts of further columns, right-aligned."""
    indent: int = 0
    folded: bool | None = None
    """Whether the lines below are hidden; None where there are none."""
    spoken: str = ""
    """The whole line in words, for a screen reader and the tooltip."""


SYMBOL = 24
BAR = 72
EXTRA = 92
_INSET = 16
_GAP = 12


@dataclass(frozen=True, slots=True)
class Span:
    """The horizontal room of one column."""

    x: int
    width: int

    @property
    def end(self) -> int:
        """Where it stops."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a line stand in a given width."""

    symbol: Span
    label: Span
    left: Span
    right: Span
    change: Span
    bar: Span
    note: Span
    extra: tuple[Span, ...]


def columns(width: int, extras: int = 0, scale: float = 1.0, bars: bool = True) -> Columns:
    """Place the columns in `width`: A and B equally wide, numbers at the right, the note takes what is left.

    `bars` reserves room for a bar behind the change; tables of one page give the same value, so that they line up.
    """

    def px(length: int) -> int:
        return round(length * scale)

    inset, gap = px(_INSET), px(_GAP)
    label_x = inset + px(SYMBOL)
    room = max(width - label_x - inset, px(360))
    bar = px(BAR) if bars and room >= px(620) else 0
    change = px(136 if bar else 120)
    tail = extras * (px(EXTRA) + gap)
    note = 0 if extras else max(0, min(px(260), int((room - px(560)) * 0.4)))
    note = note if note >= px(64) else 0
    rest = room - change - bar - tail - note - gap * (4 + bool(bar) + bool(note))
    label = max(px(110), min(int(rest * 0.40), px(330)))
    side = max(px(60), (rest - label) // 2)
    at = label_x

    def take(length: int) -> Span:
        nonlocal at
        span = Span(at, length)
        at += length + (gap if length else 0)
        return span

    symbol = Span(inset, px(SYMBOL))
    return Columns(
        symbol, take(label), take(side), take(side), take(change), take(bar), take(note),
        tuple(take(px(EXTRA)) for _ in range(extras)),
    )  # fmt: skip


def shorten(runs: Runs, context: int = 12) -> list[tuple[str, bool]]:
    """Cut long runs that both sides share in their middle, so that what differs stays in view."""
    cut = []
    for text, changed in runs:
        if not changed and len(text) > 2 * context + 1:
            text = f"{text[:context]}…{text[-context:]}"
        cut.append((text, changed))
    return cut
