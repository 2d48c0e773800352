"""What only another look at a few values tells: rows that died, and casts that no dtype declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from diptych import display
from diptych.compare.structure import Pairing
from diptych.domain.decoding import decode
from diptych.domain.sheet import Clause, Row, Status
from diptych.domain.tensor import DTYPE_BITS, TensorSource
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FACET = "weights"
_LENGTH = 0.3
"""A row that died changed a tensor by about 1 ∕ √rows; what changed by less than this share of that has none."""
_LOOKED_AT = 3
"""Tensors of which the values are looked at for a cast."""
_WORDS = 1 << 20
_TEMPLATE = "dead rows: {count:,} in {tensors} of {side} are all nought and are not in {other} (the most in {worst})"


def clauses(rows: Sequence[Row], pairs: Mapping[str, Pairing], a: TensorSource, b: TensorSource) -> Job[list[Clause]]:
    """What is found, by reading little: the first value of each row, and of a cast a few small tensors."""
    found = yield from dead_rows(rows, pairs, a, b)
    found += yield from silent_cast(rows, pairs, a, b)
    return found


def dead_rows(rows: Sequence[Row], pairs: Mapping[str, Pairing], a: TensorSource, b: TensorSource) -> Job[list[Clause]]:
    """Rows of a matrix that are nought on one side only."""
    dead: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for row in rows:
        pair = pairs.get(row.key)
        if pair is None or not _may_have_died(row, pair):
            continue
        yield Tick("Looking for dead rows")
        values = [_by_rows(source, name, pair) for source, name in zip((a, b), pair.read, strict=True)]
        nought = [_first(each, dtype) == 0 for each, dtype in zip(values, _dtypes(pair), strict=True)]
        for side in (0, 1):
            count = 0
            for at in np.flatnonzero(nought[side] & ~nought[1 - side]):
                count += not decode(np.ascontiguousarray(values[side][at]), _dtypes(pair)[side]).any()
                if not at % 256:
                    yield Tick("Looking for dead rows")
            if count:
                dead[side][row.key] = count
    return [
        Clause(
            _TEMPLATE.format(count=sum(found.values()), tensors=display.plural(len(found), "tensor"), side=side,
                             other=other, worst=display.visible(worst)),
            _FACET, worst, 2,
        )
        for side, other, found in (("B", "A", dead[1]), ("A", "B", dead[0]))
        if found and (worst := max(found, key=found.__getitem__))
    ]  # fmt: skip


def _may_have_died(row: Row, pair: Pairing) -> bool:
    relative = row.values.get("relative_change")
    if row.status is not Status.DIFFERS or row.values.get("cast") or not isinstance(relative, float):
        return False
    if pair.left is None or pair.right is None or not pair.measurable:
        return False
    shape = pair.view_left.shape if pair.view_left else pair.left.shape
    whole_bytes = all(DTYPE_BITS.get(dtype, 0) >= 8 for dtype in _dtypes(pair))
    return len(shape) == 2 and min(shape) > 1 and whole_bytes and relative * shape[0] ** 0.5 >= _LENGTH


def _dtypes(pair: Pairing) -> tuple[str, str]:
    assert pair.left is not None
    assert pair.right is not None
    return pair.left.dtype, pair.right.dtype


def _by_rows(source: TensorSource, name: str, pair: Pairing) -> NDArray[np.uint8]:
    assert pair.left is not None
    shape = pair.view_left.shape if pair.view_left else pair.left.shape
    return source.raw(name).reshape(shape[0], -1)


def _first(rows: NDArray[np.uint8], dtype: str) -> NDArray[np.generic]:
    """The first value of each row."""
    return decode(np.ascontiguousarray(rows[:, : DTYPE_BITS[dtype] // 8]).reshape(-1), dtype)


def silent_cast(
    rows: Sequence[Row], pairs: Mapping[str, Pairing], a: TensorSource, b: TensorSource
) -> Job[list[Clause]]:
    """Whether one side's float32 holds values of a narrower type, to which the other side's round.

    Told from the smallest matrices that differ, each looked at whole, and the relative change of all: rounding to
    BF16 moves a value by at most 2⁻⁸ of it, to F16 by at most 2⁻¹¹.
    """
    moved = [row for row in rows if row.status is Status.DIFFERS and row.key in pairs and _wide(pairs[row.key])]
    small = sorted(moved, key=lambda row: pairs[row.key].bytes)[:_LOOKED_AT]
    for narrow, most in (("F16", 2.0**-11), ("BF16", 2.0**-8)):
        if not moved or not all(_at_most(row, most) for row in moved):
            continue
        for side, other, at, source in (("B", "A", 1, b), ("A", "B", 0, a)):
            held = True
            for row in small:
                held = held and (yield from _holds(source, pairs[row.key].read[at], narrow))
            if held:
                text = (
                    f"cast silently: {side} is stored as F32 but holds {narrow} values, and all {len(moved):,} changed "
                    f"tensors lie within rounding of {other} (by {display.plural(len(small), 'tensor')} looked at)"
                )
                return [Clause(text, _FACET, small[0].key, 2)]
    return []


def _wide(pair: Pairing) -> bool:
    return pair.measurable and _dtypes(pair) == ("F32", "F32")


def _at_most(row: Row, most: float) -> bool:
    relative = row.values.get("relative_change")
    return isinstance(relative, float) and relative <= most


def _holds(source: TensorSource, name: str, narrow: str) -> Job[bool]:
    """Whether every value of a float32 tensor is one of the narrower type."""
    for chunk in source.read(name, _WORDS):
        values = chunk.astype(np.float32)
        if narrow == "BF16":
            exact = not (values.view(np.uint32) & 0xFFFF).any()
        else:
            with np.errstate(over="ignore"):
                exact = bool((values.astype(np.float16).astype(np.float32) == values).all())
        if not exact:
            return False
        yield Tick("Looking for a cast")
    return True
