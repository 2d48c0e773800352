"""Word difference of answers of about 2 kB, beside difflib on the same words in the same run.

Run: `PYTHONPATH=app python tests/benchmarks/words.py`. Goal: 80 times as fast as difflib, with a minimal edit. Both
sides take both texts apart each time, after a hundred other answers were read. "Alone" is ours when nothing was read
before; "again" when these texts were, as when an answer is compared with a second one or drawn again.
"""

from __future__ import annotations

import difflib
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pydoc_data import topics

from diptych.compare import words

_TEXT = " ".join(" ".join(topics.topics[name].split()) for name in sorted(topics.topics))
"""English prose with some code: Python's own help."""

_VOCABULARY = sorted(set(_TEXT.split()))
_COMMON = [word for word, _ in Counter(_TEXT.split()).most_common(100)]
_PAIRS = 12
_OTHERS = 100


def prose(chance: random.Random) -> str:
    """680 words, blanks and signs as people write them: about 2 kB."""
    start = _TEXT.index(" ", chance.randrange(len(_TEXT) - 10_000)) + 1
    return "".join(words.words(_TEXT[start : start + 4_000])[:680])


def narrow(chance: random.Random) -> str:
    """As many words out of a hundred, as a small model repeats itself."""
    return " ".join(chance.choices(_COMMON, k=340))


def edited(text: str, share: float, chance: random.Random) -> str:
    """`text` with that share of its words replaced, dropped or doubled."""
    found = []
    for word in text.split(" "):
        if chance.random() >= share:
            found.append(word)
        elif chance.random() < 0.6:
            found.append(chance.choice(_VOCABULARY))
        elif chance.random() < 0.5:
            found += [word, chance.choice(_VOCABULARY)]
    return " ".join(found)


def pairs(kind: str, answer: Callable[[random.Random], str], chance: random.Random) -> list[tuple[str, str]]:
    """Answers that differ in one of the ways in which answers differ."""
    found = []
    for _ in range(_PAIRS):
        text = answer(chance)
        if kind == "diverges":
            half = len(text) // 2
            found.append((text, text[:half] + answer(chance)[half:]))
        elif kind == "unrelated":
            found.append((text, answer(chance)))
        else:
            found.append((text, edited(text, 0.05 if kind == "5 % edits" else 0.3, chance)))
    return found


def microseconds(
    work: Callable[[str, str], object], pair: tuple[str, str], rounds: int, pieces: Iterable[str]
) -> float:
    """Median time of the processor for one pair, each time after both texts and `pieces` were forgotten."""
    times = []
    for _ in range(rounds):
        words.words.cache_clear()
        for piece in pieces:
            words._pieces.pop(piece, None)
        start = time.thread_time()
        work(*pair)
        times.append(time.thread_time() - start)
    return statistics.median(times) * 1e6


def again(pair: tuple[str, str], rounds: int) -> float:
    """The same where both texts were taken apart before."""
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        words.word_diff(*pair)
        times.append(time.thread_time() - start)
    return statistics.median(times) * 1e6


def _peer(left: str, right: str) -> int:
    """Words of both sides that differ by difflib, on the same words, which it too has to find first."""
    ours, theirs = words.words(left), words.words(right)
    found = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    equal = sum(i2 - i1 for tag, i1, i2, _, _ in found.get_opcodes() if tag == "equal")
    return len(ours) + len(theirs) - 2 * equal


def _edits(left: str, right: str) -> int:
    return round(words.word_diff(left, right).changed * (len(words.words(left)) + len(words.words(right))))


def main() -> None:
    """Print one line for each kind of answer: medians over its pairs, and of the ratios pair by pair."""
    print(f"{'':20}{'difflib µs':>11}{'ours µs':>9}{'ratio':>7}{'lowest':>7}", end="")
    print(f"{'alone µs':>10}{'ratio':>6}{'again µs':>10}{'ratio':>6}{'edit: difflib':>15}{'ours':>6}")
    for answer in (narrow, prose):
        chance = random.Random(7)
        read = sorted({piece for _ in range(_OTHERS) for piece in answer(chance).split()})
        for kind in ("5 % edits", "30 % edits", "diverges", "unrelated"):
            texts = pairs(kind, answer, chance)
            rows = []
            for pair in texts:
                words.words(" ".join(read))
                pieces = {*pair[0].split(), *pair[1].split()}
                theirs = microseconds(_peer, pair, 3, pieces.difference(read))
                ours = [microseconds(words.word_diff, pair, 15, pieces.difference(read)), again(pair, 15)]
                ours.append(microseconds(words.word_diff, pair, 15, pieces))
                rows.append((theirs, *ours, *(theirs / one for one in ours)))
            theirs, new, known, alone, *ratios = map(statistics.median, zip(*rows, strict=True))
            lowest = min(row[4] for row in rows)
            edits = [round(statistics.mean(count(*pair) for pair in texts)) for count in (_peer, _edits)]
            print(f"{f'{answer.__name__}, {kind}':20}{theirs:11.0f}{new:9.0f}{ratios[0]:7.0f}{lowest:7.0f}", end="")
            print(f"{alone:10.0f}{ratios[2]:6.0f}{known:10.0f}{ratios[1]:6.0f}{edits[0]:15}{edits[1]:6}")


if __name__ == "__main__":
    main()
