"""The catalog: what is known of every version, kept in one file."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from diptych.catalog import moving, reading, search
from diptych.catalog.connections import Connections
from diptych.catalog.history import Annotated, History, Undone, capture, said
from diptych.catalog.names import Names
from diptych.catalog.preparing import Preparation, pack
from diptych.catalog.reading import About, Columns, Place, Root, Untied
from diptych.catalog.resolving import resolve
from diptych.catalog.texts import below, place_text, stored
from diptych.catalog.writing import Writer
from diptych.display import path as shown_path
from diptych.display import plural
from diptych.domain.changes import Changes
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header
from diptych.domain.version import Digest, Version
from diptych.errors import NotFound

_BATCH = 500
"""Finds written in one transaction, so that another process waits a fraction of a second at most."""


class Catalog:
    """The memory of the program. Any thread may use it; every write says what it changed.

    `Refused` for a file with a newer schema (which is left as it is), `Damaged` for one that SQLite cannot read;
    `set_aside` renames such a file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file.absolute()
        self._connections = Connections(self.file)
        self._metric = Names("metric")
        self._param = Names("param")
        self._packing = Preparation()
        self._history = History()

    @property
    def readonly(self) -> bool:
        """Whether the file or its folder cannot be written; then reading works and every write is `Refused`."""
        return self._connections.readonly

    @property
    def sqlite_version(self) -> str:
        """The version of SQLite that keeps the file."""
        with self._connections.reading() as connection:
            return str(connection.execute("SELECT sqlite_version()").fetchone()[0])

    def close(self) -> None:
        """Close the file, for all threads."""
        self._connections.close()

    def check(self) -> str:
        """What is wrong with the file as a database; empty if nothing. Reads the whole file."""
        return self._connections.check()

    # reading

    def keys(
        self, query: str = "", sort: str = "created", descending: bool = True, limit: int | None = None, offset: int = 0
    ) -> list[int]:
        """The keys of the versions that `query` asks for, in order; see `query` for the language.

        `sort` is a column, a metric or a hyperparameter; versions without a value come last both ways.
        A query that cannot be understood finds nothing; `explain` says why.
        """
        with self._connections.reading() as connection:
            finder = search.Search(connection, self._metric, self._param)
            return finder.keys(query, sort, descending, limit, offset)

    def count(self, query: str = "") -> int:
        """How many versions `query` asks for."""
        with self._connections.reading() as connection:
            return search.Search(connection, self._metric, self._param).count(query)

    def explain(self, query: str, sort: str = "") -> str:
        """Why `query`, or sorting by `sort`, cannot be understood; empty if it can."""
        with self._connections.reading() as connection:
            return search.Search(connection, self._metric, self._param).explain(query, sort)

    def versions(self, keys: Sequence[int]) -> list[Version]:
        """The versions with these keys, in that order, with metrics, hyperparameters and tags."""
        with self._connections.reading() as connection:
            return reading.versions(connection, keys, self._metric, self._param)

    def page(
        self, query: str = "", sort: str = "created", descending: bool = True, limit: int | None = 200, offset: int = 0
    ) -> list[Version]:
        """The versions that `keys` finds."""
        with self._connections.reading():
            return self.versions(self.keys(query, sort, descending, limit, offset))

    def models(self) -> Mapping[int, str]:
        """The model of every version, by key: what a list of all versions is grouped by."""
        with self._connections.reading() as connection:
            return reading.models(connection)

    def resolve(self, ref: str) -> Version:
        """The version that people mean by `ref`: a name, a path, the first digits of an id, part of a name.

        `NotFound` names the candidates where several fit.
        """
        with self._connections.reading() as connection:
            return self._version(resolve(connection, ref))

    def records(self, key: int) -> tuple[Record, ...]:
        """The records of one version, by path, with their evidence complete."""
        with self._connections.reading() as connection:
            return reading.records(connection, key)

    def records_about(self) -> tuple[About, ...]:
        """The versions known only from records, with those records, to be attached when their models arrive."""
        with self._connections.reading() as connection:
            return reading.about(connection)

    def headers(self, key: int) -> tuple[Header, ...]:
        """The headers of one version's weight files."""
        with self._connections.reading() as connection:
            return reading.headers(connection, key)

    def columns(self) -> Columns:
        """The metrics, hyperparameters, tags, models and families there are, each by how many versions have it."""
        with self._connections.reading() as connection:
            return reading.columns(connection, self._metric, self._param)

    def roots(self) -> tuple[Root, ...]:
        """The library folders."""
        with self._connections.reading() as connection:
            return reading.roots(connection)

    def places(self) -> Mapping[Path, int]:
        """Every folder or file that holds a version, with the version's key; those that are gone left out."""
        with self._connections.reading() as connection:
            return reading.places(connection)

    def named(self) -> Mapping[Path, str]:
        """Every folder or file that holds or held a version, with the model it belongs to; names are built of them."""
        with self._connections.reading() as connection:
            return reading.named(connection)

    def stamps(self) -> Mapping[Path, str]:
        """Every folder that scans have looked at, with its stamp then: equal means that it need not be read again."""
        with self._connections.reading() as connection:
            return reading.stamps(connection)

    def unhashed(self, keys: Collection[int] | None = None) -> list[Place]:
        """The places, newest first, whose files are still to be hashed; all of them, or those of some versions."""
        with self._connections.reading() as connection:
            return reading.unhashed(connection, keys)

    # writing what was found

    def add_root(self, path: Path) -> Changes:
        """Remember a library folder."""
        with self._connections.writing() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO root (path, added) VALUES (?, ?)", (place_text(path), time.time())
            )
            return Changes(settings=added.rowcount > 0)

    def store(self, found: Sequence[Found], seen: Mapping[Path, str] | None = None) -> Changes:
        """Insert or update finds, in batches; `seen` are folders with their stamps that hold no change.

        A place that is new gets a version of its own. A version that was never hashed is updated in place. One that
        was hashed is updated too, unless a file that counts has changed: then the place gets a new version, and the
        old one stays, offline if it has no other place. A find without a path is known by its name.
        Records in the version's folder replace those read before; records attached from elsewhere stay.
        """
        changes: list[Changes] = []
        for start in range(0, len(found), _BATCH):
            prepared = [self._packing.prepare(one) for one in found[start : start + _BATCH]]
            with self._writing() as writer:
                stored_now = [writer.store(one) for one in prepared]
                writer.tie_bases(key for one in stored_now for key in one.added | one.updated)
                changes += stored_now
        if seen:
            with self._writing() as writer:
                changes.append(moving.seen(writer, seen))
        if found or seen:
            self._note_scan(found, seen or {})
        return Changes(
            added=frozenset().union(*(one.added for one in changes)),
            updated=frozenset().union(*(one.updated for one in changes)),
        )

    def attach(self, key: int, records: Sequence[Record]) -> Changes:
        """Give a version records that lie elsewhere and are about it.

        They leave the versions without a place that held them before; one that has nothing left is removed.
        `NotFound` without such a version.
        """
        packed = [pack(record) for record in records]
        with self._writing() as writer:
            self._require(key)
            changes = Changes(updated=frozenset({key})) | writer.detach(key, [one.path for one in packed])
            writer.attach(key, packed)
            writer.show_again(key)
            return changes

    def untied(self) -> tuple[Untied, ...]:
        """The versions that name a parent which the catalog has not recognised."""
        with self._connections.reading() as connection:
            return reading.untied(connection)

    def tie(self, parents: Mapping[int, int]) -> Changes:
        """Say which version is the parent of which, by keys; a parent is never its own child."""
        with self._writing() as writer:
            writer.connection.executemany(
                "UPDATE version SET base_key = ? WHERE key = ? AND key <> ?",
                [(parent, key, parent) for key, parent in parents.items()],
            )
        return Changes(updated=frozenset(parents))

    def missing(self, root: Path, present: Collection[Path]) -> Changes:
        """Mark the places in `root` that are not `present` as gone; versions with no other place are then offline."""
        with self._writing() as writer:
            return moving.missing(writer, root, present)

    def digests(self, place: Path, digests: Mapping[str, Digest]) -> Changes:
        """Note digests of a place's files, by relative name; see `identity` for what they make.

        With every file that counts hashed the version gets its final id. Where another version has that id already,
        the younger one becomes a further place of the older, or replaces places that are gone; tags, notes, stars
        and records are united. `NotFound` for a place that is not in the catalog.
        """
        with self._writing() as writer:
            return moving.digests(writer, place, digests)

    # writing what people say

    def tag(self, keys: Sequence[int], add: Collection[str] = (), remove: Collection[str] = ()) -> Changes:
        """Put tags on versions and take tags off. Tags that differ in case only are the same tag."""
        more = [stored(text) for tag in add if (text := tag.strip())]
        fewer = [stored(tag.strip()) for tag in remove]
        label = f"{'Tag' if more or not fewer else 'Untag'} {plural(len(keys), 'version')}"
        with self._annotating(label, keys) as writer:
            writer.connection.executemany(
                "DELETE FROM tag WHERE version = ? AND tag = ?", [(key, tag) for key in keys for tag in fewer]
            )
            writer.connection.executemany(
                "INSERT OR IGNORE INTO tag (version, tag) SELECT key, ? FROM version WHERE key = ?",
                [(tag, key) for key in keys for tag in more],
            )
        return Changes(updated=frozenset(keys))

    def star(self, keys: Sequence[int], stars: int) -> Changes:
        """Give versions 0 to 5 stars."""
        with self._annotating(f"Rate {plural(len(keys), 'version')}", keys) as writer:
            writer.connection.executemany(
                "UPDATE version SET stars = ? WHERE key = ?", [(max(0, min(5, stars)), key) for key in keys]
            )
        return Changes(updated=frozenset(keys))

    def note(self, key: int, text: str) -> Changes:
        """Write a note on a version, in place of the one before."""
        with self._annotating("Edit note", [key]) as writer:
            writer.connection.execute("UPDATE version SET note = ? WHERE key = ?", (stored(text), key))
        return Changes(updated=frozenset({key}))

    def remove(self, keys: Sequence[int]) -> Changes:
        """Forget versions. Their files are not touched; the next scan of their folder finds them again."""
        with self._writing() as writer:
            removed = capture(writer.connection, keys)
            changes = removed.redo(writer)
        if changes:
            self._history.add(f"Remove {plural(len(changes.removed), 'version')}", removed)
        return changes

    def remove_root(self, path: Path) -> Changes:
        """Forget a library folder and the versions that lie in it and nowhere else."""
        with self._writing() as writer:
            connection = writer.connection
            root = connection.execute("SELECT * FROM root WHERE path = ?", (place_text(path),)).fetchone()
            removed = capture(connection, moving.within(connection, path), root)
            changes = removed.redo(writer)
            connection.execute("DELETE FROM seen WHERE path = ? OR (path >= ? AND path < ?)", below(path))
        if changes:
            self._history.add(f"Remove folder {shown_path(path)}", removed)
        return changes

    # history

    def undo(self) -> Undone | None:
        """Take back the last tag, note, rating or removal of this session; None if there is none."""
        return self._step(back=True)

    def redo(self) -> Undone | None:
        """Do again what was taken back last; None if there is nothing."""
        return self._step(back=False)

    def undo_label(self) -> str:
        """What `undo` would take back (`Tag 3 versions`); empty if nothing."""
        return self._history.label(back=True)

    def redo_label(self) -> str:
        """What `redo` would do again; empty if nothing."""
        return self._history.label(back=False)

    def _step(self, *, back: bool) -> Undone | None:
        step = self._history.peek(back=back)
        if step is None:
            return None
        label, change = step
        with self._writing() as writer:
            changes = change.undo(writer) if back else change.redo(writer)
        self._history.moved(back=back)
        return Undone(label, changes)

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        try:
            with self._connections.writing() as connection:
                writer = Writer(connection, self._metric, self._param)
                yield writer
                writer.finish()
        except BaseException:
            self._metric.forget()
            self._param.forget()
            raise

    @contextmanager
    def _annotating(self, label: str, keys: Sequence[int]) -> Iterator[Writer]:
        """A write of tags, stars or notes that can be undone."""
        with self._writing() as writer:
            before = said(writer.connection, keys)
            yield writer
            for key in before:
                writer.index_words(key)
            step = Annotated(before, said(writer.connection, keys))
        if step.changed:
            self._history.add(label, step)

    def _version(self, key: int) -> Version:
        return self.versions([key])[0]

    def _require(self, key: int) -> None:
        if not self.versions([key]):
            raise NotFound(f"version {key}: no longer in the catalog")

    def _note_scan(self, found: Sequence[Found], seen: Mapping[Path, str]) -> None:
        places = [place_text(one.path) for one in found if one.path is not None] + [place_text(path) for path in seen]
        with self._connections.writing() as connection:
            connection.execute(
                """
                UPDATE root SET scanned = ? WHERE EXISTS (SELECT 1 FROM json_each(?) WHERE value = root.path
                    OR value >= rtrim(root.path, '/') || '/' AND value < rtrim(root.path, '/') || '0')
                """,
                (time.time(), json.dumps(places)),
            )
