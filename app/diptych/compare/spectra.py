"""How many directions the change of a matrix has, and what that says of how it was trained."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diptych import display
from diptych.compare import measured, modules
from diptych.compare.effective import Adapter, module_of
from diptych.compare.structure import Pairing, pairings
from diptych.domain.dossier import Dossier
from diptych.domain.sheet import Clause, Row, Status
from diptych.domain.tensor import TensorSource
from diptych.domain.version import Kind
from diptych.errors import NotFound, Refused
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diptych.tensors.spectrum import Spectrum

_LARGEST = 1 << 28
"""Elements of a matrix that is decomposed; it is held whole, as float32."""
_CHUNK = 1 << 20
_SAMPLES = 6
"""Matrices that are decomposed to tell a low-rank update."""
_BUDGET = 3 << 24
"""Elements of all of them together: a second or two of work."""
_AGREED = 0.75
"""The share of the matrices that must have the rank that is told of all."""


def spectrum_of(left: Dossier, right: Dossier, key: str) -> Job[Spectrum]:
    """The spectrum of the change of one row of the weights, B against A.

    `NotFound` where neither side has that tensor, `Refused` where its change is no matrix or cannot be read.
    """
    from diptych.tensors.viewed import Viewed

    kinds = {left.version.kind, right.version.kind}
    if Kind.ADAPTER in kinds:
        return (yield from _added(left, right, key))
    pair = next((pair for pair in pairings(left, right) if key in (pair.name, *pair.stored)), None)
    if pair is None:
        raise NotFound(f"{display.visible(key)}: no such tensor")
    _check(pair, left, right)
    assert left.weights is not None
    assert right.weights is not None
    with left.weights() as a, right.weights() as b:
        views = [[view] if view else [] for view in pair.views]
        return (yield from _decomposed(pair, Viewed(a, views[0]), Viewed(b, views[1])))


def _added(left: Dossier, right: Dossier, key: str) -> Job[Spectrum]:
    """The spectrum of what adapters add, which their thin matrices tell exactly."""
    found = []
    yield Tick("Decomposing")
    for side in (left, right):
        if side.version.kind is not Kind.ADAPTER:
            continue
        if side.weights is None:
            raise Refused("the weights of the adapter are not here")
        with side.weights() as source:
            found.append(Adapter.of(side).factors(module_of(key), source))
    changes = [each for each in found if each is not None]
    if not changes or len(changes) < len(found):
        raise Refused(f"{display.visible(key)}: no low-rank change of a known scale is recorded for it")
    if len(changes) == 2 and changes[0].shape != changes[1].shape:
        raise Refused(f"{display.visible(key)}: the changes have other shapes")
    return (changes[1].minus(changes[0]) if len(changes) == 2 else changes[0]).spectrum()


def _check(pair: Pairing, left: Dossier, right: Dossier) -> None:
    name = display.visible(pair.name)
    if not pair.measurable or not measured.readable(pair):
        raise Refused(f"{name}: both sides do not have it in one shape")
    if not _matrix(pair):
        raise Refused(f"{name}: a spectrum is of a matrix with two dimensions")
    if _elements(pair) > _LARGEST:
        raise Refused(f"{name}: has {display.count(_elements(pair))} elements, too many to decompose here")
    if left.weights is None or right.weights is None:
        raise Refused(f"{name}: the weights of both sides are needed")


def _shape(pair: Pairing) -> tuple[int, ...]:
    assert pair.left is not None
    return pair.view_left.shape if pair.view_left else pair.left.shape


def _matrix(pair: Pairing) -> bool:
    return pair.left is not None and len(_shape(pair)) == 2 and min(_shape(pair)) > 1


def _elements(pair: Pairing) -> int:
    return math.prod(_shape(pair))


def _decomposed(pair: Pairing, a: TensorSource, b: TensorSource) -> Job[Spectrum]:
    from diptych.tensors.spectrum import spectrum

    change = np.empty(_elements(pair), np.float32)
    at = 0
    for x, y in zip(a.read(pair.read[0], _CHUNK), b.read(pair.read[1], _CHUNK), strict=True):
        change[at : at + len(x)] = _minus(y, x)
        at += len(x)
        yield Tick("Reading the change", at, len(change), "elements")
    return (yield from spectrum(change.reshape(_shape(pair))))


def _minus(y: NDArray[np.generic], x: NDArray[np.generic]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", over="ignore"):
        found: NDArray[np.float64] = y.astype(np.float64) - x.astype(np.float64)
    return found


def told(spectrum: Spectrum) -> str:
    """One sentence about a spectrum: its rank where it has one, and what is the evidence."""
    if not spectrum.energy:
        return "no change"
    rank = spectrum.low_rank
    half = spectrum.rank_at(0.9)
    held = f"{half} directions hold 90 % of the change" if half else "more than 64 directions hold 90 % of the change"
    stable = f"effective rank {display.number(spectrum.stable_rank, 3)}"
    if not spectrum.settled:
        left = display.number(100 * spectrum.error, 2)
        stable += f"; the values lie too close to settle: the smallest of those told may be {left} % larger"
    if rank is None:
        return f"{held}; {stable}"
    share = _percent(float(spectrum.shares[rank - 1]))
    drop = _drop(spectrum, rank)
    return f"looks like a LoRA of rank {rank}: {rank} directions hold {share} %{drop}; {stable}"


def _percent(share: float) -> str:
    """A share rounded down, so that only the whole is 100 %."""
    return f"{math.floor(share * 10_000) / 100:g}"


def _drop(spectrum: Spectrum, rank: int) -> str:
    values = spectrum.values
    if rank >= len(values) or not values[rank]:
        return ", the others nothing"
    return f", the next is {display.number(float(values[rank - 1] / values[rank]), 2)} times smaller"


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a few matrices tell of a whole change."""

    clause: Clause
    ranks: Mapping[str, int]
    """The rank of each matrix that was decomposed, by row."""


