"""Ticking off differences one by one, as in a review."""

from __future__ import annotations

from collections.abc import Iterable

from diptych.ui.pages.compare_changes import Changes

_KEPT = 1000
"""Marks that a session remembers."""


class Reviewed:
    """The differences that the reader is done with, by section and row."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], None] = {}

    def __len__(self) -> int:
        return len(self._marks)

    def tick_off(self, changes: Changes, at: tuple[str, str]) -> tuple[str, str] | None:
        """Mark the difference `at`, or take its mark away; where to go now, None where nothing is left."""
        place = changes.place(*at)
        if at in self._marks:
            del self._marks[at]
            return at
        if place >= 0:
            self._marks[at] = None
        order = list(changes)
        return next((one for one in (*order[place + 1 :], *order[: place + 1]) if one not in self._marks), None)

    def rows(self, section: str) -> frozenset[str]:
        """The marked rows of a section."""
        return frozenset(row for name, row in self._marks if name == section)

    def state(self) -> list[list[str]]:
        """The marks, to be remembered."""
        return [list(mark) for mark in self._marks][-_KEPT:]

    def restore(self, state: object) -> None:
        """Take up what `state` returned; what is something else is left."""
        for mark in state if isinstance(state, Iterable) else ():
            if isinstance(mark, list) and len(mark) == 2 and all(isinstance(part, str) for part in mark):
                self._marks[mark[0], mark[1]] = None
