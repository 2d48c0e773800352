"""Whether a change is what quantising loses and no more, told from the steps that the blocks themselves keep.

Rounding to steps of d errs by d ∕ √12. Of the types whose blocks keep one step in their first two bytes, that is right
within a tenth for weights of any distribution: from 0.97 to 1.07 times for normal, Laplace, Student's and uniform ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from diptych import display
from diptych.compare.structure import Pairing
from diptych.domain.ggml import BLOCKS
from diptych.domain.sheet import Clause, Row
from diptych.domain.tensor import DTYPE_BITS, TensorSource
from diptych.job import Job, Tick

_STEPPED = frozenset({"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
_MORE = 1.15
"""A change that is so many times what the steps tell is more than quantising."""
_PIECE = 1 << 18
"""Blocks at a time."""


def checked(rows: Sequence[Row], pairs: Mapping[str, Pairing], a: TensorSource, b: TensorSource) -> Job[list[Row]]:
    """The rows that were taken for quantised, with what their steps tell: all that moved them, or not all."""
    found = []
    for row in rows:
        pair = pairs.get(row.key)
        change, norm = row.values.get("norm_change"), row.values.get("norm_left")
        if pair is None or row.values.get("cast") != "quantised" or not isinstance(change, float):
            continue
        expected = yield from _expected(pair, a, b)
        if expected is None or not isinstance(norm, float):
            continue
        if change <= _MORE * expected:
            found.append(replace(row, values={**row.values, "by_steps": True}))
            continue
        besides = math.sqrt(change**2 - expected**2) / norm if norm else math.inf
        values = {key: value for key, value in row.values.items() if key != "cast"}
        note = f"{row.note.partition(':')[0]}: that alone changes it by {display.number(100 * expected / norm, 2)} %"
        found.append(replace(row, note=note, values={**values, "besides": besides}))
    return found


def clauses(rows: Sequence[Row]) -> list[Clause]:
    """How many tensors moved by more than quantising them did."""
    more = [(besides, row) for row in rows if isinstance(besides := row.values.get("besides"), float)]
    if not more:
        return []
    most, worst = max(more, key=lambda each: each[0])
    looked = len(more) + sum(row.values.get("by_steps") is True for row in rows)
    text = (
        f"{len(more):,} of {looked:,} quantised tensors moved by more than quantising loses, "
        f"at most by about {display.number(100 * most, 2)} % besides"
    )
    return [Clause(text, "weights", worst.key, 2)]


def _expected(pair: Pairing, a: TensorSource, b: TensorSource) -> Job[float | None]:
    """‖Δ‖ as the steps of either side tell it; None where a type keeps none that can be read so."""
    squares = 0.0
    for tensor, name, source in zip((pair.left, pair.right), pair.read, (a, b), strict=True):
        if tensor is None or tensor.dtype in DTYPE_BITS:
            continue
        if tensor.dtype not in _STEPPED:
            return None
        elements, size = BLOCKS[tensor.dtype]
        blocks = source.raw(name).reshape(-1, size)
        for first in range(0, len(blocks), _PIECE):
            steps = np.ascontiguousarray(blocks[first : first + _PIECE, :2]).view("<f2").astype(np.float64)
            squares += float(np.sum(np.square(steps))) * elements / 12
            yield Tick("Looking at the steps of blocks")
    return math.sqrt(squares) if math.isfinite(squares) else None
