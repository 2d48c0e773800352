"""A tensor as a part of another: some of its rows, turned, its heads put back into the usual order.

Of a stored tensor with more dimensions than what is seen, those before the last ones count as rows below one another:
so one expert is found in the stack of all of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

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

    groups: int = 0
    """Not nought: the rows that are seen lie in equal shares in so many groups of the stored rows, in each from its row
    `first` on, as where Q, K and V stand side by side for each head."""

    @property
    def name(self) -> str:
        """A name of its own for what is seen; views alike share it."""
        rows = f"{self.first}+{self.shape[0]}" if self.shape else "0"
        kinds = (" turned" * self.transposed, f" {self.heads} heads" * bool(self.heads),
                 f" {self.groups} groups" * bool(self.groups))  # fmt: skip
        return f"{self.tensor}[{rows}{''.join(kinds)}]"

    def fits(self, stored: TensorInfo) -> bool:
        """Whether the stored tensor has these rows."""
        shape = stored.shape[::-1] if self.transposed else self._laid(stored.shape)
        return len(shape) == len(self.shape) and shape[1:] == self.shape[1:] and self._reaches(shape)

    def places(self, rows: range, stored: Sequence[int]) -> Sequence[int]:
        """Where rows of what is seen lie among the rows of a tensor of the shape `stored`."""
        if self.heads:
            return [self.first + self._paired(row) for row in rows]
        if self.groups:
            share, height = self.shape[0] // self.groups, self._laid(tuple(stored))[0] // self.groups
            return [row // share * height + self.first + row % share for row in rows]
        return range(rows.start + self.first, rows.stop + self.first)

    def _paired(self, row: int) -> int:
        """The rotary pairs of a head stand side by side: (0, half), (1, half + 1) and so on."""
        height = self.shape[0] // self.heads
        head, within = divmod(row, height)
        side, pair = divmod(within, height // 2)
        return head * height + 2 * pair + side

    def _laid(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        more = len(shape) - len(self.shape)
        return (prod(shape[: more + 1]), *shape[more + 1 :]) if more > 0 and self.shape else shape

    def _reaches(self, shape: tuple[int, ...]) -> bool:
        if not shape:
            return True
        if not self.groups:
            return self.first + self.shape[0] <= shape[0]
        even = not (shape[0] % self.groups or self.shape[0] % self.groups)
        return even and self.first + self.shape[0] // self.groups <= shape[0] // self.groups

    def seen(self, stored: TensorInfo) -> TensorInfo:
        """The stored tensor as it is seen. Its bytes are those of the rows where they lie together."""
        if self.transposed or not stored.shape or 0 in stored.shape:
            return replace(stored, name=self.name, shape=self.shape)
        row = stored.bytes // self._laid(stored.shape)[0]
        begin = stored.begin + (0 if self.groups else self.first * row)
        return replace(stored, name=self.name, shape=self.shape, begin=begin, end=begin + self.shape[0] * row)
