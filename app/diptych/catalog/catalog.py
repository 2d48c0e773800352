"""The catalog: what is known of every version, kept in one file."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.catalog import reading, search
from diptych.catalog.connections import Connections
from diptych.catalog.names import Names
from diptych.catalog.reading import Columns, Place, Root, Tally, Untied
from diptych.catalog.resolving import resolve
from diptych.domain.changes import Changes, Undone
from diptych.domain.version import Digest, Version

if TYPE_CHECKING:
    from diptych.catalog.contents import About
    from diptych.catalog.fingerprints import Fingerprints
    from diptych.catalog.lineage import Lineages
    from diptych.catalog.shipments import Shipments
    from diptych.catalog.writes import Writes
    from diptych.domain.found import Found, Record
    from diptych.domain.lineage import Edge, Verdict
    from diptych.domain.tensor import Header


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
        self._made: Writes | None = None
        self._making = threading.Lock()

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
        if not keys:
            return []
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
        from diptych.catalog import contents

        with self._connections.reading() as connection:
            return contents.records(connection, key)

    def strays(self, root: Path) -> tuple[str, ...]:
        """The records in `root` that lie apart from the version they are about, by the text of their paths."""
        with self._connections.reading() as connection:
            return reading.strays(connection, root)

    def records_about(self) -> tuple[About, ...]:
        """The versions known only from records, with those records, to be attached when their models arrive."""
        from diptych.catalog import contents

        with self._connections.reading() as connection:
            return contents.about(connection)

    def headers(self, key: int) -> tuple[Header, ...]:
        """The headers of one version's weight files."""
        from diptych.catalog import contents

        with self._connections.reading() as connection:
            return contents.headers(connection, key)

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

    def looked_at(self) -> tuple[Mapping[str, str], frozenset[str]]:
        """What `stamps` says, by the text of each place, and the places that hold a version: quick for many."""
        with self._connections.reading() as connection:
            return reading.looked_at(connection)

    def stamps(self) -> Mapping[Path, str]:
        """Every folder that scans have looked at, with its stamp then: equal means that it need not be read again."""
        with self._connections.reading() as connection:
            return reading.stamps(connection)

    def unhashed(self, keys: Collection[int] | None = None) -> list[Place]:
        """The places, newest first, whose files are still to be hashed; all of them, or those of some versions."""
        with self._connections.reading() as connection:
            return reading.unhashed(connection, keys)

    def tally(self, folders: Collection[Path], places: Collection[str] = ()) -> Tally:
        """The versions that are in `folders` or in `places` (as texts), and what is wrong with them.

        A version without a place is where its records are; one that is offline is nowhere.
        """
        with self._connections.reading() as connection:
            return reading.tally(connection, folders, places)

    def untied(self) -> tuple[Untied, ...]:
        """The versions that name a parent which the catalog has not recognised."""
        with self._connections.reading() as connection:
            return reading.untied(connection)

    # writing what was found

    def add_root(self, path: Path) -> Changes:
        """Remember a library folder."""
        return self._writes.add_root(path)

    def store(self, found: Sequence[Found], seen: Mapping[Path, str] | Mapping[str, str] | None = None) -> Changes:
        """Insert or update finds, in batches; `seen` are folders with their stamps that hold no change.

        A place that is new gets a version of its own. A version that was never hashed is updated in place. One that
        was hashed is updated too, unless a file that counts has changed: then the place gets a new version, and the
        old one stays, offline if it has no other place. A find without a path is known by its name.
        Records in the version's folder replace those read before; records attached from elsewhere stay.
        """
        return self._writes.store(found, seen)

    def attach(self, key: int, records: Sequence[Record]) -> Changes:
        """Give a version records that lie elsewhere and are about it.

        They leave the versions without a place that held them before; one that has nothing left is removed.
        `NotFound` without such a version.
        """
        return self._writes.attach(key, records)

    def tie(self, parents: Mapping[int, int]) -> Changes:
        """Say which version is the parent of which, by keys; a parent is never its own child."""
        return self._writes.tie(parents)

    def missing(self, root: Path, present: Collection[Path]) -> Changes:
        """Mark the places in `root` that are not `present` as gone; versions with no other place are then offline."""
        return self._writes.missing(root, present)

    def lose(self, records: Collection[str]) -> Changes:
        """Forget records that lay apart from their version and are gone, by the text of their paths.

        A version known only from such records keeps them and is offline, as one whose files are gone is.
        """
        return self._writes.lose(records)

    def digests(self, place: Path, digests: Mapping[str, Digest]) -> Changes:
        """Note digests of a place's files, by relative name; see `identity` for what they make.

        With every file that counts hashed the version gets its final id. Where another version has that id already,
        the younger one becomes a further place of the older, or replaces places that are gone; tags, notes, stars
        and records are united. `NotFound` for a place that is not in the catalog.
        """
        return self._writes.digests(place, digests)

    # writing what people say

    def tag(self, keys: Sequence[int], add: Collection[str] = (), remove: Collection[str] = ()) -> Changes:
        """Put tags on versions and take tags off. Tags that differ in case only are the same tag."""
        return self._writes.tag(keys, add, remove)

    def star(self, keys: Sequence[int], stars: int) -> Changes:
        """Give versions 0 to 5 stars."""
        return self._writes.star(keys, stars)

    def note(self, key: int, text: str) -> Changes:
        """Write a note on a version, in place of the one before."""
        return self._writes.note(key, text)

    def remove(self, keys: Sequence[int]) -> Changes:
        """Forget versions. Their files are not touched; the next scan of their folder finds them again."""
        return self._writes.remove(keys)

    def remove_root(self, path: Path) -> Changes:
        """Forget a library folder and the versions that lie in it and nowhere else."""
        return self._writes.remove_root(path)

    def judge(self, edge: Edge, verdict: Verdict) -> Changes:
        """Confirm or reject an inferred edge, or take that back; `NotFound` where it is no longer there."""
        return self._writes.judge(edge, verdict)

    # what went elsewhere

    @property
    def shipments(self) -> Shipments:
        """Pushes under way, receipts and model cards."""
        from diptych.catalog.shipments import Shipments

        return Shipments(self._connections)

    @property
    def fingerprints(self) -> Fingerprints:
        """What passes over weights have found."""
        from diptych.catalog.fingerprints import Fingerprints

        return Fingerprints(self._connections)

    @property
    def lineages(self) -> Lineages:
        """What the weights tell of descent."""
        from diptych.catalog.lineage import Lineages

        return Lineages(self._connections)

    # history

    def undo(self) -> Undone | None:
        """Take back the last tag, note, rating or removal of this session; None if there is none."""
        return self._writes.undo()

    def redo(self) -> Undone | None:
        """Do again what was taken back last; None if there is nothing."""
        return self._writes.redo()

    def undo_label(self) -> str:
        """What `undo` would take back (`Tag 3 versions`); empty if nothing."""
        return self._writes.undo_label()

    def redo_label(self) -> str:
        """What `redo` would do again; empty if nothing."""
        return self._writes.redo_label()

    @property
    def _writes(self) -> Writes:
        """The writing half, imported at the first write: a window and a list start by reading alone."""
        with self._making:
            if self._made is None:
                from diptych.catalog.writes import Writes

                self._made = Writes(self._connections, self._metric, self._param)
            return self._made

    def _version(self, key: int) -> Version:
        return self.versions([key])[0]
