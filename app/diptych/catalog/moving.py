"""Places that come and go: hashed content recognised elsewhere, folders that vanish."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.catalog import identity, parts
from diptych.catalog.texts import below, place_text, restored_path
from diptych.catalog.uniting import unite
from diptych.catalog.writing import Writer
from diptych.domain.changes import Changes
from diptych.domain.version import Artifact, Digest, State
from diptych.errors import NotFound

if TYPE_CHECKING:
    from sqlite3 import Connection

_BELOW = "SELECT path, version, gone FROM place WHERE path = ? OR (path >= ? AND path < ?)"
_LOOKED_AT = """
    SELECT p.path, p.version, p.stamp, p.gone FROM json_each(?) AS asked CROSS JOIN place AS p ON p.path = asked.value
"""
_HOLDERS = """
    SELECT v.key, EXISTS (SELECT 1 FROM place WHERE version = v.key),
        EXISTS (SELECT 1 FROM place WHERE version = v.key AND NOT gone),
        EXISTS (SELECT 1 FROM record WHERE version = v.key AND path NOT IN (SELECT value FROM json_each(?1))), v.state
    FROM version AS v WHERE v.key IN (
        SELECT r.version FROM json_each(?1) AS lost CROSS JOIN record AS r ON r.path = lost.value
        WHERE r.place IS NULL)
"""
_LOSE = """
    DELETE FROM record WHERE version = ?1 AND place IS NULL AND path IN (SELECT value FROM json_each(?2))
"""
_FOLLOW = """
    UPDATE version SET (name, sort_name, model, kind, step, created, base_name, base, problems, format, dtype, family,
            parameters, bytes) =
        (SELECT name, sort_name, model, kind, step, created, base_name, base, problems, format, dtype, family,
            parameters, bytes FROM version WHERE key = ?)
    WHERE key = ?
