"""Rows of the catalog as domain values."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from diptych.catalog import parts
from diptych.catalog.names import Names
from diptych.catalog.texts import below, restored, restored_path, stored
from diptych.domain.version import Artifact, Kind, Problem, State, Version

if TYPE_CHECKING:
    from sqlite3 import Connection

_VERSIONS = """
    SELECT v.key, v.id, v.name, v.model, v.kind, v.state, v.path, v.step, v.format, v.dtype, v.family, v.parameters,
        v.bytes, v.created, v.base, parent.id, v.problems, v.stars, v.note, d.shown
    FROM json_each(?) AS asked
    CROSS JOIN version AS v ON v.key = asked.value
    LEFT JOIN detail AS d ON d.version = v.key
    LEFT JOIN version AS parent ON parent.key = v.base_key
    ORDER BY asked.key
"""
_PLACES = """
    SELECT p.version, p.path, p.gone, p.artifacts FROM json_each(?) AS asked
    CROSS JOIN place AS p ON p.version = asked.value ORDER BY p.version, p.gone, p.position
"""
_TAGS = "SELECT t.version, t.tag FROM json_each(?) AS asked CROSS JOIN tag AS t ON t.version = asked.value"
_UNHASHED = """
    SELECT p.version, p.path, p.artifacts, v.state FROM place AS p CROSS JOIN version AS v ON v.key = p.version
    WHERE v.id >= '~' AND NOT p.gone ORDER BY v.created DESC, p.path
"""
_UNTIED = """
    SELECT v.key, v.path, v.base_name FROM version AS v
    WHERE v.base_name IS NOT NULL AND v.base_key IS NULL AND v.path IS NOT NULL
"""

_STRAYS = "SELECT DISTINCT path FROM record WHERE place IS NULL AND (+path = ? OR +path >= ? AND +path < ?)"
_MET = """
    SELECT version FROM place WHERE NOT gone AND (path = ?1 OR path >= ?2 AND path < ?3) UNION
    SELECT v.key FROM version AS v CROSS JOIN record AS r ON r.version = v.key
    WHERE v.kind = 'record' AND v.state <> 'offline' AND r.place IS NULL
        AND (r.path = ?1 OR r.path >= ?2 AND r.path < ?3)
