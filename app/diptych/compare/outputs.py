"""What both versions answered to the same questions."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from diptych import display
from diptych.compare.words import changed_share
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain, Sample
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Clause, Column, Row, Sheet, Status
from diptych.errors import DiptychError
from diptych.job import Job, Tick

_MEASURED = 5_000
"""Pairs whose changed words are counted; beyond, the order of the file must do."""
_STRIDE = 100
_MATCHED = 0.95
"""Below this share of matched questions, totals of the two sides are about different things."""

FLIPS = {
    (True, False): "A right, B wrong",
    (False, True): "A wrong, B right",
    (True, True): "both right",
    (False, False): "both wrong",
}
_COLUMNS = (
    Column("flip", "right or wrong", numeric=False),
    Column("changed_words", "changed words", format="percent"),
)


class Outputs:
    """Answers matched by the question's hash; by its text, or else its number, where a side's records hold no hash."""

    key = "outputs"
    title = "Outputs"
    heavy = True

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """A row for each question of either side; the texts stay whole, their words are compared when shown."""
        notes = [f"no record of {side} holds samples" for side, each in (("A", left), ("B", right)) if not _has(each)]
        if notes:
            yield Tick("Reading outputs")
            one_sided = len(notes) == 1  # of two empty sides nothing need be said that an empty sheet does not say
            return Sheet(self.key, self.title, self.key, notes=tuple(notes) if one_sided else ())
        collected = _Collected()
        faults = [
            (yield from _read(_samples(left), "Reading outputs of A", collected.keep)),
            (yield from _read(_samples(right), "Comparing outputs", collected.meet)),
        ]
        return collected.sheet([fault for fault in faults if fault])


def _read(samples: Iterator[Sample], text: str, use: Callable[[Sample], None]) -> Job[str]:
    """Hand every sample to `use`; the result says in one line why reading ended early."""
    try:
        for count, sample in enumerate(samples):
            use(sample)
            if count % _STRIDE == 0:
                yield Tick(text, count, 0, "outputs")
    except DiptychError as error:
        return f"reading stopped, so only pairs are shown: {error.message}"
    return ""


def _has(dossier: Dossier) -> bool:
    return dossier.samples is not None and dossier.has_samples


def _samples(dossier: Dossier) -> Iterator[Sample]:
    if dossier.samples is not None:
        yield from dossier.samples()


class _Collected:
    """Rows as the pairs meet. Texts are held once: in their cells."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
        self._rows: list[Row] = []
        self._keys: dict[str, int] = {}
        self._measured = 0
        self._pairs = 0
        self._only_right: list[Sample] = []

    def keep(self, left: Sample) -> None:
        """Hold an answer of A until B's to the same question comes."""
        self._waiting[left.pairing].append(left)

    def meet(self, right: Sample) -> None:
        """Pair an answer of B with the first answer of A to the same question that is still free."""
        free = self._waiting.get(right.pairing)
        if not free:
            self._only_right.append(right)
            return
        left = free.pop(0)
        self._pairs += 1
        self._rows.append(self._pair(left, right))

    def sheet(self, faults: Sequence[str]) -> Sheet:
        """All rows: pairs in the order of B's records, then what only one side answered, unless reading failed."""
        left_over = [sample for samples in self._waiting.values() for sample in samples]
        without_hash, only_left, only_right = _without_hash(left_over, self._only_right)
        self._pairs += len(without_hash)
        self._rows += [self._pair(left, right) for left, right in without_hash]
        if faults:
            only_left, only_right = [], []
        rows = [
            *self._rows,
            *(self._alone(sample, Status.LEFT_ONLY) for sample in only_left),
            *(self._alone(sample, Status.RIGHT_ONLY) for sample in only_right),
        ]
        rows.sort(key=lambda row: row.group)
        total = self._pairs + max(len(only_left), len(only_right))
        told = [f"matched {self._pairs:,} of {total:,}"] if rows or not faults else []
        if total and self._pairs < _MATCHED * total:
            told[0] += ": the rest was asked of one side only"
        if without_hash:
            text = "one side's records hold no hash of the question: paired by its text, else by its number"
            told.append(f"{display.plural(len(without_hash), 'pair')}: {text}")
        if any(row.values["changed_words"] is None for row in self._rows):
            told.append(f"changed words are counted for the first {_MEASURED:,} pairs")
        return Sheet(
            "outputs", "Outputs", "outputs", tuple(rows), _COLUMNS, clauses=tuple(flips(self._rows)),
            notes=(*told, *map(display.visible, faults)),
        )  # fmt: skip

    def _pair(self, left: Sample, right: Sample) -> Row:
        same_text = left.output == right.output
        same = same_text and _agree(left.scores, right.scores)
        share: float | None = 0.0
        if not same_text:
            share = None
            if self._measured < _MEASURED:
                share = changed_share(left.output, right.output)
                self._measured += 1
        flip = _flip(left, right)
        notes = []
        if same_text and not same:
            notes.append("same answer, other scores")
        hashes = left.prompt_hash and right.prompt_hash and left.prompt_hash != right.prompt_hash
        if hashes or (bool(left.doc_hash) != bool(right.doc_hash) and left.prompt != right.prompt):
            notes.append("the prompts differ")
        return Row(
            self._key(left),
            Status.SAME if same else Status.DIFFERS,
            _cell(left),
            _cell(right),
            _label(left),
            display.visible(left.task),
            change=flip if flip in ("A right, B wrong", "A wrong, B right") else "",
            magnitude=share,
            note="; ".join(notes),
            values=_values(left, right) | {"changed_words": share, "flip": flip},
        )

    def _alone(self, sample: Sample, status: Status) -> Row:
        on_left = status is Status.LEFT_ONLY
        return Row(
            self._key(sample),
            status,
            _cell(sample) if on_left else None,
            None if on_left else _cell(sample),
            _label(sample),
            display.visible(sample.task),
            values=_values(sample if on_left else None, None if on_left else sample),
        )

    def _key(self, sample: Sample) -> str:
        """`task/number`, with the filter where there is one, numbered where a record repeats it."""
        key = f"{sample.task}/{sample.doc_id}" + (f",{sample.filter}" if sample.filter else "")
        self._keys[key] = self._keys.get(key, 0) + 1
        return key if self._keys[key] == 1 else self._key_again(key)

    def _key_again(self, key: str) -> str:
        numbered = f"{key} ({self._keys[key]})"
        while numbered in self._keys:
            self._keys[key] += 1
            numbered = f"{key} ({self._keys[key]})"
        self._keys[numbered] = 1
        return numbered


