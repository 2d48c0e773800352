"""Word difference of answers of about 2 kB, beside difflib on the same words in the same run.

Run: `PYTHONPATH=app python tests/benchmarks/words.py`. Goal: 80 times as fast as difflib, with a minimal edit.
"""

from __future__ import annotations

import difflib
import random
import statistics
import time
from collections.abc import Callable

from diptych.compare import words

_VOCABULARY = [
    "model", "the", "of", "training", "loss", "step", "checkpoint", "a", "is", "weights", "layer", "token", "value",
    "in", "and", "returns", "list", "object", "string", "key", "function", "argument", "with", "when", "not", "data",
    "learning", "rate", "batch", "answer",
] + [f"word{number}" for number in range(400)]  # fmt: skip
_FREQUENCY = [1 / rank for rank in range(1, len(_VOCABULARY) + 1)]
_PAIRS = 12


def answer(chance: random.Random) -> str:
    """About 310 words, so about 680 with the blanks and signs between them; few are frequent, as in any language."""
    found = chance.choices(_VOCABULARY, _FREQUENCY, k=310)
    return " ".join(word + chance.choice(["", "", "", "", ","]) for word in found)


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


def pairs(kind: str, chance: random.Random) -> list[tuple[str, str]]:
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
    """Median time of one pair; nothing is remembered from pair to pair."""
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
    chance = random.Random(7)
    print(f"{'':12}{'difflib µs':>12}{'ours µs':>10}{'ratio':>8}{'edit: difflib':>15}{'ours':>8}")
    for kind in ("5 % edits", "30 % edits", "diverges", "unrelated"):
        texts = pairs(kind, chance)
        ours = microseconds(words.word_diff, texts, 9)
        theirs = microseconds(_peer, texts, 1)
        edits = [round(sum(count(*pair) for pair in texts) / len(texts)) for count in (_peer, _edits)]
        print(f"{kind:12}{theirs:12.0f}{ours:10.0f}{theirs / ours:8.0f}{edits[0]:15}{edits[1]:8}")


if __name__ == "__main__":
    main()