"""
_AT = "SELECT p.version FROM json_each(?) AS asked CROSS JOIN place AS p ON p.path = asked.value WHERE NOT p.gone"
_WHOLE = (State.COMPLETE, State.UNREAD, State.NO_WEIGHTS)


class Place(NamedTuple):
    """One folder or file of a version, and the files it held at the last scan."""

    key: int
    path: Path
    artifacts: tuple[Artifact, ...]


class Root(NamedTuple):
    """A library folder."""

    path: Path
    added: float
    """Seconds since 1970."""
    scanned: float | None
    """When something below it was last stored; None if never."""
    versions: int


class Columns(NamedTuple):
    """What lists can show and filters can name, each with how many versions have it, most first."""

    metrics: tuple[tuple[str, int], ...]
    hyperparameters: tuple[tuple[str, int], ...]
    tags: tuple[tuple[str, int], ...]
    models: tuple[tuple[str, int], ...]
    families: tuple[tuple[str, int], ...]


class Tally(NamedTuple):
    """Some versions in short."""

    versions: int
    problems: tuple[Problem, ...]


class Untied(NamedTuple):
    """A version that names a parent which is not recognised."""

    key: int
    path: Path
    base: str
    """The parent as the record names it."""


def untied(connection: Connection) -> tuple[Untied, ...]:
    """Every version with a place whose parent is named and not known."""
    return tuple(
        Untied(key, restored_path(path), restored(base)) for key, path, base in connection.execute(_UNTIED).fetchall()
    )


def versions(connection: Connection, keys: Sequence[int], metric: Names, param: Names) -> list[Version]:
    """The versions with these keys, in that order; keys that are not there are left out."""
    asked = json.dumps(list(keys))
    places: dict[int, list[Path]] = defaultdict(list)
    artifacts: dict[int, tuple[Artifact, ...]] = {}
    there: set[int] = set()
    for key, path, gone, files in connection.execute(_PLACES, (asked,)):
        if key not in artifacts:
            artifacts[key] = parts.decode_artifacts(files)
        if not gone:
            there.add(key)
        if not gone or key not in there:
            places[key].append(restored_path(path))
    tags: dict[int, list[str]] = defaultdict(list)
    for key, tag in connection.execute(_TAGS, (asked,)):
        tags[key].append(restored(tag))
    found = []
    with parts.decoding("a version"):
        for row in connection.execute(_VERSIONS, (asked,)).fetchall():
            (
                key, id_, name, model, kind, state, path, step, format_, dtype, family, parameters,
                size, created, base, parent, problems, stars, note, shown,
            ) = row  # fmt: skip
            measured, set_ = values(connection, shown, metric, param)
            found.append(
                Version(
                    key=key,
                    id=id_,
                    name=restored(name),
                    model=restored(model),
                    kind=Kind(kind),
                    state=State(state),
                    path=None if path is None else restored_path(path),
                    step=step,
                    format=restored(format_),
                    dtype=restored(dtype),
                    family=restored(family),
                    parameters=parameters,
                    bytes=size,
                    created=created,
                    base=None if base is None else parts.lineage_from(json.loads(base), parent),
                    artifacts=artifacts.get(key, ()),
                    places=tuple(places.get(key, ())),
                    problems=() if problems == "[]" else parts.problems_from(json.loads(problems)),
                    tags=frozenset(tags.get(key, ())),
                    stars=stars,
                    note=restored(note),
                    metrics=measured,
                    hyperparameters=set_,
                )
            )
    return found


def models(connection: Connection) -> dict[int, str]:
    """The model of every version; answered by the index alone."""
    texts: dict[str, str] = {}
    rows = connection.execute("SELECT key, model FROM version")
    return {key: texts.setdefault(model, restored(model)) for key, model in rows}


def values(
    connection: Connection, shown: str | None, metric: Names, param: Names
) -> tuple[dict[str, float], dict[str, object]]:
    """The metrics and hyperparameters that lists show, from their packed form."""
    if not shown:
        return {}, {}
    metric_keys, measured, param_keys, settings = json.loads(shown)
    return (
        dict(zip(metric.names(connection, metric_keys), measured, strict=True)),
        dict(zip(param.names(connection, param_keys), settings, strict=True)),
    )


def unhashed(connection: Connection, keys: Collection[int] | None) -> list[Place]:
    """The places whose versions still have a provisional id and could be hashed: whole ones.

    Whether the format of the weights can be read makes no difference; where they were deleted, the records of the
    training stand for them.
    """
    from diptych.catalog import identity  # asked when hashing only; lists start without it

    found = []
    for key, path, files, state in connection.execute(_UNHASHED).fetchall():
        if (keys is None or key in keys) and state in _WHOLE:
            artifacts = parts.decode_artifacts(files)
            if identity.distinct(artifacts):
                found.append(Place(key, restored_path(path), artifacts))
    return found


def strays(connection: Connection, root: Path) -> tuple[str, ...]:
    """The records below `root` that lie apart from their version, as texts."""
    return tuple(restored(path) for (path,) in connection.execute(_STRAYS, below(root)))


def tally(connection: Connection, folders: Collection[Path], places: Collection[str]) -> Tally:
    """How many versions there are in folders or places, and their problems by version."""
    keys: set[int] = set()
    bounds = [below(folder) for folder in folders]
    for each in bounds:
        keys.update(key for (key,) in connection.execute(_MET, each))
    inside = tuple(lead for _, lead, _ in bounds)
    there = json.dumps([place for place in map(stored, places) if not place.startswith(inside)])
    keys.update(key for (key,) in connection.execute(_AT, (there,)))
    rows = connection.execute("SELECT key, problems FROM version WHERE problems <> '[]' ORDER BY sort_name, key")
    with parts.decoding("a version"):
        problems = [one for key, text in rows if key in keys for one in parts.problems_from(json.loads(text))]
    return Tally(len(keys), tuple(problems))


def columns(connection: Connection, metric: Names, param: Names) -> Columns:
    """What there is to show and to filter by."""

    def counted(sql: str) -> tuple[tuple[str, int], ...]:
        rows: Iterable[tuple[str, int]] = connection.execute(sql)
        return tuple((restored(name), count) for name, count in rows)

    return Columns(
        metric.used(connection),
        param.used(connection),
        counted("SELECT tag, count(*) FROM tag GROUP BY tag ORDER BY 2 DESC, 1"),
        counted("SELECT model, count(*) FROM version GROUP BY model ORDER BY 2 DESC, 1"),
        counted("SELECT family, count(*) FROM version WHERE family > '' GROUP BY family ORDER BY 2 DESC, 1"),
    )


def roots(connection: Connection) -> tuple[Root, ...]:
    """The library folders by path, each with how many versions lie in it."""
    rows = connection.execute(
        """
        SELECT root.path, root.added, root.scanned, (
            SELECT count(DISTINCT version) FROM place WHERE NOT gone AND (
                path = root.path OR path >= rtrim(root.path, '/') || '/' AND path < rtrim(root.path, '/') || '0'))
        FROM root ORDER BY root.path
        """
    )
    return tuple(Root(restored_path(path), added, scanned, count) for path, added, scanned, count in rows)


def places(connection: Connection) -> Mapping[Path, int]:
    """The places that are there, each with the key of the version it holds."""
    rows = connection.execute("SELECT path, version FROM place WHERE NOT gone ORDER BY path")
    return {restored_path(path): key for path, key in rows}


def named(connection: Connection) -> Mapping[Path, str]:
    """Every place, those that are gone included, each with the model of the version it holds."""
    rows = connection.execute("SELECT p.path, v.model FROM place AS p CROSS JOIN version AS v ON v.key = p.version")
    return {restored_path(path): restored(model) for path, model in rows}


def looked_at(connection: Connection) -> tuple[dict[str, str], frozenset[str]]:
    """The stamps by place, and those places that hold a version, all as texts."""
    seen, held = [
        {restored(path): stamp for path, stamp in connection.execute(sql)}
        for sql in ("SELECT path, stamp FROM seen", "SELECT path, stamp FROM place WHERE NOT gone")
    ]
    return seen | held, frozenset(held)


def stamps(connection: Connection) -> Mapping[Path, str]:
    """Every folder that the last scans looked at, with its stamp; places that were gone are not among them."""
    rows = connection.execute(
        "SELECT path, stamp FROM seen UNION ALL SELECT path, stamp FROM place WHERE NOT gone"
    ).fetchall()
    return {restored_path(path): stamp for path, stamp in rows}
