"""All differences of a comparison in the order of reading, section by section, without a list of them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class Changes:
    """The rows that differ, by section, each with its place among all."""

    def __init__(self, parts: Sequence[tuple[str, Sequence[str]]]) -> None:
        self._parts = parts
        self._begins: list[int] = []
        self.total = 0
        for _, rows in parts:
            self._begins.append(self.total)
            self.total += len(rows)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((section, row) for section, rows in self._parts for row in rows)

    def place(self, section: str, row: str) -> int:
        """Where a row stands among all; -1 where it is no difference."""
        for (name, rows), begin in zip(self._parts, self._begins, strict=True):
            if name == section and row in rows:
                return begin + rows.index(row)
        return -1

    def at(self, place: int) -> tuple[str, str]:
        """Section and row at a place."""
        for (section, rows), begin in zip(self._parts, self._begins, strict=True):
            if place < begin + len(rows):
                return section, rows[place - begin]
        raise IndexError(place)

    def nearest(self, section: str, by: int) -> int:
        """Where the first difference from a section on stands (1), or the last one before it (-1); around the ends."""
        begins = dict(zip((name for name, _ in self._parts), self._begins, strict=True))
        place = begins.get(section, 0 if by > 0 else self.total)
        return (place if by > 0 else place - 1) % self.total
