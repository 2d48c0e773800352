"""Writing what was found: versions, their places, their records, and what lists read from them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diptych.catalog import identity, parts, payload
from diptych.catalog.names import Names
from diptych.catalog.preparing import PackedRecord, Prepared, Shown, Told, param_value, show
from diptych.catalog.texts import stored, words
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
_PLACE = """
    INSERT INTO place (path, version, position, stamp, state, gone, artifacts)
    VALUES (?, ?, (SELECT coalesce(max(position), 0) + 1 FROM place WHERE version = ?), ?, ?, 0, ?)
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
_TIE = """
    WITH arrived AS (SELECT key, name, model, path FROM version WHERE key IN (SELECT value FROM json_each(?)))
    UPDATE version SET base_key = coalesce(
        (SELECT version FROM place WHERE path = version.base_name AND version <> version.key),
        (SELECT CASE count(*) WHEN 1 THEN min(other.key) END FROM version AS other
            WHERE other.name = version.base_name AND other.key <> version.key),
        (SELECT CASE count(*) WHEN 1 THEN min(other.key) END FROM version AS other
            WHERE other.model = version.base_name AND other.key <> version.key))
    WHERE +base_key IS NULL AND +base_name IS NOT NULL AND (key IN (SELECT key FROM arrived) OR base_name IN (
        SELECT name FROM arrived UNION SELECT model FROM arrived UNION SELECT path FROM arrived))
"""
_WORDS = """
    INSERT OR REPLACE INTO words (rowid, name, model, tags, note, family, base, path, params)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


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
        self.connection.executemany(
            _RECORD,
            [(key, one.path, place, one.record.reader, one.moment, one.evidence, one.curves) for one in records],
        )

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
        settings = unpacked(shown)[3] if shown else []
        texts = (words(name), words(model), tags, note, family, words(base or ""), path or "")
        self.connection.execute(_WORDS, (key, *texts, _spoken(settings)))

    def tie_bases(self, keys: Iterable[int]) -> None:
        """Recognise the parents of these versions, and these as parents of others.

        A parent is known by its place, else by a name or a model that only one version has.
        """
        self.connection.execute(_TIE, (json.dumps(list(keys)),))

    def restore_shown(self, key: int) -> None:
        """Fill `metric`, `param`, the counts of names and the words of a version whose other rows were put back."""
        (text,) = self.connection.execute("SELECT shown FROM detail WHERE version = ?", (key,)).fetchone()
        metric_keys, measured, param_keys, settings = unpacked(text)
        self._write_values(key, metric_keys, measured, param_keys, settings)
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
        one = dataclasses.replace(one, artifacts=_with_digests(one.artifacts, before))
        if id_.startswith("~"):
            return self._update(one, key, one.provisional)
        if identity.unchanged(before, one.artifacts):
            return self._update(one, key, id_)
        added = self._add([one])
        self.connection.execute("UPDATE version SET path = NULL WHERE key = ?", (key,))
        self.settle([key])
        return added | Changes(updated=frozenset({key}))

    def _add(self, finds: Sequence[Prepared]) -> Changes:
        """Insert new versions, table by table."""
        (first,) = self.connection.execute(_NEXT).fetchone()
        numbered = list(enumerate(finds, first))
        many = self.connection.executemany
        many(_INSERT, [(key, one.provisional, one.place, one.found.state.value, *one.row) for key, one in numbered])
        many(_PLACE, [_placed(one, key) for key, one in numbered if one.place is not None])
        details, texts = [], []
        for key, one in numbered:
            self._write(one, key)
            shown = self._numbered(show([packed.told for packed in one.records]))
            details.append((key, json.dumps(shown), one.headers))
            texts.append((key, *_said(one), _spoken(shown[3])))
            self._write_values(key, *shown)
        many("INSERT INTO detail (version, shown, headers) VALUES (?, ?, ?)", details)
        many(_WORDS, texts)
        return Changes(added=frozenset(range(first, first + len(finds))))

    def _update(self, one: Prepared, key: int, id_: str) -> Changes:
        self.connection.execute(_UPDATE, (id_, *one.row, one.base_name, key))
        self.connection.execute("UPDATE detail SET headers = ? WHERE version = ?", (one.headers, key))
        if one.place is None:
            self.connection.execute("UPDATE version SET state = ? WHERE key = ?", (one.found.state.value, key))
        else:
            self.connection.execute("DELETE FROM record WHERE version = ? AND place = ?", (key, one.place))
            self.connection.execute(_PLACE, _placed(one, key))
        self._write(one, key)
        self.settle([key])
        self.show_again(key)
        return Changes(updated=frozenset({key}))

    def _write(self, one: Prepared, key: int) -> None:
        """Write the parent and the records of a version."""
        if one.base_parent is not None:
            self.connection.execute(
                "UPDATE version SET base_key = (SELECT key FROM version WHERE id = ?) WHERE key = ?",
                (one.base_parent, key),
            )
        if one.records:
            self.attach(key, one.records, one.place)

    def _show(self, key: int, shown: Shown) -> None:
        """Write what lists show, in place of what they showed before."""
        self._count_names(key, -1)
        self.connection.execute("DELETE FROM metric WHERE version = ?", (key,))
        self.connection.execute("DELETE FROM param WHERE version = ?", (key,))
        numbered = self._numbered(shown)
        self.connection.execute("UPDATE detail SET shown = ? WHERE version = ?", (json.dumps(numbered), key))
        self._write_values(key, *numbered)

    def _numbered(self, shown: Shown) -> tuple[list[int], list[float], list[int], list[object]]:
        """Numbers and values of the metrics, then of the hyperparameters."""
        metric_keys = self._metric.keys(self.connection, shown.metrics)
        param_keys = self._param.keys(self.connection, shown.hyperparameters)
        return metric_keys, list(shown.metrics.values()), param_keys, list(shown.hyperparameters.values())

    def _write_values(
        self, key: int, metric_keys: Sequence[int], measured: Sequence[float], param_keys: Sequence[int],
        settings: Sequence[object],
    ) -> None:  # fmt: skip
        """Write the values of a version that are searched and sorted by, and count their names."""
        if metric_keys:
            self.connection.executemany(
                "INSERT INTO metric (version, key, value) VALUES (?, ?, ?)",
                [
                    (key, name, None if math.isnan(value) else value)
                    for name, value in zip(metric_keys, measured, strict=True)
                ],
            )
        if param_keys:
            self.connection.executemany(
                "INSERT INTO param (version, key, value) VALUES (?, ?, ?)",
                [(key, name, param_value(value)) for name, value in zip(param_keys, settings, strict=True)],
            )
        self._count(metric_keys, param_keys, 1)

    def _count_names(self, key: int, by: int) -> None:
        row = self.connection.execute("SELECT shown FROM detail WHERE version = ?", (key,)).fetchone()
        if row is None or not row[0]:
            return
        metric_keys, _, param_keys, _ = unpacked(row[0])
        self._count(metric_keys, param_keys, by)

    def _count(self, metric_keys: Iterable[int], param_keys: Iterable[int], by: int) -> None:
        for uses, keys in zip(self._uses, (metric_keys, param_keys), strict=True):
            for name in keys:
                uses[name] += by


def unpacked(shown: str) -> list[Any]:
    """Keys and values of the metrics, then of the hyperparameters, from what lists show."""
    with parts.decoding("what lists show"):
        metric_keys, measured, param_keys, settings = json.loads(shown)
        return [metric_keys, measured, param_keys, settings]


def _placed(one: Prepared, key: int) -> tuple[object, ...]:
    """The row of a place."""
    found, artifacts = one.found, parts.encode_artifacts(one.artifacts)
    return one.place, key, key, found.stamp, found.state.value, artifacts


def _said(one: Prepared) -> tuple[str, ...]:
    """The words that find a new version, but for its hyperparameters."""
    name, model, family = stored(one.found.name), stored(one.found.model), stored(one.found.family)
    return words(name), words(model), "", "", family, words(one.base_name or ""), one.place or ""


def _with_digests(now: Sequence[Artifact], before: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """`now`, with the digests of files that look the same as before."""
    known: dict[Any, Artifact] = {(one.path, one.bytes, one.modified_ns): one for one in before if one.digest}
    return tuple(
        dataclasses.replace(one, digest=same.digest)
        if one.digest is None and (same := known.get((one.path, one.bytes, one.modified_ns)))
        else one
        for one in now
    )


def _spoken(settings: Iterable[object]) -> str:
    """What can be searched of all hyperparameters."""
    return " ".join(text for value in settings if (text := _text(value)))


def _text(value: object) -> str:
    """What can be searched of a hyperparameter: its words, not its numbers."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return " ".join(_text(part) for part in value)
    return ""
