"""The print of one tensor, as its pieces come in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from xxhash import xxh3_128

from diptych.domain.decoding import packing, readable, table
from diptych.domain.fingerprint import QUANTILES, TensorPrint
from diptych.domain.tensor import TensorInfo
from diptych.tensors import sketch, tally
from diptych.tensors.native import COMPILED, Arithmetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLE = 8192
"""Values that the quantiles are taken of, at most."""
_WITHOUT = frozenset({"C64"})
"""Types whose values are known but are no numbers on a line."""


class Printer:
    """Takes the bytes of one tensor in order and makes its print."""

    def __init__(self, tensor: TensorInfo) -> None:
        self.tensor = tensor
        self._valued = readable(tensor.dtype) and tensor.dtype not in _WITHOUT
        self._digest = xxh3_128()
        self._sums = tally.fresh()
        self._cells = np.zeros(sketch.cells(tensor.elements) if self._valued else 0)
        self._table = table(tensor.dtype) if tensor.dtype.startswith("F8") else None
        self._apart = max(-(-tensor.elements // _SAMPLE), 1)
        self._sample: list[NDArray[np.uint8]] = []

    @property
    def step(self) -> tuple[int, int]:
        """Bytes after which the tensor may be cut, and the elements in them."""
        if not self._valued:
            return 1, 0
        count, width = packing(self.tensor.dtype)
        return tally.STEP // count * width, tally.STEP

    def take(self, raw: NDArray[np.uint8], first: int) -> None:
        """Take the next bytes, which begin with the element `first`, into the digest and the sample."""
        self._digest.update(raw.data)
        if self._valued:
            self._sample.append(tally.picked(self.tensor.dtype, raw, first, self._apart))

    def sum_up(self, raw: NDArray[np.uint8], first: int, compiled: Arithmetic | None) -> None:
        """Add bytes that begin with the element `first` to the sums and the sketch; pieces may come in any order."""
        if not self._valued:
            return
        dtype = self.tensor.dtype
        if compiled is not None and (dtype in COMPILED or self._table is not None):
            compiled.print(dtype, raw, self._table, first, self._sums, self._cells)
        else:
            tally.add(dtype, raw, first, self._sums, self._cells)

    def made(self) -> TensorPrint:
        """The print, once every byte has come."""
        tensor, sums = self.tensor, self._sums
        nans, infs, zeros = (int(sums[place]) for place in (tally.NANS, tally.INFS, tally.ZEROS))
        count = tensor.elements - nans - infs if self._valued else 0
        mean = float(sums[tally.SUM] / count) if count else math.nan
        squares = float(sums[tally.SQUARES])
        return TensorPrint(
            tensor.name,
            tensor.dtype,
            tensor.shape,
            self._digest.hexdigest(),
            mean,
            math.sqrt(max(squares / count - mean * mean, 0.0)) if count else math.nan,
            math.sqrt(squares) if self._valued else math.nan,
            float(sums[tally.MOST]) if count else math.nan,
            self._quantiles(),
            nans,
            infs,
            zeros,
            self._sketch(),
        )

    def _quantiles(self) -> tuple[float, ...]:
        if not self._sample:
            return ()
        values = tally.values_of(self.tensor.dtype, np.concatenate(self._sample), self._apart)
        values = np.sort(values[np.isfinite(values)])
        if not len(values):
            return ()
        # as np.quantile has them, in a third of its time, which counts where tensors are small
        last = len(values) - 1
        places = np.array(QUANTILES) * last
        below = places.astype(np.intp)
        low, high = values[below], values[np.minimum(below + 1, last)]
        return tuple(map(float, low + (high - low) * (places - below)))

    def _sketch(self) -> NDArray[np.float32]:
        """The sketch; empty where values do not fit into float32, as F64 may hold."""
        with np.errstate(over="ignore"):
            cells = self._cells.astype(np.float32)
        return cells if np.isfinite(cells).all() else cells[:0]
