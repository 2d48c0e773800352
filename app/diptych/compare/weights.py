"""What happened to the weights: structure from the headers at once, then every tensor measured.

While it runs, ticks carry the sheet so far. A tensor that is alike in name and shape has no row until it is measured;
it stands in the grid as a field without value, so that nothing is called equal or different before it is known.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from diptych import display
from diptych.compare import absent, adapted, adapters, health, looking, measured, modules, moved, quantising, spectra
from diptych.compare.grid import fields, filling
from diptych.compare.structure import Pairing, pairings, tied_on_both
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Clause, Column, Row, Sheet, Status
from diptych.domain.tensor import TensorSource
from diptych.errors import DiptychError
from diptych.job import Job, Tick, retold

if TYPE_CHECKING:
    from diptych.tensors.difference import TensorDifference

Pair: TypeAlias = tuple[str, str]

_COLUMNS = (
    Column("relative_change", "‖Δ‖ ∕ ‖A‖", format="g3"),
    Column("cosine", "cosine", format="g6"),
    Column("max_abs", "max |Δ|", format="g3"),
    Column("changed_fraction", "changed", format="percent"),
    Column("elements", "elements", format="count"),
    Column("nonfinite", "NaN or ∞", format="count"),
)
_SURE = ": ‖Δ‖ ∕ ‖A‖ lies within the bounds in 95 of 100 cases"
_PAUSE = 0.1
"""Seconds between two signs of life, and at least between two sheets in progress."""
_OFTEN = 2**12
"""Tensors that are looked at between two signs of life, where nothing is done for most of them."""


class Weights:
    """Every tensor of both versions: structure, equality, and how far it moved."""

    key = "weights"
    title = "Weights"
    heavy = True

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """Structure first, then numbers in the order of the network."""
        if adapted.applies(left, right):
            return (yield from adapted.compare(left, right))
        if adapters.applies(left, right):
            return (yield from adapters.compare(left, right))
        if not (left.tensors and right.tensors):
            yield Tick("Comparing weights")
            return _one_sided(left, right)
        for number, tensor in enumerate((*left.tensors, *right.tensors)):
            modules.place(tensor.name)  # it is kept: whatever asks for it again need not read the name
            if number % _OFTEN == _OFTEN - 1:
                yield Tick("Comparing weights")
        pairs = pairings(left, right)
        if len(pairs) >= _OFTEN:
            yield Tick("Comparing weights")
        progress = _Progress(left, right, pairs)
        progress.estimate()
        yield (yield from progress.tick())
        note = ""
        if rules.exact or not progress.all_estimated:
            note = yield from _measure(left, right, progress)
        if note:
            progress.give_up(note)
        return (yield from progress.whole(note))


class _Progress:
    """The sheet while it fills."""

    def __init__(self, left: Dossier, right: Dossier, pairs: Sequence[Pairing]) -> None:
        self.left, self.right, self.pairs = left, right, pairs
        self.rows: dict[str, Row] = {}
        self.names = _unique([pair.name for pair in self.pairs])
        lacking = {
            Status.LEFT_ONLY: absent.incomplete(right, "B"), Status.RIGHT_ONLY: absent.incomplete(left, "A"),
        }  # fmt: skip
        for name, pair in zip(self.names, self.pairs, strict=True):
            row = measured.structural(name, pair)
            if row is not None:
                why = lacking.get(row.status)
                self.rows[name] = replace(row, status=Status.NOT_COMPARABLE, note=why) if why else row
        self.waiting = {
            pair.read: name
            for name, pair in zip(self.names, self.pairs, strict=True)
            if pair.measurable and measured.readable(pair)
        }
        self._by_name = dict(zip(self.names, self.pairs, strict=True))
        self.total = sum(self.pair(name).bytes for name in self.waiting.values())
        self._fields = fields(self.names, tied_on_both(left, right))
        self.done = 0
        self.estimated: set[str] = set()
        """Rows that fingerprints have filled and nothing has measured since."""
        self.seen: list[Clause] = []
        """What a closer look at some values has found."""

    def pair(self, name: str) -> Pairing:
        """The pairing behind the row `name`."""
        return self._by_name[name]

    def estimate(self) -> None:
        """Put rows for what the fingerprints of both sides tell; measuring refines them."""
        prints = [side.fingerprint() if side.fingerprint else None for side in (self.left, self.right)]
        if prints[0] is None or prints[1] is None:
            return
        from diptych.tensors.sketch import estimate  # it computes, which the first look does not wait for

        ours, theirs = prints[0].tensors, prints[1].tensors
        for (a, b), name in self.waiting.items():
            if a in ours and b in theirs and (found := estimate(ours[a], theirs[b])) is not None:
                self.rows[name] = measured.estimated(name, self.pair(name), found, ours[a], theirs[b])
                self.estimated.add(name)

    @property
    def all_estimated(self) -> bool:
        """Whether fingerprints tell of every tensor that is alike in name and shape."""
        return self.estimated.issuperset(self.waiting.values())

    def put(self, name: str, row: Row) -> None:
        """Take in a measured row."""
        self.rows[name] = row
        self.estimated.discard(name)
        self.done += self.pair(name).bytes

    def take(self, found: Iterable[tuple[Pair, TensorDifference | None]]) -> Job[None]:
        """Take in what is measured, with a sheet now and then: seldom enough that drawing it up costs little."""
        pause = _PAUSE
        last = shown = time.monotonic()
        for pair, numbers in found:
            if numbers is not None:
                name = self.waiting[pair]
                self.put(name, measured.row(name, self.pair(name), numbers))
            now = time.monotonic()
            if now - shown >= pause:
                tick = yield from self.tick()
                pause = max(_PAUSE, 4 * (time.monotonic() - now))
                yield tick
                last = shown = time.monotonic()
            elif now - last >= _PAUSE:
                yield self._here()
                last = now

    def look_closer(self, ours: TensorSource, theirs: TensorSource) -> Job[None]:
        """Tell what took another look at values: the rank of a small change, dead rows, casts."""
        for row in (yield from quantising.checked(self._read_rows(), self._by_name, ours, theirs)):
            self.rows[row.key] = row
        rows = self._read_rows()
        self.seen += quantising.clauses(rows)
        sampled = yield from spectra.sample(rows, self._by_name, ours, theirs)
        if sampled is not None:
            self.seen.append(sampled.clause)
            for name, rank in sampled.ranks.items():
                self.rows[name] = replace(self.rows[name], values={**self.rows[name].values, "low_rank": rank})
        self.seen += yield from looking.clauses(rows, self._by_name, ours, theirs)

    def _read_rows(self) -> list[Row]:
        return [self.rows[name] for name in self.waiting.values() if name in self.rows]

    def give_up(self, note: str) -> None:
        """Say of every tensor that could not be measured why; equal digests of its file still prove it equal."""
        for name in self.waiting.values():
            row = self.rows.get(name)
            if name in self.estimated:
                continue
            if row is None or row.values["relative_change"] is None:
                self.rows[name] = measured.unread(name, self.pair(name), self.left, self.right, note)

    def tick(self) -> Job[Tick]:
        """How far it has come, with the sheet so far."""
        sheet = yield from self._sheet()
        left_over = len(self.names) - len(sheet.rows)
        if left_over:
            sheet = replace(sheet, notes=(*sheet.notes, f"{display.plural(left_over, 'tensor')} not yet compared"))
        return self._here(sheet)

    def whole(self, note: str) -> Job[Sheet]:
        """The sheet in the end, with what it says of the whole; `note` tells what could not be measured."""
        sheet = yield from self._sheet()
        clauses = list(moved.clauses(sheet.rows))
        clauses += self.seen
        for found in health.checks(sheet.rows, self._by_name, self.left, self.right):
            yield self._here()
            clauses += found
        notes = (note, *sheet.notes) if note else sheet.notes
        return replace(sheet, clauses=tuple(clauses), notes=notes, complete=True)

    def _here(self, partial: Sheet | None = None) -> Tick:
        return Tick("Comparing weights", self.done, self.total, "bytes", partial)

    def _sheet(self) -> Job[Sheet]:
        """Rows and map of what is known."""
        rows = tuple(self.rows[name] for name in self.names if name in self.rows)
        notes = []
        guessed = sum(row.values.get("estimated") is True for row in rows)
        if guessed:
            notes.append(f"{display.plural(guessed, 'tensor')} estimated from fingerprints{_SURE}")
        heat = yield from retold(filling(self._fields, self.rows), lambda _: self._here())
        return Sheet("weights", "Weights", "tensors", rows, _COLUMNS, grid=heat, notes=tuple(notes), complete=False)


def _unique(names: Sequence[str]) -> list[str]:
    """Names that no two rows share; a tied head may meet another row of its name."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _one_sided(left: Dossier, right: Dossier) -> Sheet:
    """What can be said where a side has no tensors: why. What the other side has is no difference."""
    notes = tuple(absent.weights(each, side) for side, each in (("A", left), ("B", right)) if not each.tensors)
    clauses = tuple(Clause(f"weights not compared: {note}", "weights", weight=1) for note in notes)
    return Sheet("weights", "Weights", "tensors", columns=_COLUMNS, clauses=clauses, notes=notes)


