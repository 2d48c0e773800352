"""Writing what was found: versions, their places, their records, and what lists read from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diptych.catalog import identity, parts, payload
from diptych.catalog.names import Names
from diptych.catalog.preparing import PackedRecord, Prepared, Shown, Told, show
from diptych.catalog.rows import Numbered, place_row, record_rows, unpacked, version_row, words_row
from diptych.catalog.texts import words
from diptych.catalog.uniting import unite
from diptych.domain.changes import Changes
from diptych.domain.version import Artifact

if TYPE_CHECKING:
    from sqlite3 import Connection

_INSERT = """
    INSERT INTO version (key, id, path, state, name, sort_name, model, kind, step, format, dtype, family, parameters,
        bytes, created, base_name, base, problems, stars, note)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')
"""
_NEXT = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'version'), 0) + 1"
_KNOWN = """
    SELECT p.path, p.version, p.artifacts, v.id FROM json_each(?) AS asked
    CROSS JOIN place AS p ON p.path = asked.value CROSS JOIN version AS v ON v.key = p.version
"""
_UPDATE = """
    UPDATE version SET id = ?, name = ?, sort_name = ?, model = ?, kind = ?, step = ?, format = ?, dtype = ?,
        family = ?, parameters = ?, bytes = ?, created = ?, base_name = ?, base = ?, problems = ?,
        base_key = CASE WHEN base_name IS ? THEN base_key END
    WHERE key = ?
"""
_NEW_PLACE = """
    INSERT INTO place (path, version, position, stamp, state, gone, artifacts) VALUES (?, ?, 1, ?, ?, 0, ?)
"""
_PLACE = """
    INSERT INTO place (path, version, position, stamp, state, gone, artifacts)
    VALUES (?1, ?2, (SELECT coalesce(max(position), 0) + 1 FROM place WHERE version = ?2), ?3, ?4, 0, ?5)
    ON CONFLICT (path) DO UPDATE SET version = excluded.version, stamp = excluded.stamp, state = excluded.state,
        gone = 0, artifacts = excluded.artifacts,
        position = CASE WHEN version = excluded.version THEN position ELSE excluded.position END
"""
_RECORD = """
    INSERT INTO record (version, path, place, reader, moment, evidence, curves) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (version, path) DO UPDATE SET place = excluded.place, reader = excluded.reader,
        moment = excluded.moment, evidence = excluded.evidence, curves = excluded.curves
"""
_PRESENT = """
    UPDATE version SET
        path = coalesce((SELECT path FROM place WHERE version = version.key ORDER BY gone, position LIMIT 1), ?),
        state = coalesce((SELECT CASE WHEN gone THEN 'offline' ELSE state END FROM place WHERE version = version.key
            ORDER BY gone, position LIMIT 1), CASE WHEN id >= '~' THEN state ELSE 'offline' END)
    WHERE key = ?
"""
_UNTIED = "SELECT EXISTS (SELECT 1 FROM version WHERE base_name >= '' AND +base_key IS NULL)"
_TIE = """
    WITH arrived AS (SELECT key, name, model, path FROM version WHERE key IN (SELECT value FROM json_each(?)))
    UPDATE version SET base_key = coalesce(
        (SELECT version FROM place WHERE path = version.base_name AND version <> version.key),
        (SELECT CASE count(*) WHEN 1 THEN min(other.key) END FROM version AS other
            WHERE other.name = version.base_name AND other.key <> version.key),
        (SELECT CASE count(*) WHEN 1 THEN min(other.key) END FROM version AS other
            WHERE other.model = version.base_name AND other.key <> version.key))
    WHERE +base_key IS NULL AND base_name >= '' AND (key IN (SELECT key FROM arrived) OR base_name IN (
        SELECT name FROM arrived UNION SELECT model FROM arrived UNION SELECT path FROM arrived))
"""
_NEW_WORDS = """
    INSERT INTO words (rowid, name, model, tags, note, family, base, path, params) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_WORDS = _NEW_WORDS.replace("INSERT", "INSERT OR REPLACE")
_METRIC = "INSERT INTO metric (version, key, value) VALUES (?, ?, ?)"
_PARAM = "INSERT INTO param (version, key, value) VALUES (?, ?, ?)"
_DETAIL = "INSERT INTO detail (version, shown, headers) VALUES (?, ?, ?)"
_PARENT = "UPDATE version SET base_key = (SELECT key FROM version WHERE id = ?) WHERE key = ?"
_BLANK = Numbered([], [], [], [])


