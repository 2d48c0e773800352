"""Which versions were made from which, told from their weights.

Versions of one form (the same tensors) are put in order: by when they were written, by step within a run, and where
neither tells, the most central first, for what several others are near to is where they began. Each version then
descends from the nearest one before it, as a copy, a cast, the next checkpoint, a fine-tune, or a mixture.

The confidence of an edge is a product of what could be wrong with it, each as a chance of being right:

- that the two are of kin at all: `kinship.related`, from the cosine of their matrices, its odds multiplied by what
  tokenizer, architecture and records of training say (`signs`);
- that they are the right way round: 1 where a record of the child names the parent, 0.99 by the steps of one run, 0.9
  by the times of files (copying may lose them), 0.65 by how central they are, 0.97 where rounding goes one way only;
- that it is this parent and no other: from 0.5 where a second one is as near to 1 where it is a fifth farther away.

These chances were set by hand and held against generated families of known descent by `tests/benchmarks/lineage.py`:
of 568 edges those of 0.6 to 0.7, which are guesses at the direction, were right in 61 of 100 cases, all that claimed
more were right, and what claimed less is not told. They are no probabilities for a library of another make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych.compare.blends import Blend, blend
from diptych.compare.kinship import ROUNDING, Kinship, bits, kinship, related
from diptych.compare.signs import signs, weighed
from diptych.display import number, plural, visible
from diptych.domain.fingerprint import Fingerprint
from diptych.domain.lineage import Edge
from diptych.domain.version import Relation, Version

Prints = Callable[[str], Fingerprint | None]
"""The fingerprint of a version, by id."""

MOMENT = 1.0
"""Seconds within which times of files say nothing of their order."""
LEAST = 0.5
"""What is less likely than not is not looked at further."""
TOLD = 0.6
"""What is less sure in the end is not told: of families of known descent, hardly any edge with less was right."""
_BY_STEP, _BY_TIME, _BY_CENTRE, _BY_ROUNDING = 0.99, 0.9, 0.65, 0.97
_RIVAL = 0.2
_ONWARD = 0.2
"""The least cosine of two steps in one direction: 512 cells of chance give 0.04."""
_CANDIDATES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """A version with its weights in short."""

    version: Version
    vector: NDArray[np.float64]
    norm: float


def descent(family: Sequence[Weighed], prints: Prints) -> Iterator[Edge | None]:
    """The edges among versions of one form; None now and then, so that a job may tick."""
    if len(family) < 2:
        return
    ordered = _ordered(family)
    lineage = _Family(ordered, prints)
    for place in range(len(ordered)):
        yield lineage.origin(place)


def _ordered(family: Sequence[Weighed]) -> list[Weighed]:
    """The versions, those before that others may descend from."""
    centre = np.mean([one.vector for one in family], axis=0)
    by_time = sorted(family, key=lambda one: (one.version.created is None, one.version.created or 0.0))
    moments: list[list[Weighed]] = []
    for one in by_time:
        last = moments[-1][-1].version.created if moments else None
        if last is not None and (one.version.created or last) - last <= MOMENT:
            moments[-1].append(one)
        else:
            moments.append([one])
    ordered = [
        one for group in moments
        for one in sorted(group, key=lambda one: (float(np.sum(np.square(one.vector - centre))), one.version.name))
    ]  # fmt: skip
    runs: dict[str, list[int]] = {}
    for place, one in enumerate(ordered):
        if one.version.step is not None:
            runs.setdefault(one.version.model, []).append(place)
    for places in runs.values():
        # times of copied checkpoints say nothing, their steps do
        members = sorted((ordered[place] for place in places), key=lambda one: one.version.step or 0)
        for place, member in zip(places, members, strict=True):
            ordered[place] = member
    return _exports_last(ordered)


def _exports_last(ordered: Sequence[Weighed]) -> list[Weighed]:
    """The same, but what has the weights of a run's checkpoint and no step stands right behind that one.

    The last checkpoint is saved once more at the end of a run, and copied out of it, far more often than the other way
    round; as its own copy it is no parent of the checkpoints.
    """
    places = []
    for place, one in enumerate(ordered):
        source = next((at for at, other in enumerate(ordered) if _exported(one, other)), place)
        places.append((source, source != place, place))
    return [ordered[place] for _, _, place in sorted(places)]


def _exported(copy: Weighed, checkpoint: Weighed) -> bool:
    """Whether a version without a step may be a copy of a checkpoint: the same weights, and not written before it."""
    if copy.version.step is not None or not checkpoint.version.step or copy.norm != checkpoint.norm:
        return False
    written, saved = copy.version.created, checkpoint.version.created
    late = written is None or saved is None or written >= saved - MOMENT
    return late and bool((copy.vector == checkpoint.vector).all())


class _Family:
    """Versions of one form in order, and the parents found so far."""

    def __init__(self, ordered: Sequence[Weighed], prints: Prints) -> None:
        self._members = ordered
        self._prints = prints
        self._vectors = np.stack([one.vector for one in ordered])
        self._parents: dict[int, int] = {}
        self._copies: set[int] = set()

    def origin(self, place: int) -> Edge | None:
        """The edge that leads to one version; None for one that begins here."""
        child = self._members[place]
        apart = np.sqrt(np.sum(np.square(self._vectors - child.vector), axis=1)) / (child.norm or 1.0)
        cast = self._cast(place, apart)
        if cast is not None:
            return cast
        before = [at for at in np.argsort(apart[:place], kind="stable") if at not in self._copies]
        if not before:
            return None
        mixed = self._mixed(place, before[:_CANDIDATES])
        if mixed is not None:
            return mixed
        return self._nearest(place, self._in_order(place, before), apart)

    def _named(self, place: int, at: int) -> bool:
        """Whether a record of one version names another as what it was made from."""
        return signs(self._members[at].version, self._members[place].version).named

    def _in_order(self, place: int, before: list[int]) -> list[int]:
        """The nearest first; within the same run the checkpoint just before."""
        child = self._members[place].version
        run = [at for at in before if _same_run(self._members[at].version, child)]
        if not run:
            near, others = before[:_CANDIDATES], before[_CANDIDATES:]
            return [*sorted(near, key=lambda at: not self._named(place, at)), *others]
        last = max(run, key=lambda at: self._members[at].version.step or 0)
        return [last, *(at for at in before if at != last)]

    def _cast(self, place: int, apart: NDArray[np.float64]) -> Edge | None:
        """A copy in the same or another type, if there is a version that it can have been made from."""
        child = self._members[place].version
        band = ROUNDING.get(child.dtype)
        for at in np.argsort(apart, kind="stable")[: _CANDIDATES // 2]:
            other = self._members[at].version
            if at == place or at in self._copies or apart[at] > (band[1] * 2 if band else 1e-5):
                continue
            found = self._kinship(other, child)
            if found is None:
                continue
            if found.same and at < place:
                self._copies.add(place)
                told = [f"all {plural(found.tensors, 'tensor')} have the same bytes"]
                sure = self._direction(at, place)
                if sure == _BY_CENTRE:
                    told.append("which of the two was first is a guess")
                return Edge(child.id, (other.id,), Relation.IDENTICAL, sure, tuple(told))
            if found.same or bits(other.dtype) == bits(child.dtype):
                continue
            if found.equal and at < place:
                self._copies.add(place)
                words = f"equal values, {other.dtype} there and {child.dtype} here"
                return Edge(child.id, (other.id,), Relation.CONVERTED, self._direction(at, place), (words,))
            if found.equal or band is None or bits(other.dtype) < bits(child.dtype):
                continue
            inside, rounded = found.within(band)
            if rounded:
                self._copies.add(place)
                return rounding(other, child, found, inside, band)
        return None

    def _mixed(self, place: int, before: Sequence[int]) -> Edge | None:
        child = self._members[place].version
        able = [at for at in before if not _same_run(self._members[at].version, child)]
        floor = ROUNDING.get(child.dtype, (0.0, 1e-5))[1]
        found = blend(self._vectors[place], [self._vectors[at] for at in able], floor, self._within(able))
        if found is None:
            return None
        chosen = [able[number_] for number_ in found.places]
        parents = [self._members[at].version for at in chosen]
        exact = self._exact(child, parents, floor, self._within(chosen))
        if exact is None or not exact.clear:
            return None
        self._parents[place] = chosen[exact.places[0]]
        return mixture(
            child, [parents[at] for at in exact.places], exact, min(self._direction(at, place) for at in chosen)
        )

    def _within(self, places: Sequence[int]) -> dict[int, int]:
        """Which of these versions descends from which other of them, both by their number in the list."""
        numbers = {at: number_ for number_, at in enumerate(places)}
        return {
            number_: numbers[parent] for at, number_ in numbers.items() if (parent := self._parents.get(at)) in numbers
        }

    def _exact(
        self, child: Version, parents: Sequence[Version], floor: float, parents_of: dict[int, int]
    ) -> Blend | None:
        """The mixture on the full sketches of the matrices."""
        prints = [self._prints(one.id) for one in (child, *parents)]
        if any(one is None for one in prints):
            return None
        known = [one for one in prints if one is not None]
        names = [name for name, one in known[0].tensors.items()
                 if len(one.shape) > 1 and all(len(other.tensors[name].sketch) for other in known)]  # fmt: skip
        if not names:
            return None
        rows = [np.concatenate([one.tensors[name].sketch for name in names]).astype(np.float64) for one in known]
        return blend(rows[0], rows[1:], floor, parents_of)

    def _nearest(self, place: int, before: Sequence[int], apart: NDArray[np.float64]) -> Edge | None:
        """The step from the nearest version before, if the two are of kin."""
        at, child = before[0], self._members[place].version
        parent = self._members[at].version
        found = self._kinship(parent, child)
        if found is None:
            return None
        direction = self._direction(at, place)
        if direction == _BY_CENTRE and _declared_siblings(parent, child):
            return None  # what they are made from is known, and tells why they are alike
        same_run = _same_run(parent, child)
        rivals = [float(apart[other]) for other in before[1:2]]
        beside = signs(parent, child)
        choice = 1.0 if same_run or beside.named else _choice(float(apart[at]), rivals)
        confidence = weighed(related(found), beside.odds) * direction * choice
        if confidence < LEAST:
            return None
        self._parents[place] = at
        onward = 0.0 if same_run else self._onward(place, at)
        goes_on = same_run or beside.resumed or onward > _ONWARD
        relation = Relation.RESUMED if goes_on else Relation.FINE_TUNE
        evidence = [distance(found), *_identical(found), *self._course(place, at, onward), *beside.words]
        return Edge(child.id, (parent.id,), relation, confidence, tuple(evidence))

    def _course(self, place: int, at: int, onward: float) -> Iterator[str]:
        """What speaks for the order of two versions."""
        parent, child = self._members[at].version, self._members[place].version
        if _same_run(parent, child):
            yield f"the same run, step {parent.step or 0:,} before step {child.step or 0:,}"
            first = at
            while first in self._parents and _same_run(self._members[self._parents[first]].version, child):
                first = self._parents[first]
            if first != at:
                here, there = (np.linalg.norm(self._vectors[one] - self._vectors[first]) for one in (place, at))
                word = "farther from" if here > there else "back towards"
                yield f"one step {word} the beginning of the run"
        elif self._timed(at, place):
            yield "written after it"
        elif not self._named(place, at):
            yield "the order is a guess: the parent is the more central of the two"
        if onward > _ONWARD:
            yield f"goes on in the direction of that run (cosine {number(onward, 2)})"
        if child.base is not None and child.base.parent == parent.id:
            yield f"declared as well, in {visible(child.base.source.file)}"

    def _onward(self, place: int, at: int) -> float:
        """The cosine of this step and the one before it in a run, for a checkpoint with a later step."""
        parent, child = self._members[at].version, self._members[place].version
        earlier = self._parents.get(at)
        if earlier is None or child.step is None or parent.step is None or child.step <= parent.step:
            return 0.0
        here, there = self._vectors[place] - self._vectors[at], self._vectors[at] - self._vectors[earlier]
        return float(here @ there / (np.linalg.norm(here) * np.linalg.norm(there) or 1.0))

    def _direction(self, at: int, place: int) -> float:
        parent, child = self._members[at].version, self._members[place].version
        if _same_run(parent, child):
            return _BY_STEP
        if (child.base is not None and child.base.parent == parent.id) or self._named(place, at):
            return 1.0
        exported = _exported(self._members[place], self._members[at])
        return _BY_TIME if exported or self._timed(at, place) else _BY_CENTRE

    def _timed(self, at: int, place: int) -> bool:
        before, after = self._members[at].version.created, self._members[place].version.created
        return before is not None and after is not None and after - before > MOMENT

    def _kinship(self, a: Version, b: Version) -> Kinship | None:
        one, other = self._prints(a.id), self._prints(b.id)
        return None if one is None or other is None else kinship(one, other)


def rounding(parent: Version, child: Version, found: Kinship, inside: int, band: tuple[float, float]) -> Edge:
    """The edge of a copy in a narrower type."""
    quantised = not child.dtype.endswith(("F16", "F32", "F64"))
    words = (
        f"{inside} of {plural(found.matrices, 'matrix', 'matrices')} differ by what {child.dtype} costs "
        f"({number(band[0], 2)} to {number(band[1], 2)}): relative distance {number(found.distance, 2)}",
        *signs(parent, child).words,
    )
    share = inside / found.matrices
    relation = Relation.QUANTIZED if quantised else Relation.CONVERTED
    return Edge(child.id, (parent.id,), relation, _BY_ROUNDING * share, words)


def mixture(child: Version, parents: Sequence[Version], found: Blend, direction: float) -> Edge:
    """The edge of a merge. The smaller the residual against the nearest parent, the surer."""
    shares = ", ".join(
        f"{number(share, 3)} ± {number(error, 1)} of {visible(parent.name)}"
        for parent, share, error in zip(parents, found.coefficients, found.errors, strict=True)
    )
    words = (
        shares,
        f"leaves {number(found.residual, 2)} unexplained, where the nearest parent leaves {number(found.nearest, 2)}",
    )
    # a third of the variance left unexplained is chance, none of it is certainty
    sure = max(1 - (found.residual / found.nearest) ** 2 * 4, 0.0)
    return Edge(
        child.id, tuple(one.id for one in parents), Relation.MERGE, sure * (0.5 + direction / 2), words,
        coefficients=found.coefficients, errors=found.errors,
    )  # fmt: skip


def distance(found: Kinship) -> str:
    """How far apart two versions lie, in words."""
    if found.equal:
        return "no distance that fingerprints tell"
    return (
        f"relative distance {number(found.distance, 3)} ({number(found.low, 3)} to {number(found.high, 3)}); "
        f"strangers of this form lie {number(found.strangers, 2)} apart"
    )


def _identical(found: Kinship) -> Iterator[str]:
    if found.identical:
        yield f"{found.identical} of {plural(found.tensors, 'tensor')} identical"


def _same_run(a: Version, b: Version) -> bool:
    return a.model == b.model and a.step is not None and b.step is not None


def _declared_siblings(a: Version, b: Version) -> bool:
    """Whether records of both name the same version as what they are made from."""
    return a.base is not None and b.base is not None and a.base.parent is not None and a.base.parent == b.base.parent


def _choice(nearest: float, rivals: Sequence[float]) -> float:
    """How sure it is that the nearest is the parent, given how near the next one is."""
    if not rivals or not nearest:
        return 1.0
    return min(0.5 + (rivals[0] / nearest - 1) / (2 * _RIVAL), 1.0)
