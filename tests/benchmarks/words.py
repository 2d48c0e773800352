"""Word difference of answers of about 2 kB, beside difflib on the same words in the same run.

Run: `PYTHONPATH=app python tests/benchmarks/words.py`. Goal: 80 times as fast as difflib, with a minimal edit.
"""

from __future__ import annotations

import difflib
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pydoc_data import topics

from diptych.compare import words

_TEXT = " ".join(" ".join(topics.topics[name].split()) for name in sorted(topics.topics))
"""English prose with some code: Python's own help."""

_VOCABULARY = sorted(set(_TEXT.split()))
_COMMON = [word for word, _ in Counter(_TEXT.split()).most_common(100)]
_PAIRS = 12


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


def microseconds(work: Callable[[str, str], object], texts: list[tuple[str, str]], rounds: int) -> float:
    """Median time of one pair. Answers are taken apart anew; pieces met in other answers are known, as ever."""
    times = []
    for _ in range(rounds):
        for left, right in texts:
            words.words.cache_clear()
            start = time.perf_counter()
            work(left, right)
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def _peer(left: str, right: str) -> float:
    found = difflib.SequenceMatcher(None, words.words(left), words.words(right), autojunk=False)
    equal = sum(i2 - i1 for tag, i1, i2, _, _ in found.get_opcodes() if tag == "equal")
    return len(words.words(left)) + len(words.words(right)) - 2 * equal


def _edits(left: str, right: str) -> float:
    return words.word_diff(left, right).changed * (len(words.words(left)) + len(words.words(right)))


def main() -> None:
    """Print one line for each kind of answer."""
    print(f"{'':22}{'difflib µs':>12}{'ours µs':>10}{'ratio':>8}{'edit: difflib':>15}{'ours':>8}")
    for answer in (narrow, prose):
        for kind in ("5 % edits", "30 % edits", "diverges", "unrelated"):
            texts = pairs(kind, answer, random.Random(7))
            ours = microseconds(words.word_diff, texts, 9)
            theirs = microseconds(_peer, texts, 1)
            edits = [round(sum(count(*pair) for pair in texts) / len(texts)) for count in (_peer, _edits)]
            name = f"{answer.__name__}, {kind}"
            print(f"{name:22}{theirs:12.0f}{ours:10.0f}{theirs / ours:8.0f}{edits[0]:15}{edits[1]:8}")


if __name__ == "__main__":
    main()
