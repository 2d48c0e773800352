"""How the weights of a run moved from checkpoint to checkpoint, told from fingerprints alone.

Sketches are linear (`tensors.sketch`): the norm of the difference of two sketches estimates that of the tensors, and
the concatenated sketches of all tensors stand for the whole model. So every distance here, and the picture of the path,
come from some thousand numbers for each checkpoint; no file is opened. Errors are those that `tensors.sketch` states,
pooled as those of independent tensors. Memory is bounded: besides the first, the previous, the current and the last
checkpoint, no more than `_FOLDED` numbers are kept of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from diptych.compare import modules
from diptych.compare.path import Path, path_of
from diptych.domain.fingerprint import Fingerprint, TensorPrint
from diptych.job import Job, Tick
from diptych.tensors.sketch import ROUNDING

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

T = TypeVar("T")

_FOLDED = 16_384
"""Numbers kept of each checkpoint for the path: more cells than these are folded, which costs about 1 % of distance."""
_AT_ONCE = 1 << 20
"""Cells that are held against one another at once."""
_NORMAL = 1.96


class Against(StrEnum):
    """What each checkpoint is held against."""

    PREVIOUS = "previous"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the map: a module of a layer."""

    row: str
    column: str
    layer: bool
    """Whether it is part of a numbered layer."""
    tensors: int


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """‖B − A‖ ∕ ‖A‖ at every checkpoint, A being the earlier of the two: steps by what moved."""

    relative: Numbers
    """Nought where all digests are equal; infinite where A is nought and B is not."""
    error: Numbers
    """The share by which the true value may differ, in 95 of 100 cases; nought where it is exact, infinite where the
    bytes differ by less than fingerprints tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Timelapse:
    """The whole of it; arrays by checkpoint."""

    steps: tuple[int, ...]
    fields: tuple[Field, ...]
    """In the order of the network."""
    rows: tuple[str, ...]
    """Layers and what stands beside them, in the order of the network."""
    moved: dict[Against, Movement]
    """Of every field."""
    layers: dict[Against, Movement]
    """Of every row."""
    from_start: Numbers
    """‖W − W₀‖ ∕ ‖W₀‖ over all tensors, W₀ being the first checkpoint."""
    to_end: Numbers
    """‖W_end − W‖ ∕ ‖W₀‖."""
    strides: Numbers
    """‖W − W_before‖ ∕ ‖W₀‖; nought at the first checkpoint."""
    errors: dict[Against, Numbers]
    """The shares by which `from_start` (`FIRST`), `to_end` (`LAST`) and `strides` (`PREVIOUS`) may be off."""
    apart: Numbers
    """‖W_end − W₀‖² of every field."""
    norms: Numbers
    """‖W₀‖² of every field."""
    path: Path
    left_out: int
    """Tensors that are not in every checkpoint in one shape, or hold no numbers that can be projected."""
    broken: tuple[int, ...]
    """How many tensors hold NaN or infinite values."""

    def distances(self, against: Against) -> Numbers:
        """`from_start`, `to_end` or `strides`."""
        return {Against.FIRST: self.from_start, Against.LAST: self.to_end, Against.PREVIOUS: self.strides}[against]


def timelapse(steps: Sequence[int], read: Callable[[int], Fingerprint]) -> Job[Timelapse]:
    """Measure the movement between checkpoints; `read` gives the fingerprint of the one at a place in `steps`.

    At least two are needed. Each is read twice, so that no more than four are held at a time.
    """
    total = 2 * len(steps)
    shared: dict[str, tuple[tuple[int, ...], int]] | None = None
    seen: set[str] = set()
    for place in range(len(steps)):
        yield Tick("Reading fingerprints", place, total, "fingerprints")
        found = {name: (one.shape, len(one.sketch)) for name, one in read(place).tensors.items()}
        seen |= found.keys()
        shared = found if shared is None else {
            name: sizes for name, sizes in shared.items() if found.get(name) == sizes
        }  # fmt: skip
    names = sorted((name for name, (_, cells) in (shared or {}).items() if cells), key=lambda n: modules.place(n).order)
    measure = _Measure(names, read(0), read(len(steps) - 1))
    for place in range(len(steps)):
        yield Tick("Measuring movement", len(steps) + place, total, "fingerprints")
        measure.add(read(place))
    yield Tick("Drawing the path", total, total, "fingerprints")
    return measure.result(tuple(steps), len(seen) - len(names))


class _Snapshot:
    """One checkpoint as flat arrays over the tensors of `names`."""

    def __init__(self, names: Sequence[str], found: Fingerprint) -> None:
        prints = [found.tensors[name] for name in names]
        self.cells = np.concatenate([one.sketch for one in prints]) if prints else np.zeros(0, np.float32)
        self.lengths = np.array([one.norm for one in prints], np.float64)
        self.bytes = [(one.dtype, one.digest) for one in prints]
        self.broken = sum(one.nans + one.infs > 0 for one in prints)


class _Apart:
    """How far two checkpoints lie apart, tensor by tensor."""

    def __init__(self, a: _Snapshot, b: _Snapshot, begins: NDArray[np.int64], variances: Numbers) -> None:
        count = len(begins)
        self.squares = np.zeros(count)
        ends = np.append(begins[1:], len(a.cells))
        at = 0
        while at < count:
            # as many whole tensors as fit, at least one
            until = max(int(np.searchsorted(ends, begins[at] + _AT_ONCE, "right")), at + 1)
            here = slice(int(begins[at]), int(ends[until - 1]))
            apart = b.cells[here].astype(np.float64) - a.cells[here]
            self.squares[at:until] = np.add.reduceat(np.square(apart, out=apart), begins[at:until] - begins[at])
            at = until
        same = np.array([one == other for one, other in zip(a.bytes, b.bytes, strict=True)], np.bool_)
        self.squares[same] = 0.0
        self.variances = variances * np.square(self.squares)
        self.floors = np.square(ROUNDING * (a.lengths + b.lengths))
        """The squares of what float32 cells cannot resolve."""
        self.floors[same | (variances == 0)] = 0.0


class _Groups(Generic[T]):
    """Tensors that are measured together."""

    def __init__(self, of: Sequence[T]) -> None:
        self.names = tuple(dict.fromkeys(of))
        numbers = {name: number for number, name in enumerate(self.names)}
        self._of = np.array([numbers[name] for name in of], np.int64)

    def sums(self, values: Numbers) -> Numbers:
        """Values of tensors, summed over each group."""
        found: Numbers = np.bincount(self._of, values, len(self.names)).astype(np.float64)
        return found

    def moved(self, apart: _Apart, a: _Snapshot) -> tuple[Numbers, Numbers]:
        """The relative change of each group over all of its values, and how far that may be off."""
        squares, norms = self.sums(apart.squares), self.sums(np.square(a.lengths))
        spread, floors = self.sums(apart.variances), self.sums(apart.floors)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(squares > 0, np.sqrt(squares / norms), 0.0)
            # of a square with a relative deviation s, the root has one of s / 2
            sure = (_NORMAL / 2) * np.sqrt(spread) / squares + np.sqrt(floors / squares)
        return relative, np.where(squares > 0, sure, np.where(floors > 0, np.inf, 0.0))


class _Measure:
    """Distances, checkpoint after checkpoint."""

    def __init__(self, names: Sequence[str], first: Fingerprint, last: Fingerprint) -> None:
        self._names = names
        sample = [first.tensors[name] for name in names]
        self._begins = np.cumsum([0, *(len(one.sketch) for one in sample)])[:-1].astype(np.int64)
        self._variances = np.array([_variance(one) for one in sample])
        places = [modules.place(name) for name in names]
        self._fields = _Groups([(one.row, one.column, one.layer) for one in places])
        self._rows = _Groups([one.row for one in places])
        self._all = _Groups([""] * len(names))
        self._first, self._last = _Snapshot(names, first), _Snapshot(names, last)
        self._previous = self._first
        self._fold = _Fold(len(self._first.cells))
        self._moved: dict[Against, list[_Moved]] = {against: [] for against in Against}
        self._path: list[NDArray[np.float32]] = []
        self._broken: list[int] = []

    def add(self, found: Fingerprint) -> None:
        """Hold the next checkpoint against the others."""
        here = _Snapshot(self._names, found)
        for against, a, b in ((Against.PREVIOUS, self._previous, here), (Against.FIRST, self._first, here),
                              (Against.LAST, here, self._last)):  # fmt: skip
            apart = _Apart(a, b, self._begins, self._variances)
            _, error = self._all.moved(apart, a)
            self._moved[against].append(
                _Moved(self._fields.moved(apart, a), self._rows.moved(apart, a), float(np.sqrt(apart.squares.sum())),
                       float(error.sum()))
            )  # fmt: skip
        self._path.append(self._fold(here.cells, self._first.cells))
        self._broken.append(here.broken)
        self._previous = here

    def result(self, steps: tuple[int, ...], left_out: int) -> Timelapse:
        """What was measured, with the path through it all."""
        counts = self._fields.sums(np.ones(len(self._names)))
        fields = tuple(
            Field(row, column, layer, int(count))
            for (row, column, layer), count in zip(self._fields.names, counts, strict=True)
        )
        norm = float(np.linalg.norm(self._first.lengths)) or 1.0
        lengths = {against: np.array([one.length for one in found]) / norm for against, found in self._moved.items()}
        whole = _Apart(self._first, self._last, self._begins, self._variances)
        return Timelapse(
            steps=steps,
            fields=fields,
            rows=self._rows.names,
            moved={against: _movement([one.fields for one in found]) for against, found in self._moved.items()},
            layers={against: _movement([one.rows for one in found]) for against, found in self._moved.items()},
            from_start=lengths[Against.FIRST],
            to_end=lengths[Against.LAST],
            strides=lengths[Against.PREVIOUS],
            errors={against: np.array([one.error for one in found]) for against, found in self._moved.items()},
            apart=self._fields.sums(whole.squares),
            norms=self._fields.sums(np.square(self._first.lengths)),
            path=path_of(np.array(self._path)),
            left_out=left_out,
            broken=tuple(self._broken),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """One checkpoint against one other."""

    fields: tuple[Numbers, Numbers]
    rows: tuple[Numbers, Numbers]
    length: float
    error: float


def _movement(found: Sequence[tuple[Numbers, Numbers]]) -> Movement:
    return Movement(np.array([pair[0] for pair in found]), np.array([pair[1] for pair in found]))


def _variance(one: TensorPrint) -> float:
    """The relative variance of a squared distance that its sketch tells: 2 ∕ k, nought where it holds every value."""
    exact = len(one.sketch) >= one.elements and one.dtype != "F64"
    return 0.0 if exact else 2 / len(one.sketch)


class _Fold:
    """Sums cells with pseudo-random signs into fewer, which keeps distances as the sketch itself does."""

    def __init__(self, cells: int) -> None:
        signs = np.random.default_rng(_FOLDED).integers(0, 2, cells, np.int8) if cells > _FOLDED else None
        self._signs = None if signs is None else signs * np.int8(2) - np.int8(1)

    def __call__(self, here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._signs is None:
            return here - there
        folded = np.zeros(_FOLDED)
        for begin in range(0, len(here), _FOLDED):
            end = min(begin + _FOLDED, len(here))
            folded[: end - begin] += (here[begin:end] - there[begin:end]) * self._signs[begin:end]
        return folded.astype(np.float32)
