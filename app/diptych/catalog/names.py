"""The keys of metrics and hyperparameters as small numbers, remembered in memory. Numbers are given once for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from diptych.catalog.texts import restored, stored

if TYPE_CHECKING:
    from sqlite3 import Connection

_LISTS = 256
"""Lists of names that are remembered at most."""


class Names:
    """The names of one kind, `metric` or `param`, both ways."""

    def __init__(self, kind: str) -> None:
        self._read = "SELECT key, name FROM metric_name WHERE key > ?".replace("metric", kind)
        self._add = "INSERT INTO metric_name (name, uses) VALUES (?, 0) RETURNING key".replace("metric", kind)
        self._count = "UPDATE metric_name SET uses = uses + ? WHERE key = ?".replace("metric", kind)
        self._used = "SELECT name, uses FROM metric_name WHERE uses > 0 ORDER BY uses DESC, name".replace(
            "metric", kind
        )
        self._names: dict[int, str] = {}
        self._keys: dict[str, int] = {}
        self._last = 0
        self._lists: dict[tuple[int, ...], tuple[str, ...]] = {}

    def forget(self) -> None:
        """Drop what a transaction that was rolled back may have added."""
        self._names, self._keys, self._last = {}, {}, 0
        self._lists.clear()

    def refresh(self, connection: Connection) -> None:
        """Learn the names that others have added."""
        for key, name in connection.execute(self._read, (self._last,)):
            self._names[key] = text = restored(name)
            self._keys[text] = key
            self._last = max(self._last, key)

    def names(self, connection: Connection, keys: Sequence[int]) -> tuple[str, ...]:
        """The names of `keys`, in their order; a `KeyError` for a number that was never given.

        Version after version brings the same list.
        """
        asked = tuple(keys)
        found = self._lists.get(asked)
        if found is None:
            if not self._names.keys() >= set(asked):
                self.refresh(connection)
            if len(self._lists) >= _LISTS:
                self._lists.clear()
            found = self._lists[asked] = tuple(map(self._names.__getitem__, asked))
        return found

    def all(self, connection: Connection) -> Mapping[str, int]:
        """Every name with its number."""
        self.refresh(connection)
        return self._keys

    def keys(self, connection: Connection, names: Iterable[str]) -> list[int]:
        """The numbers of `names`, given anew where needed. Within a write."""
        wanted = list(names)
        if not self._keys.keys() >= set(wanted):
            self.refresh(connection)
            for name in wanted:
                if name not in self._keys:
                    (key,) = connection.execute(self._add, (stored(name),)).fetchone()
                    self._keys[name] = key
                    self._names[key] = name
                    self._last = max(self._last, key)
        return [self._keys[name] for name in wanted]

    def count(self, connection: Connection, changes: Mapping[int, int]) -> None:
        """Add to how many versions have each name."""
        connection.executemany(self._count, [(more, key) for key, more in changes.items() if more])

    def used(self, connection: Connection) -> tuple[tuple[str, int], ...]:
        """Names with the number of versions that have them, most first."""
        return tuple((restored(name), uses) for name, uses in connection.execute(self._used))