class Writer:
    """The writes of one transaction."""

    def __init__(self, connection: Connection, metric: Names, param: Names) -> None:
        self.connection = connection
        self._metric = metric
        self._param = param
        self._uses: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def finish(self) -> None:
        """Write what was only counted so far; the last thing before the commit."""
        self._metric.count(self.connection, self._uses[0])
        self._param.count(self.connection, self._uses[1])
        self._uses = (Counter(), Counter())

    def store(self, finds: Sequence[Prepared]) -> Changes:
        """Insert or update finds; see `Catalog.store` for the rules."""
        layouts = {digest: packed for one in finds for digest, packed in one.layouts.items()}
        self.connection.executemany("INSERT OR IGNORE INTO layout (digest, payload) VALUES (?, ?)", layouts.items())
        asked = json.dumps([one.place for one in finds if one.place is not None])
        met = {row[0] for row in self.connection.execute(_KNOWN, (asked,))}
        fresh: list[Prepared] = []
        others: list[Prepared] = []
        for one in finds:
            if one.place is None or one.place in met:
                others.append(one)
            else:
                fresh.append(one)
                met.add(one.place)
        changes = [
            self._add(fresh),
            *(self._store_nowhere(one) if one.place is None else self._store_again(one) for one in others),
        ]
        return Changes(
            added=frozenset().union(*(one.added for one in changes)),
            updated=frozenset().union(*(one.updated for one in changes)),
        )

    def attach(self, key: int, records: Iterable[PackedRecord], place: str | None = None) -> None:
        """Write records of one version; `place` is where they lie within the version itself."""
        self.connection.executemany(_RECORD, record_rows(key, place, records))

    def detach(self, key: int, paths: Sequence[str]) -> Changes:
        """Take records that lie elsewhere away from all other versions: each is about one version only.

        A version without a place that has no record left is forgotten; what people said of it is said of `key`.
        """
        changes = Changes()
        rows = self.connection.execute(
            "SELECT DISTINCT r.version FROM json_each(?) AS asked CROSS JOIN record AS r ON r.path = asked.value"
            " WHERE r.version <> ? AND r.place IS NULL",
            (json.dumps(paths), key),
        ).fetchall()
        for (holder,) in rows:
            self.connection.executemany(
                "DELETE FROM record WHERE version = ? AND path = ? AND place IS NULL",
                [(holder, path) for path in paths],
            )
            (left,) = self.connection.execute(
                "SELECT ?1 IN (SELECT version FROM record WHERE version = ?1 UNION ALL"
                " SELECT version FROM place WHERE version = ?1)",
                (holder,),
            ).fetchone()
            if left:
                self.show_again(holder)
                changes |= Changes(updated=frozenset({holder}))
            else:
                children = unite(self.connection, key, holder)
                self.forget([holder])
                changes |= Changes(updated=children, removed=frozenset({holder}))
        return changes

    def show_again(self, key: int) -> None:
        """Work out anew what lists show of a version, from all its records."""
        rows = self.connection.execute(
            "SELECT reader, path, moment, evidence FROM record WHERE version = ?", (key,)
        ).fetchall()
        told = [
            Told(reader, path, moment, payload.decode_evidence(evidence, None))
            for reader, path, moment, evidence in rows
        ]
        self._show(key, show(told))
        self.index_words(key)

    def settle(self, keys: Collection[int]) -> None:
        """Set path and state of versions by the places that they have left."""
        self.connection.executemany(_PRESENT, [(None, key) for key in keys])

    def forget(self, keys: Iterable[int]) -> None:
        """Delete versions and everything that belongs to them alone."""
        for key in keys:
            self._count_names(key, -1)
            self.connection.execute("DELETE FROM version WHERE key = ?", (key,))

    def index_words(self, key: int) -> None:
        """Make a version findable by what it is called now."""
        name, model, note, family, base, path, shown = self.connection.execute(
            "SELECT v.name, v.model, v.note, v.family, v.base_name, v.path, d.shown"
            " FROM version AS v LEFT JOIN detail AS d ON d.version = v.key WHERE v.key = ?",
            (key,),
        ).fetchone()
        tags = " ".join(tag for (tag,) in self.connection.execute("SELECT tag FROM tag WHERE version = ?", (key,)))
        texts = (words(name), words(model), tags, note, family, words(base or ""), path or "")
        self.connection.execute(_WORDS, (key, *texts, unpacked(shown).words() if shown else ""))

    def tie_bases(self, keys: Iterable[int]) -> None:
        """Recognise the parents of these versions, and these as parents of others.

        A parent is known by its place, else by a name or a model that only one version has.
        """
        (untied,) = self.connection.execute(_UNTIED).fetchone()
        if untied:
            self.connection.execute(_TIE, (json.dumps(list(keys)),))

    def restore_shown(self, key: int) -> None:
        """Fill `metric`, `param`, the counts of names and the words of a version whose other rows were put back."""
        (text,) = self.connection.execute("SELECT shown FROM detail WHERE version = ?", (key,)).fetchone()
        self._write_values({key: unpacked(text)})
        self.index_words(key)

    def _store_nowhere(self, one: Prepared) -> Changes:
        row = self.connection.execute("SELECT key FROM version WHERE id = ?", (one.provisional,)).fetchone()
        if row is None:
            return self._add([one])
        (key,) = row
        return self._update(one, key, one.provisional)

    def _store_again(self, one: Prepared) -> Changes:
        """Store what lies in a place that the catalog knows."""
        _, key, files, id_ = self.connection.execute(_KNOWN, (json.dumps([one.place]),)).fetchone()
        before = parts.decode_artifacts(files)
        one = one._replace(artifacts=_with_digests(one.artifacts, before))
        if id_.startswith("~"):
            return self._update(one, key, one.provisional)
        if identity.unchanged(before, one.artifacts):
            return self._update(one, key, id_)
        added = self._add([one], _PLACE)
        self.connection.execute("UPDATE version SET path = NULL WHERE key = ?", (key,))
        self.settle([key])
        return added | Changes(updated=frozenset({key}))

    def _add(self, finds: Sequence[Prepared], place: str = _NEW_PLACE) -> Changes:
        """Insert new versions, table by table; `place` is the statement that notes where they are."""
        (first,) = self.connection.execute(_NEXT).fetchone()
        numbered = list(enumerate(finds, first))
        many = self.connection.executemany
        many(_INSERT, [version_row(one, key) for key, one in numbered])
        many(place, [place_row(one, key) for key, one in numbered if one.place is not None])
        many(_PARENT, [(one.base_parent, key) for key, one in numbered if one.base_parent is not None])
        many(_RECORD, [row for key, one in numbered for row in record_rows(key, one.place, one.records)])
        shown = {
            key: self._numbered(show([packed.told for packed in one.records])) if one.records else _BLANK
            for key, one in numbered
        }
        many(_DETAIL, [(key, shown[key].text, one.headers) for key, one in numbered])
        self._write_values({key: one for key, one in shown.items() if one is not _BLANK})
        many(_NEW_WORDS, [words_row(one, key, shown[key]) for key, one in numbered])
        return Changes(added=frozenset(range(first, first + len(finds))))

    def _update(self, one: Prepared, key: int, id_: str) -> Changes:
        self.connection.execute(_UPDATE, (id_, *one.row, one.base_name, key))
        self.connection.execute("UPDATE detail SET headers = ? WHERE version = ?", (one.headers, key))
        if one.place is None:
            self.connection.execute("UPDATE version SET state = ? WHERE key = ?", (one.found.state.value, key))
        else:
            self.connection.execute("DELETE FROM record WHERE version = ? AND place = ?", (key, one.place))
            self.connection.execute(_PLACE, place_row(one, key))
        if one.base_parent is not None:
            self.connection.execute(_PARENT, (one.base_parent, key))
        self.attach(key, one.records, one.place)
        self.settle([key])
        self.show_again(key)
        return Changes(updated=frozenset({key}))

    def _show(self, key: int, shown: Shown) -> None:
        """Write what lists show, in place of what they showed before."""
        self._count_names(key, -1)
        self.connection.execute("DELETE FROM metric WHERE version = ?", (key,))
        self.connection.execute("DELETE FROM param WHERE version = ?", (key,))
        numbered = self._numbered(shown)
        self.connection.execute("UPDATE detail SET shown = ? WHERE version = ?", (numbered.text, key))
        self._write_values({key: numbered})

    def _numbered(self, shown: Shown) -> Numbered:
        metric_keys = self._metric.keys(self.connection, shown.metrics)
        param_keys = self._param.keys(self.connection, shown.hyperparameters)
        return Numbered(metric_keys, list(shown.metrics.values()), param_keys, list(shown.hyperparameters.values()))

    def _write_values(self, numbered: Mapping[int, Numbered]) -> None:
        """Write the values of versions that are searched and sorted by, and count their names."""
        told = numbered.items()
        self.connection.executemany(_METRIC, [row for key, one in told for row in one.metric_rows(key)])
        self.connection.executemany(_PARAM, [row for key, one in told for row in one.param_rows(key)])
        for one in numbered.values():
            self._count(one, 1)

    def _count_names(self, key: int, by: int) -> None:
        row = self.connection.execute("SELECT shown FROM detail WHERE version = ?", (key,)).fetchone()
        if row is None or not row[0]:
            return
        self._count(unpacked(row[0]), by)

    def _count(self, numbered: Numbered, by: int) -> None:
        for uses, keys in zip(self._uses, (numbered.metric_keys, numbered.param_keys), strict=True):
            for name in keys:
                uses[name] += by


def _with_digests(now: Sequence[Artifact], before: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """`now`, with the digests of files that look the same as before."""
    known: dict[Any, Artifact] = {(one.path, one.bytes, one.modified_ns): one for one in before if one.digest}
    return tuple(
        one._replace(digest=same.digest)
        if one.digest is None and (same := known.get((one.path, one.bytes, one.modified_ns)))
        else one
        for one in now
    )
