"""How the values of a tensor lie in their file, where that is not one after the other: a remark behind the dtype.

Headers, and the catalog that keeps them, say `F32, strides 1 4` of a view that was turned (in elements, as PyTorch
counts them) and `F32, packed` of an array that its archive packs. Who compares values sees them without the remark,
since a source hands their bytes out in order. Any other remark (`F32, sparse`) says why there are no values to read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from diptych.domain.tensor import DTYPE_BITS, TensorInfo
from diptych.pickles.names import STRIDES

PACKED = ", packed"


@dataclass(frozen=True, slots=True)
class Lying:
    """What a dtype with its remarks says."""

    dtype: str
    strides: tuple[int, ...] | None
    """Of each dimension, in elements; None where the values follow one another."""
    packed: bool

    @property
    def plain(self) -> bool:
        """Whether the values lie one after the other, or cannot be told from their bytes at all."""
        return self.strides is None and not self.packed


def lying(dtype: str) -> Lying:
    """A dtype as headers spell it. One whose remark says that it has no values keeps it."""
    bare = dtype.removesuffix(PACKED)
    kind, mark, steps = bare.partition(STRIDES)
    if kind not in DTYPE_BITS:
        return Lying(dtype, None, packed=False)
    strides = tuple(int(step) for step in steps.split() if step.isdecimal()) if mark else None
    return Lying(kind, strides, bare != dtype)


def in_order(tensor: TensorInfo) -> TensorInfo:
    """The tensor as a source hands it out: its bytes counted as they will be when they are in order."""
    told = lying(tensor.dtype)
    if told.plain:
        return tensor
    length = prod(tensor.shape) * DTYPE_BITS[told.dtype] // 8
    return replace(tensor, dtype=told.dtype, end=tensor.begin + length)
