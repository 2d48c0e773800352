"""The writing half of the catalog: what scans find, what people say, and the way back."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from diptych.catalog import moving
from diptych.catalog.connections import Connections
from diptych.catalog.history import Annotated, History, capture, said
from diptych.catalog.judging import judgement
from diptych.catalog.names import Names
from diptych.catalog.preparing import Preparation, pack
from diptych.catalog.texts import below, place_text, stored
from diptych.catalog.writing import Writer
from diptych.display import path as shown_path
from diptych.display import plural
from diptych.domain.changes import Changes, Undone
from diptych.domain.found import Found, Record
from diptych.domain.lineage import Edge, Verdict
from diptych.domain.version import Digest
from diptych.errors import NotFound

_BATCH = 1000
"""Finds written in one transaction, so that another process waits a fraction of a second at most."""


class Writes:
    """Every write to one open catalog, and the history of what can be taken back; `Catalog` says what each does."""

    def __init__(self, connections: Connections, metric: Names, param: Names) -> None:
        self._connections = connections
        self._metric = metric
        self._param = param
        self._packing = Preparation()
        self._history = History()

    # what was found

    def add_root(self, path: Path) -> Changes:
        """Remember a library folder."""
        with self._connections.writing() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO root (path, added) VALUES (?, ?)", (place_text(path), time.time())
            )
            return Changes(settings=added.rowcount > 0)

    def store(self, found: Sequence[Found], seen: Mapping[Path, str] | Mapping[str, str] | None = None) -> Changes:
        """Insert or update finds, in batches; see `Catalog.store` for the rules."""
        changes = Changes()
        stamps = {place_text(path): stamp for path, stamp in (seen or {}).items()}
        for start in range(0, max(len(found), min(len(stamps), 1)), _BATCH):
            prepared = [self._packing.prepare(one) for one in found[start : start + _BATCH]]
            looked_at = [one.place for one in prepared if one.place is not None]
            with self._writing() as writer:
                stored_now = writer.store(prepared)
                writer.tie_bases(stored_now.added | stored_now.updated)
                if start + _BATCH >= len(found):
                    stored_now |= moving.seen(writer, stamps)
                    looked_at += stamps
                moving.scanned(writer, looked_at)
            changes |= stored_now
        return changes

    def attach(self, key: int, records: Sequence[Record]) -> Changes:
        """Give a version records that lie elsewhere and are about it."""
        packed = [pack(record) for record in records]
        with self._writing() as writer:
            if writer.connection.execute("SELECT 1 FROM version WHERE key = ?", (key,)).fetchone() is None:
                raise NotFound(f"version {key}: no longer in the catalog")
            changes = Changes(updated=frozenset({key})) | writer.detach(key, [one.path for one in packed])
            writer.attach(key, packed)
            writer.show_again(key)
            return changes

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

    def lose(self, records: Collection[str]) -> Changes:
        """Forget records that lay apart from their version and are gone."""
        with self._writing() as writer:
            return moving.lose(writer, [stored(path) for path in records])

    def digests(self, place: Path, digests: Mapping[str, Digest]) -> Changes:
        """Note digests of a place's files; a version that is whole then gets its final id."""
        with self._writing() as writer:
            return moving.digests(writer, place, digests)

    # what people say

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

    def judge(self, edge: Edge, verdict: Verdict) -> Changes:
        """Confirm or reject an inferred edge, or take that back."""
        with self._writing() as writer:
            step = judgement(writer.connection, edge, verdict)
            changes = step.redo(writer)
        if step.before != step.after:
            self._history.add(step.label, step)
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
