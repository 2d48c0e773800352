"""What a write touched, so that whoever shows it can read it again."""

from __future__ import annotations

from typing import NamedTuple


class Changes(NamedTuple):
    """Keys of versions, by what happened to them."""

    added: frozenset[int] = frozenset()
    updated: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()
    settings: bool = False
    """The settings or the list of library folders changed."""

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.added | other.added,
            self.updated | other.updated,
            self.removed | other.removed,
            self.settings or other.settings,
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.updated or self.removed or self.settings)


class Undone(NamedTuple):
    """What was undone or redone."""

    label: str
    changes: Changes
