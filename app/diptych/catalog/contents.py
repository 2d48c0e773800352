"""What versions hold, whole: their records and headers. Lists show versions without these."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diptych.catalog import payload
from diptych.catalog.parts import decoding
from diptych.catalog.texts import restored, restored_path
from diptych.domain.evidence import ModelRef
from diptych.domain.found import Record
from diptych.domain.tensor import Header
from diptych.errors import Damaged

if TYPE_CHECKING:
    from sqlite3 import Connection

_RECORDS = "SELECT path, reader, evidence, curves FROM record WHERE version = ? ORDER BY path"
_HEADERS = "SELECT headers FROM detail WHERE version = ?"
_LAYOUT = "SELECT payload FROM layout WHERE digest = ?"
_ABOUT = "SELECT key, name FROM version WHERE id >= '~' AND key NOT IN (SELECT version FROM place) ORDER BY key"


@dataclass(frozen=True, slots=True)
class About:
    """A version without a place, and the records that tell of it."""

    key: int
    name: str
    models: tuple[ModelRef, ...]
    """The model that each record names, in the order of the records; shorter where some name none."""
    records: tuple[Record, ...]


def records(connection: Connection, key: int) -> tuple[Record, ...]:
    """The records of one version, their evidence complete."""
    return tuple(
        Record(restored_path(path), restored(reader), payload.decode_evidence(evidence, curves))
        for path, reader, evidence, curves in connection.execute(_RECORDS, (key,)).fetchall()
    )


def headers(connection: Connection, key: int) -> tuple[Header, ...]:
    """The headers of one version's weight files."""
    row = connection.execute(_HEADERS, (key,)).fetchone()
    if row is None:
        return ()
    layouts = {}
    with decoding("a header"):
        wanted = {digest for _, _, digest, _ in json.loads(row[0])}
    for digest in wanted:
        found = connection.execute(_LAYOUT, (digest,)).fetchone()
        if found is None:
            raise Damaged(f"the catalog is damaged: layout {digest[:8]} is missing", "Scan the folder again.")
        layouts[digest] = payload.decode_layout(found[0])
    return payload.decode_headers(row[0], layouts.__getitem__)


def about(connection: Connection) -> tuple[About, ...]:
    """Every version without a place, with its records."""
    found = []
    for key, name in connection.execute(_ABOUT).fetchall():
        known = records(connection, key)
        models = tuple(record.evidence.about for record in known if record.evidence.about is not None)
        found.append(About(key, restored(name), models, known))
    return tuple(found)
