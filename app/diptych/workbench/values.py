"""The numbers of one tensor: a page of A, B and B − A, read from the files when it is turned to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from diptych.compare.structure import Pairing
from diptych.domain.dossier import Dossier
from diptych.domain.tensor import TensorInfo
from diptych.domain.view import View
from diptych.errors import Refused
from diptych.job import Job, Tick
from diptych.tensors.window import matrix, window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diptych.workbench.comparing import Comparison

Number: TypeAlias = "float | complex | int | None"
"""A value; None where a side has none there."""


@dataclass(frozen=True, slots=True)
class TensorPage:
    """A part of a tensor on both sides: numbers by row and column, of A, of B, and of the change."""

    key: str
    shape: tuple[int, ...]
    """Of the tensor as it is compared; where the sides differ, the larger of each dimension."""
    dtypes: tuple[str, str]
    rows: range
    columns: range
    left: Sequence[Sequence[Number]]
    right: Sequence[Sequence[Number]]
    change: Sequence[Sequence[Number]]
    """B − A; exact for whole numbers, in float64 for others."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the whole, laid out flat."""
        return matrix(self.shape)

    def exact(self, row: int, column: int) -> tuple[str, str, str]:
        """A, B and the change at a place, each by the shortest text that no other value of its type has."""
        at, across = row - self.rows.start, column - self.columns.start
        sides = [_exact(side[at][across], dtype == "F64") for side, dtype in zip((self.left, self.right), self.dtypes,
                                                                                 strict=True)]  # fmt: skip
        return sides[0], sides[1], _exact(self.change[at][across], wide=True)


@dataclass(frozen=True, slots=True)
class _Side:
    tensor: TensorInfo
    view: View | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.view.shape if self.view is not None else self.tensor.shape


def tensor_page(comparison: Comparison, key: str, rows: range, columns: range) -> Job[TensorPage]:
    """The values of one row of the weights around these places, cut to what the tensor has.

    `NotFound` where neither side holds that tensor, `Refused` where the weights are not here.
    """
    yield Tick("Reading values")
    pair = comparison.pair(key)
    dossiers = (comparison.left, comparison.right)
    sides = [_side(pair, at, dossier) for at, dossier in enumerate(dossiers)]
    shapes = [side.shape for side in sides if side is not None]
    shape = _common(shapes)
    height, width = matrix(shape)
    rows, columns = range(rows.start, min(rows.stop, height)), range(columns.start, min(columns.stop, width))
    found: list[NDArray[np.generic] | None] = []
    for side, dossier, letter in zip(sides, dossiers, "AB", strict=True):
        found.append((yield from _read(side, dossier, letter, rows, columns)) if side is not None else None)
    left, right = found
    change = _minus(right, left) if left is not None and right is not None and _aligned(shapes) else None
    place = (len(rows), len(columns))
    numbers = [_numbers(values, place) for values in (left, right, change)]
    dtypes = [side.tensor.dtype if side is not None else "" for side in sides]
    return TensorPage(key, shape, (dtypes[0], dtypes[1]), rows, columns, *numbers)


def _side(pair: Pairing, at: int, dossier: Dossier) -> _Side | None:
    """One side of a pair as it is stored; all of it where only a vocabulary grew."""
    if (pair.left, pair.right)[at] is None:
        return None
    name, view = pair.stored[at], pair.views[at]
    tensor = next(each for each in dossier.tensors if each.name == name)
    return _Side(tensor, None if pair.grown else view)


def _common(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if len(shapes) == 2 and len(shapes[0]) == len(shapes[1]):
        return tuple(map(max, *shapes))
    return max(shapes, key=len)


def _aligned(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether places of one matrix are those of the other."""
    return len(shapes[0]) == len(shapes[1]) and shapes[0][1:] == shapes[1][1:]


def _read(side: _Side, dossier: Dossier, letter: str, rows: range, columns: range) -> Job[NDArray[np.generic]]:
    if dossier.weights is None:
        raise Refused(f"the weights of {letter} are not here")
    height, width = matrix(side.shape)
    rows, columns = range(rows.start, min(rows.stop, height)), range(columns.start, min(columns.stop, width))
    with dossier.weights() as source:
        return (yield from window(source, side.tensor, rows, columns, side.view))


def _minus(y: NDArray[np.generic], x: NDArray[np.generic]) -> NDArray[np.generic]:
    """The change of what both sides have; of whole numbers without rounding."""
    height, width = min(len(x), len(y)), min(x.shape[1], y.shape[1])
    y, x = y[:height, :width], x[:height, :width]
    kind: type = object if x.dtype.kind in "biu" and y.dtype.kind in "biu" else np.float64
    if "c" in (x.dtype.kind, y.dtype.kind):
        kind = np.complex128
    with np.errstate(invalid="ignore", over="ignore"):
        change: NDArray[np.generic] = y.astype(kind) - x.astype(kind)
    return change


def _numbers(values: NDArray[np.generic] | None, place: tuple[int, int]) -> list[list[Number]]:
    """Values as numbers of Python, with None for what is not there."""
    height, width = place
    given: list[list[Number]] = values.tolist() if values is not None else []
    filled = [row + [None] * (width - len(row)) for row in given]
    return filled + [[None] * width for _ in range(height - len(filled))]


def _exact(value: Number, wide: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and not wide:
        return str(np.float32(value)).replace("-", "−")
    return str(value).replace("-", "−")