def _measure(left: Dossier, right: Dossier, progress: _Progress) -> Job[str]:
    """Measure what can be measured; the job's result says in one line why some of it could not be."""
    if not progress.waiting:
        return ""
    absent = [side for side, dossier in (("A", left), ("B", right)) if dossier.weights is None]
    if left.weights is None or right.weights is None:
        return f"values not compared: the weights of {' and '.join(absent)} are not here"
    # the arithmetic loads compiled code, which the first look at a comparison does not wait for
    from diptych.tensors.difference import difference
    from diptych.tensors.viewed import Viewed

    views = [[view for pair in progress.pairs if (view := pair.views[side])] for side in (0, 1)]
    try:
        with ExitStack() as opened:
            sources = []
            for weights in (left.weights, right.weights):
                yield Tick("Reading headers", progress.done, progress.total, "bytes")
                sources.append(opened.enter_context(weights()))
            ours, theirs = (Viewed(source, shown) for source, shown in zip(sources, views, strict=True))
            pairs = _still_there(list(progress.waiting), ours, theirs)
            for side, source in enumerate((ours, theirs)):
                for number, pair in enumerate(pairs):
                    if number % _OFTEN == 0:
                        yield Tick("Putting values in order", progress.done, progress.total, "bytes")
                    for _ in source.unfolding(pair[side]):
                        yield Tick("Putting values in order", progress.done, progress.total, "bytes")
            found = difference(ours, theirs, pairs)
            try:
                yield from progress.take(found)
            finally:
                if isinstance(found, Generator):
                    found.close()
            yield from progress.look_closer(ours, theirs)
    except DiptychError as error:
        return f"values not compared: {display.visible(error.message)}"
    return "" if len(pairs) == len(progress.waiting) else "some files changed since they were scanned: scan them again"


def _still_there(pairs: Sequence[Pair], left: TensorSource, right: TensorSource) -> list[Pair]:
    """The pairs whose tensors the files hold now, in equal shapes; headers may be older than the files."""
    shapes = [{tensor.name: tensor.shape for tensor in source.tensors()} for source in (left, right)]
    return [(a, b) for a, b in pairs if a in shapes[0] and shapes[0][a] == shapes[1].get(b)]