def sample(rows: Sequence[Row], pairs: Mapping[str, Pairing], a: TensorSource, b: TensorSource) -> Job[Sampled | None]:
    """Whether the change is a low-rank update, where it is confined to matrices within layers.

    The smallest matrices of each kind of module are decomposed until the budget is spent; None where one of them has no
    low rank, where they do not agree, or where anything else changed too.
    """
    moved = [row for row in rows if row.status is Status.DIFFERS and not row.values.get("cast")]
    if not moved or not all(row.key in pairs and _suits(row, pairs[row.key]) for row in moved):
        return None
    ranks: dict[str, int] = {}
    share = 1.0
    for row in _chosen(moved, pairs):
        found = yield from _decomposed(pairs[row.key], a, b)
        rank = found.low_rank
        if rank is None:
            return None
        ranks[row.key] = rank
        share = min(share, float(found.shares[rank - 1]))
    if not ranks:
        return None
    (rank, votes), *_ = Counter(ranks.values()).most_common(1)
    if votes < _AGREED * len(ranks):
        return None
    names = dict.fromkeys(modules.module(row.key).rpartition(".")[2] for row in moved)
    text = (
        f"looks like a LoRA of rank {rank} on {display.listing(names, len(names))}: in {len(ranks)} of "
        f"{len(moved):,} changed matrices {rank} directions hold at least {_percent(share)} %"
    )
    return Sampled(Clause(text, "weights", next(iter(ranks)), 2), ranks)


def _suits(row: Row, pair: Pairing) -> bool:
    return _matrix(pair) and pair.measurable and modules.place(row.key).layer


def _chosen(rows: Sequence[Row], pairs: Mapping[str, Pairing]) -> list[Row]:
    """A few rows, of as many kinds of modules as the budget allows, the smallest first."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[modules.place(row.key).column].append(row)
    turns = max(map(len, kinds.values()))
    ordered = [
        row
        for turn in range(turns)
        for row in sorted((found[turn] for found in kinds.values() if turn < len(found)),
                          key=lambda row: _elements(pairs[row.key]))
    ]  # fmt: skip
    chosen: list[Row] = []
    spent = 0
    for row in ordered:
        spent += _elements(pairs[row.key])
        if len(chosen) == _SAMPLES or spent > _BUDGET:
            break
        chosen.append(row)
    return chosen
