"""What differs between two texts, word by word.

Words are runs of letters and digits, single signs, single ideographs, and runs of blanks. The edit is minimal (longest
common subsequence); two changed words with only a blank between them are shown as one change. Long texts are compared
line by line first and by words within the lines that changed, so that no text takes more than a moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import TypeAlias, cast

from rapidfuzz.distance import Indel

from diptych.domain.sheet import Span, Spans

_BUDGET = 20_000
"""Words of both sides beyond which lines are compared first."""

_CELLS = 200_000_000
"""Lines of A times lines of B beyond which even lines are too many; each takes a bit of memory."""

_SINGLE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts written without blanks: each character is a word, with the signs that combine with it."""

_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06ed"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0980-\u0dff\ufe00-\ufe0f"
)
"""Signs that combine with letters, which the regular expressions of Python do not count as part of a word."""

_WORDS = re.compile(
    rf"(?:(?![{_SINGLE}])[\w{_MARKS}\u200c\u200d])+"
    rf"|[{_SINGLE}][{_MARKS}\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u3099\u309a]*"
    r"|\s+"
    rf"|[^\w\s][{_MARKS}\u20e3\U0001f3fb-\U0001f3ff]*(?:\u200d[^\w\s][\ufe0f\U0001f3fb-\U0001f3ff]*)*"
)

Run: TypeAlias = "tuple[bool, int, int, int, int]"
"""Whether it changed, then begin and end on the left and on the right."""

Agreement: TypeAlias = "tuple[int, int, int, int]"
"""A run that both sides have: begin and end on the left and on the right."""

_ASCII_WORDS = re.compile(r"\w+|\s+|[^\w\s]", re.ASCII)
"""The same for plain ASCII, twice as fast."""


class _Pieces(dict[str, tuple[str, ...]]):
    """Of each piece without blanks that was met its words and signs, and the blank after it.

    Answers bring the same pieces again and again. A word that is known is not made anew, nor is its hash.
    """

    _MOST = 1 << 16

    def __missing__(self, piece: str) -> tuple[str, ...]:
        if len(self) >= self._MOST:
            self.clear()
        if not piece.isascii():
            found = (*_WORDS.findall(piece), " ")
        elif piece.isalnum():
            found = piece, " "
        else:
            found = (*_ASCII_WORDS.findall(piece), " ")
        self[piece] = found
        return found


_pieces = _Pieces()


@lru_cache(maxsize=512)
def words(text: str) -> tuple[str, ...]:
    """The words, signs and blanks of `text`; joined they are the text again."""
    return tuple(_by_blanks(text) or (_ASCII_WORDS if text.isascii() else _WORDS).findall(text))


def _by_blanks(text: str) -> list[str]:
    """The words of a text whose lines have single blanks between pieces, as most do; empty for any other.

    Words never reach across blanks, so that pieces which were met before need not be looked through again.
    """
    found: list[str] = []
    blanks = ""
    for number, line in enumerate(text.split("\n")):
        if number:
            blanks += "\n"
        pieces = line.split()
        if not pieces:
            blanks += line
            continue
        body = " ".join(pieces)
        start = line.find(body)
        if start < 0:
            return []
        blanks += line[:start]
        if blanks:
            found.append(blanks)
        found += chain.from_iterable(map(_pieces.__getitem__, pieces))
        found.pop()
        blanks = line[start + len(body) :]
    if blanks:
        found.append(blanks)
    return found


def word_diff(left: str, right: str) -> Spans:
    """Both texts as runs that agree or differ, and the share of words that differ."""
    if left == right:
        span = (Span(left, False),) if left else ()
        return Spans(span, span, 0.0)
    ours, theirs = words(left), words(right)
    if len(ours) + len(theirs) > _BUDGET:
        return _by_lines(left, right)
    kept, different = _agreements(ours, theirs)
    return Spans(*_spans(ours, theirs, kept), different / (len(ours) + len(theirs)))