"""


def digests(writer: Writer, place: Path, known: Mapping[str, Digest]) -> Changes:
    """Note digests of the files of one place, and give the final id once every file that counts has one."""
    connection = writer.connection
    path = place_text(place)
    row = connection.execute(
        "SELECT p.version, p.artifacts, v.id FROM place AS p CROSS JOIN version AS v ON v.key = p.version"
        " WHERE p.path = ?",
        (path,),
    ).fetchone()
    if row is None:
        raise NotFound(f"{place}: not in the catalog", "Scan the folder first.")
    key, files, id_ = row
    artifacts = tuple(one._replace(digest=known.get(one.path, one.digest)) for one in parts.decode_artifacts(files))
    connection.execute("UPDATE place SET artifacts = ? WHERE path = ?", (parts.encode_artifacts(artifacts), path))
    final = identity.final(artifacts)
    if final is None or not id_.startswith("~"):
        return Changes(updated=frozenset({key}))
    same = connection.execute("SELECT key FROM version WHERE id = ?", (final,)).fetchone()
    if same is None:
        connection.execute("UPDATE version SET id = ? WHERE key = ?", (final, key))
        return Changes(updated=frozenset({key}))
    (other,) = same
    return _merge(writer, min(key, other), max(key, other), final, artifacts, newcomer=key)


def missing(writer: Writer, root: Path, present: Collection[Path]) -> Changes:
    """Mark the places in `root` that are not `present` as gone."""
    connection = writer.connection
    there = {place_text(path) for path in present}
    lost = [
        (path, key) for path, key, gone in connection.execute(_BELOW, below(root)) if not gone and path not in there
    ]
    connection.executemany("UPDATE place SET gone = 1 WHERE path = ?", [(path,) for path, _ in lost])
    connection.executemany("DELETE FROM seen WHERE path = ?", [(path,) for path, _ in lost])
    keys = frozenset(key for _, key in lost)
    writer.settle(keys)
    return Changes(updated=keys)


def lose(writer: Writer, paths: Sequence[str]) -> Changes:
    """Forget records that are gone, but for those of versions that are gone themselves: they tell what those were."""
    connection = writer.connection
    asked = json.dumps(paths)
    updated = set()
    for key, placed, there, left, state in connection.execute(_HOLDERS, (asked,)).fetchall():
        if there or (left and not placed):
            connection.execute(_LOSE, (key, asked))
            writer.show_again(key)
            updated.add(key)
        elif not placed and state != State.OFFLINE.value:
            connection.execute("UPDATE version SET state = ? WHERE key = ?", (State.OFFLINE.value, key))
            updated.add(key)
    # their folders are to be read again where they come back
    folders = {path.rpartition("/")[0] for path in paths}
    connection.executemany("DELETE FROM seen WHERE path = ?", [(folder,) for folder in folders])
    return Changes(updated=frozenset(updated))


def seen(writer: Writer, stamps: Mapping[str, str]) -> Changes:
    """Note folders that were looked at and are as they were; a place that was gone is back."""
    connection = writer.connection
    known = {path: row for path, *row in connection.execute(_LOOKED_AT, (json.dumps(list(stamps)),))}
    back = {path: key for path, (key, stamp, gone) in known.items() if gone and stamp == stamps[path]}
    connection.executemany("UPDATE place SET gone = 0 WHERE path = ?", [(path,) for path in back])
    connection.executemany(
        "INSERT INTO seen (path, stamp) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp",
        [(path, stamp) for path, stamp in stamps.items() if path not in known],
    )
    keys = frozenset(back.values())
    writer.settle(keys)
    return Changes(updated=keys)


def scanned(writer: Writer, places: Collection[str]) -> None:
    """Note the time in the library folders that hold any of `places`."""
    connection = writer.connection
    for (root,) in connection.execute("SELECT path FROM root").fetchall():
        inside = f"{root.rstrip('/')}/"
        if any(place == root or place.startswith(inside) for place in places):
            connection.execute("UPDATE root SET scanned = ? WHERE path = ?", (time.time(), root))


def within(connection: Connection, root: Path) -> list[int]:
    """The versions that lie in `root` and nowhere outside it; those known from records, by where the records lie."""
    bounds = below(root)
    found = {key for _, key, _ in connection.execute(_BELOW, bounds)}
    found |= {
        key
        for (key,) in connection.execute(
            "SELECT version FROM record WHERE (path = ? OR (path >= ? AND path < ?))"
            " AND version NOT IN (SELECT version FROM place)",
            bounds,
        )
    }
    return sorted(key for key in found if not _outside(connection, key, bounds))


def _outside(connection: Connection, key: int, bounds: tuple[str, str, str]) -> bool:
    row = connection.execute(
        """
        SELECT 1 FROM (
            SELECT path FROM place WHERE version = ?4 UNION ALL
            SELECT path FROM record WHERE version = ?4 AND NOT EXISTS (SELECT 1 FROM place WHERE version = ?4))
        WHERE path <> ?1 AND NOT (path >= ?2 AND path < ?3)
        """,
        (*bounds, key),
    ).fetchone()
    return row is not None


def _merge(
    writer: Writer, older: int, newer: int, final: str, artifacts: tuple[Artifact, ...], newcomer: int
) -> Changes:
    """Make `newer` a further place of `older`, or the only one where the older places are gone."""
    connection = writer.connection
    keeper = newer if newcomer == older else older
    there = [
        (path, parts.decode_artifacts(files))
        for path, files, gone in connection.execute(
            "SELECT path, artifacts, gone FROM place WHERE version = ? ORDER BY position", (keeper,)
        )
        if not gone
    ]
    _drop_copies(connection, newcomer, artifacts, [files for _, files in there])
    if newcomer == newer and not there:
        connection.execute("DELETE FROM place WHERE version = ? AND gone", (older,))
        connection.execute("DELETE FROM record WHERE version = ? AND place IS NOT NULL", (older,))
        connection.execute(_FOLLOW, (newer, older))
    for statement in (
        "UPDATE OR IGNORE place SET position = position + (SELECT coalesce(max(position), 0) FROM place"
        " WHERE version = ?1), version = ?1 WHERE version = ?2",
        "UPDATE OR IGNORE record SET version = ?1 WHERE version = ?2",
    ):
        connection.execute(statement, (older, newer))
    children = unite(connection, older, newer)
    writer.forget([newer])
    connection.execute("UPDATE version SET id = ? WHERE key = ?", (final, older))
    writer.settle([older])
    writer.show_again(older)
    return Changes(updated=children | {older}, removed=frozenset({newer}))


def _drop_copies(
    connection: Connection, key: int, artifacts: tuple[Artifact, ...], places: list[tuple[Artifact, ...]]
) -> None:
    """Delete the records in a copy that are copies themselves, byte for byte, of records that stay."""
    kept = {(one.path, one.digest) for files in places for one in files if one.digest is not None}
    copies = {one.path for one in artifacts if (one.path, one.digest) in kept}
    rows = connection.execute(
        "SELECT key, path, place FROM record WHERE version = ? AND place IS NOT NULL", (key,)
    ).fetchall()
    for record, path, place in rows:
        folder, file = restored_path(place), restored_path(path)
        if file.is_relative_to(folder) and file.relative_to(folder).as_posix() in copies:
            connection.execute("DELETE FROM record WHERE key = ?", (record,))
