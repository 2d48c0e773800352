"""Handing over what people said of a version, and its children, before another one takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

_NOTES = """
    UPDATE version SET stars = max(version.stars, other.stars), note = CASE
        WHEN other.note = '' OR other.note = version.note THEN version.note
        WHEN version.note = '' THEN other.note ELSE version.note || char(10) || other.note END
    FROM (SELECT stars, note FROM version WHERE key = ?2) AS other WHERE version.key = ?1
"""


def unite(connection: Connection, keeper: int, other: int) -> frozenset[int]:
    """Give `keeper` the tags, stars, note and children of `other`, which is about to go; return those children."""
    children = connection.execute("SELECT key FROM version WHERE base_key = ?", (other,)).fetchall()
    for statement in (
        "INSERT OR IGNORE INTO tag (version, tag) SELECT ?1, tag FROM tag WHERE version = ?2",
        "UPDATE version SET base_key = nullif(?1, key) WHERE base_key = ?2",
        _NOTES,
    ):
        connection.execute(statement, (keeper, other))
    return frozenset(key for (key,) in children if key != keeper)