def changed_share(left: str, right: str) -> float:
    """The share of the words of both sides that differ, 0 to 1, without the runs."""
    if left == right:
        return 0.0
    ours, theirs = words(left), words(right)
    if len(ours) + len(theirs) > _BUDGET:
        return _by_lines(left, right).changed
    return float(Indel.normalized_distance(ours, theirs))


def _agreements(left: Sequence[str], right: Sequence[str]) -> tuple[list[Agreement], int]:
    """The runs that both sides have, in order, and how many words of both sides differ in the minimal edit.

    A lone blank between two replacements is left out of the runs, so that a phrase reads as one change. Pure insertions
    and deletions stay as small as they are.
    """
    kept: list[Agreement] = []
    i = k = equal = 0
    after_lone_blank = False
    # the blocks unpack like tuples, which is several times as fast as reading their attributes
    blocks = cast("Iterable[tuple[int, int, int]]", Indel.editops(left, right).as_matching_blocks())
    for j, m, size in blocks:
        replaces = j > i and m > k
        if replaces and after_lone_blank:
            kept.pop()
        i, k = j + size, m + size
        if size:
            kept.append((j, i, m, k))
            equal += size
        after_lone_blank = size == 1 and replaces and left[j].isspace()
    return kept, len(left) + len(right) - 2 * equal


def _spans(
    left: Sequence[str], right: Sequence[str], kept: list[Agreement]
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Both sides cut where the runs that agree begin and end; what agrees is one span for both."""
    ours: list[Span] = []
    theirs: list[Span] = []
    i = k = 0
    for j, after_left, m, after_right in (*kept, (len(left), len(left), len(right), len(right))):
        if j > i:
            ours.append(Span("".join(left[i:j]), True))
        if m > k:
            theirs.append(Span("".join(right[k:m]), True))
        if after_left > j:
            same = Span("".join(left[j:after_left]), False)
            ours.append(same)
            theirs.append(same)
        i, k = after_left, after_right
    return tuple(ours), tuple(theirs)


def _by_lines(left: str, right: str) -> Spans:
    """Lines first; words only within runs of changed lines that are short enough."""
    ours, theirs = left.splitlines(keepends=True), right.splitlines(keepends=True)
    spans: tuple[list[Span], list[Span]] = [], []
    changed = total = 0.0
    for different, i, j, k, m in _line_runs(ours, theirs):
        a, b = "".join(ours[i:j]), "".join(theirs[k:m])
        count = (len(a) + len(b)) or 1
        total += count
        if not different:
            inner = Spans((Span(a, False),), (Span(b, False),), 0.0)
        elif a and b and len(a) + len(b) <= 2 * _BUDGET:
            inner = word_diff(a, b)
        else:
            inner = Spans(_whole(a), _whole(b), 1.0)
        changed += inner.changed * count
        spans[0].extend(inner.left)
        spans[1].extend(inner.right)
    return Spans(tuple(spans[0]), tuple(spans[1]), changed / total if total else 0.0)


def _whole(text: str) -> tuple[Span, ...]:
    return (Span(text, True),) if text else ()


def _line_runs(left: Sequence[str], right: Sequence[str]) -> Iterator[Run]:
    """Runs of lines; the lines that both begin and end with are taken off first, as most of a text is the same."""
    shorter = min(len(left), len(right))
    head = next((place for place in range(shorter) if left[place] != right[place]), shorter)
    room = shorter - head
    tail = next((place for place in range(room) if left[-1 - place] != right[-1 - place]), room)
    if head:
        yield False, 0, head, 0, head
    inner = left[head : len(left) - tail], right[head : len(right) - tail]
    i = k = head
    if len(inner[0]) * len(inner[1]) <= _CELLS:
        for j, after_left, m, after_right in _agreements(*inner)[0]:
            if head + j > i or head + m > k:
                yield True, i, head + j, k, head + m
            i, k = head + after_left, head + after_right
            yield False, head + j, i, head + m, k
    if i < len(left) - tail or k < len(right) - tail:
        yield True, i, len(left) - tail, k, len(right) - tail
    if tail:
        yield False, len(left) - tail, len(left), len(right) - tail, len(right)
