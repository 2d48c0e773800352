"""Undo and redo of what people do to the catalog: tags, stars, notes and removals, for as long as it is open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from diptych.catalog.writing import Writer
from diptych.domain.changes import Changes

if TYPE_CHECKING:
    from sqlite3 import Connection

_DEPTH = 200
_SAID = """
    SELECT v.key, v.stars, v.note, (SELECT json_group_array(tag) FROM tag WHERE version = v.key)
    FROM json_each(?) AS asked CROSS JOIN version AS v ON v.key = asked.value
"""
_ROWS = {
    "version": (
        "SELECT * FROM version WHERE key = ?",
        "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    "place": ("SELECT * FROM place WHERE version = ?", "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?, ?)"),
    "record": ("SELECT * FROM record WHERE version = ?", "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    "detail": ("SELECT * FROM detail WHERE version = ?", "INSERT INTO detail VALUES (?, ?, ?)"),
    "tag": ("SELECT * FROM tag WHERE version = ?", "INSERT INTO tag VALUES (?, ?)"),
}
"""How the rows of a version are taken out and put back; `metric`, `param` and `words` follow from them."""

Annotations = Mapping[int, tuple[int, str, tuple[str, ...]]]
"""Stars, note and tags by key."""


class Step(Protocol):
    """One thing a person did."""

    def undo(self, writer: Writer) -> Changes:
        """Take it back."""
        ...

    def redo(self, writer: Writer) -> Changes:
        """Do it again."""
        ...


@dataclass(slots=True)
class History:
    """The steps of one session, and how many of them are done."""

    _steps: list[tuple[str, Step]] = field(default_factory=list)
    _done: int = 0

    def add(self, label: str, step: Step) -> None:
        """Note a step just done; steps that were undone before it can no longer be redone."""
        self._steps[self._done :] = [(label, step)]
        del self._steps[:-_DEPTH]
        self._done = len(self._steps)

    def peek(self, *, back: bool) -> tuple[str, Step] | None:
        """The step that undo, or redo, is about."""
        place = self._done - 1 if back else self._done
        return self._steps[place] if 0 <= place < len(self._steps) else None

    def moved(self, *, back: bool) -> None:
        """Note that the step was undone, or redone."""
        self._done += -1 if back else 1

    def label(self, *, back: bool) -> str:
        """What the step is called; empty without one."""
        step = self.peek(back=back)
        return step[0] if step else ""


@dataclass(frozen=True, slots=True)
class Annotated:
    """Tags, stars and notes before and after a write."""

    before: Annotations
    after: Annotations

    @property
    def changed(self) -> bool:
        """Whether the write made a difference."""
        return self.before != self.after

    def undo(self, writer: Writer) -> Changes:
        """Write what was before."""
        return _annotate(writer, self.before)

    def redo(self, writer: Writer) -> Changes:
        """Write what was after."""
        return _annotate(writer, self.after)


@dataclass(frozen=True, slots=True)
class Removed:
    """Versions that were removed, row by row, and the library folder that went with them."""

    keys: tuple[int, ...]
    rows: Mapping[str, Sequence[tuple[Any, ...]]]
    ties: Sequence[tuple[int, int]]
    """Base and child: the versions that were tied to one of the removed ones."""
    root: tuple[Any, ...] | None = None

    def undo(self, writer: Writer) -> Changes:
        """Put everything back, unless a scan has found the same content again since: then that one gives way."""
        connection = writer.connection
        double = {
            key
            for sql, values in (
                ("SELECT version FROM place WHERE path = ?", [row[0] for row in self.rows["place"]]),
                ("SELECT key FROM version WHERE id = ?", [row[1] for row in self.rows["version"]]),
            )
            for value in values
            for (key,) in connection.execute(sql, (value,))
        }
        writer.forget(double)
        # parents may stand after their children, so the ties are made last
        connection.execute("PRAGMA defer_foreign_keys = ON")
        for name, (_, insert) in _ROWS.items():
            connection.executemany(insert, self.rows[name])
        connection.executemany("UPDATE version SET base_key = ? WHERE key = ?", self.ties)
        connection.execute("UPDATE version SET base_key = NULL WHERE base_key NOT IN (SELECT key FROM version)")
        for key in self.keys:
            writer.restore_shown(key)
        if self.root is not None:
            connection.execute("INSERT OR IGNORE INTO root VALUES (?, ?, ?)", self.root)
        return Changes(
            added=frozenset(self.keys), removed=frozenset(double) - frozenset(self.keys), settings=self.root is not None
        )

    def redo(self, writer: Writer) -> Changes:
        """Remove them."""
        writer.forget(self.keys)
        paths = {row[0] for row in self.rows["place"]} | {row[2] for row in self.rows["record"]}
        folders = {path.rpartition("/")[0] for path in paths}
        # their folders are to be read again, or the next scan would not find them
        writer.connection.executemany("DELETE FROM seen WHERE path = ?", [(path,) for path in paths | folders])
        if self.root is not None:
            writer.connection.execute("DELETE FROM root WHERE path = ?", (self.root[0],))
        return Changes(removed=frozenset(self.keys), settings=self.root is not None)


def capture(connection: Connection, keys: Sequence[int], root: tuple[Any, ...] | None = None) -> Removed:
    """Everything there is about some versions, so that it can be put back."""
    rows = {
        name: [row for key in dict.fromkeys(keys) for row in connection.execute(select, (key,))]
        for name, (select, _) in _ROWS.items()
    }
    ties = [
        (key, child)
        for key in keys
        for (child,) in connection.execute("SELECT key FROM version WHERE base_key = ?", (key,))
    ]
    return Removed(tuple(row[0] for row in rows["version"]), rows, ties, root)


def said(connection: Connection, keys: Sequence[int]) -> Annotations:
    """What people said of some versions."""
    return {
        key: (stars, note, tuple(json.loads(tags)))
        for key, stars, note, tags in connection.execute(_SAID, (json.dumps(list(keys)),))
    }


def _annotate(writer: Writer, texts: Annotations) -> Changes:
    connection = writer.connection
    there = said(connection, list(texts)).keys()
    for key in there:
        stars, note, tags = texts[key]
        connection.execute("UPDATE version SET stars = ?, note = ? WHERE key = ?", (stars, note, key))
        connection.execute("DELETE FROM tag WHERE version = ?", (key,))
        connection.executemany("INSERT INTO tag (version, tag) VALUES (?, ?)", [(key, tag) for tag in tags])
        writer.index_words(key)
    return Changes(updated=frozenset(there))
