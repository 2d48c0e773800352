"""A tensor as a part of another: some of its rows, turned, its heads put back into the usual order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from diptych.domain.tensor import TensorInfo


@dataclass(frozen=True, slots=True)
class View:
    """How one tensor is found within a stored one: turned first, then cut to rows, then its heads reordered."""

    tensor: str
    """The name of the stored tensor."""
    shape: tuple[int, ...]
    """The shape of what is seen."""
    first: int = 0
    """The first row that is seen."""
    transposed: bool = False
    """The stored matrix is in × out, as GPT-2's are."""
    heads: int = 0
    """Not nought: within each of so many heads the rows lie as rotary pairs (0, 1), (2, 3) …, and are put back into
    two halves."""

    @property
    def name(self) -> str:
        """A name of its own for what is seen; views alike share it."""
        rows = f"{self.first}+{self.shape[0]}" if self.shape else "0"
        return f"{self.tensor}[{rows}{' turned' if self.transposed else ''}{f' {self.heads} heads' * bool(self.heads)}]"

    def fits(self, stored: TensorInfo) -> bool:
        """Whether the stored tensor has these rows."""
        shape = stored.shape[::-1] if self.transposed else stored.shape
        return len(shape) == len(self.shape) and shape[1:] == self.shape[1:] and self._reaches(shape)

    def _reaches(self, shape: tuple[int, ...]) -> bool:
        return not shape or self.first + self.shape[0] <= shape[0]

    def seen(self, stored: TensorInfo) -> TensorInfo:
        """The stored tensor as it is seen. Its bytes are those of the rows where they lie together."""
        if self.transposed or not stored.shape or not stored.shape[0]:
            return replace(stored, name=self.name, shape=self.shape)
        row = stored.bytes // stored.shape[0]
        begin = stored.begin + self.first * row
        return replace(stored, name=self.name, shape=self.shape, begin=begin, end=begin + self.shape[0] * row)