def _without_hash(
    left: Sequence[Sample], right: Sequence[Sample]
) -> tuple[list[tuple[Sample, Sample]], list[Sample], list[Sample]]:
    """Pairs of which one answer names the hash of its question and the other does not; then what is left of each side.

    Evaluation harnesses write these hashes only since some release.
    """
    pairs: list[tuple[Sample, Sample]] = []
    ours, theirs = list(left), list(right)
    for question in (_by_text, _by_number):
        free: dict[tuple[object, ...], deque[Sample]] = defaultdict(deque)
        for sample in ours:
            free[question(sample)].append(sample)
        rest = []
        for sample in theirs:
            # those that lack what this one has, and the other way round
            found = free.get((*question(sample)[:-1], not sample.doc_hash))
            if found:
                pairs.append((found.popleft(), sample))
            else:
                rest.append(sample)
        ours, theirs = [sample for samples in free.values() for sample in samples], rest
    return pairs, ours, theirs


def _by_text(sample: Sample) -> tuple[object, ...]:
    return sample.task, sample.filter, sample.prompt or sample.doc_id, bool(sample.doc_hash)


def _by_number(sample: Sample) -> tuple[object, ...]:
    return sample.task, sample.filter, sample.doc_id, bool(sample.doc_hash)


def _label(sample: Sample) -> str:
    return display.visible(sample.doc_id) + (f" ({display.visible(sample.filter)})" if sample.filter else "")


def _cell(sample: Sample) -> Cell:
    return Cell(display.visible(sample.output, keep_newlines=True), sample.output, sample.source)


def _values(left: Sample | None, right: Sample | None) -> dict[str, Plain]:
    sample = left or right
    assert sample is not None
    return {
        "prompt": sample.prompt,
        "target": sample.target,
        "scores_left": dict(left.scores) if left else None,
        "scores_right": dict(right.scores) if right else None,
        "changed_words": None,
        "flip": "",
    }


def _agree(left: Mapping[str, float], right: Mapping[str, float]) -> bool:
    """Whether two sets of scores are equal where both have them; NaN is equal to NaN."""
    return all(left[name] == right[name] or left[name] != left[name] for name in left.keys() & right.keys())


def _flip(left: Sample, right: Sample) -> str:
    """Who was right, by the first score that is nought or one on both sides."""
    for name, value in left.scores.items():
        other = right.scores.get(name)
        if value in (0, 1) and other in (0, 1):
            return FLIPS[value == 1, other == 1]
    return ""


def turned_flip(flip: str) -> str:
    """Who was right, seen from the other side."""
    sides = next((sides for sides, words in FLIPS.items() if words == flip), None)
    return FLIPS[sides[1], sides[0]] if sides is not None else flip


def flips(rows: Iterable[Row]) -> Iterator[Clause]:
    """How many answers B breaks, and how many it fixes."""
    rows = list(rows)
    for flip, words in ((FLIPS[True, False], "B breaks"), (FLIPS[False, True], "B fixes")):
        found = [row for row in rows if row.values["flip"] == flip]
        if found:
            text = f"{words} {display.plural(len(found), 'answer')}"
            yield Clause(text, "outputs", found[0].key, 1)
