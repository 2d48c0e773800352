"""Tensors as files hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8,
    "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""Width of one element by its name in safetensors."""

FLOATING = frozenset(
    {
        "F4",
        "F6_E2M3",
        "F6_E3M2",
        "F8_E5M2",
        "F8_E4M3",
        "F8_E8M0",
        "F8_E4M3FNUZ",
        "F8_E5M2FNUZ",
        "F16",
        "BF16",
        "F32",
        "F64",
    }
)


ROUNDING: Mapping[str, tuple[int, int]] = {
    "F8_E5M2FNUZ": (3, -17), "F8_E5M2": (3, -16), "F8_E4M3FNUZ": (4, -10), "F8_E4M3": (4, -9), "BF16": (8, -133),
    "F16": (11, -24), "F32": (24, -149), "F64": (53, -1074),
}  # fmt: skip
"""Binary digits of precision, and the exponent of the smallest number, of the types that weights are cast to."""


def narrower(left: str, right: str) -> str:
    """The less precise of two floating dtypes, to which the other may have been cast; empty where there is none."""
    if left == right or left not in ROUNDING or right not in ROUNDING:
        return ""
    return min(left, right, key=lambda dtype: ROUNDING[dtype][0])


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where one tensor lies, without its values."""

    name: str
    dtype: str
    """In the spelling of safetensors (`BF16`)."""
    shape: tuple[int, ...]
    file: str
    """Name of the file within the version's folder."""
    begin: int
    """First byte in the file, counted from its start."""
    end: int

    @property
    def elements(self) -> int:
        """The number of values; 1 for a scalar."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The room it takes in its file."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Layout:
    """What the header of one weight file declares, offsets counted from the start of its data.

    The checkpoints of a run share one layout, so it is parsed and stored once.
    """

    digest: str
    """SHA-256 of the header without its metadata."""
    entries: tuple[tuple[str, str, tuple[int, ...], int, int], ...]
    """Name, dtype, shape, begin, end of each tensor, in the order of the offsets."""
    parameters: int
    dtype: str
    """The dtype that holds most elements."""


class Header(NamedTuple):
    """The header of one weight file."""

    file: str
    """Name relative to the version's folder."""
    start: int
    """Where the data begins in the file."""
    layout: Layout
    metadata: Mapping[str, str]

    def tensors(self) -> tuple[TensorInfo, ...]:
        """The tensors with offsets counted from the start of the file."""
        return tuple(
            TensorInfo(name, dtype, shape, self.file, self.start + begin, self.start + end)
            for name, dtype, shape, begin, end in self.layout.entries
        )


class TensorSource(Protocol):
    """The weights of one version, opened for reading. A context manager: leaving it unmaps the files."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the files say about themselves."""
        ...

    def tensors(self) -> Sequence[TensorInfo]:
        """Every tensor, in the order of the files."""
        ...

    def raw(self, name: str) -> NDArray[np.uint8]:
        """The tensor's bytes as they lie in the file: one-dimensional, read-only, not copied."""
        ...

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        """The tensor's values in flat chunks of at most `elements`: floating types as float32 (F64 as float64)."""
        ...

    def __enter__(self) -> TensorSource: ...

    def __exit__(self, *exception: object) -> None: ...
