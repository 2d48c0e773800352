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
    sure: bool = True
    """Whether the bar may be solid; one of unknown uncertainty is an outline."""
    note: str = ""
    extra: tuple[str, ...] = ()
    """Texts of further columns, right-aligned."""
    indent: int = 0
    folded: bool | None = None
    """Whether the lines below are hidden; None where there are none."""
    lead: int = 0
    """Digits before the decimal point of the longest number of the column: numbers align on their points. 0: no."""
    spoken: str = ""
    """The whole line in words, for a screen reader and the tooltip."""


SYMBOL = 24
BAR = 72
EXTRA = 92
_NARROW = 76
_FOR_NAMES = 420
"""Room that name, A and B need before further columns get any."""
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


def columns(width: int, extras: int = 0, scale: float = 1.0) -> Columns:
    """Place the columns in `width`: A and B equally wide; further columns stand in the place of the note.

    More than two of them take the place of change and bar as well, which they say in numbers; where there is no room
    for all, the last are left out.
    """

    def px(length: int) -> int:
        return round(length * scale)

    inset, gap = px(_INSET), px(_GAP)
    label_x = inset + px(SYMBOL)
    room = max(width - label_x - inset, px(360))
    many = extras > 2
    while many and extras > 1 and room - extras * px(_NARROW + _GAP) < px(_FOR_NAMES):
        extras -= 1
    bar = px(BAR) if not many and room >= px(600) else 0
    change = 0 if many else px(148 if bar else 120)
    note = min(px(280), int((room - px(520)) * 0.45))
    note = 0 if note < px(64) else note
    extra = px(_NARROW if many else EXTRA)
    tail = max(extras * (extra + gap) - gap, 0)
    last = tail if many else max(tail, note)
    rest = room - change - bar - last - gap * (2 + bool(change) + bool(bar) + bool(last))
    label = max(px(110), min(int(rest * (0.5 if many else 0.4)), px(330)))
    side = max(px(60), (rest - label) // 2)
    at = label_x

    def take(length: int) -> Span:
        nonlocal at
        span = Span(at, length)
        at += length + (gap if length else 0)
        return span

    symbol = Span(inset, px(SYMBOL))
    return Columns(
        symbol, take(label), take(side), take(side), take(change), take(bar), take(0 if extras else note),
        tuple(take(extra) for _ in range(extras)),
    )  # fmt: skip


def shorten(runs: Runs, context: int = 12) -> list[tuple[str, bool]]:
    """Cut long runs that both sides share in their middle, so that what differs stays in view."""
    cut = []
    for text, changed in runs:
        if not changed and len(text) > 2 * context + 1:
            text = f"{text[:context]}…{text[-context:]}"
        cut.append((text, changed))
    return cut
