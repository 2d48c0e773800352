"""Creating and upgrading the catalog's file.

A fresh file gets the newest schema from `tables`. An older one is backed up, then each numbered step runs in one
transaction that raises the number last: a crash leaves the old schema or the new one, never something between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pysqlite3

from diptych.errors import Damaged, Refused

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION = 0x44505459
"""`DPTY`: marks the file as ours."""
SCHEMA = 4


def _ship(connection: Connection) -> None:
    """Add the tables of pushes, receipts and model cards."""
    from diptych.catalog.tables import shipping  # only here: it is slow to import

    for statement in shipping():
        connection.execute(statement)


def _fingerprint(connection: Connection) -> None:
    """Add the table of fingerprints."""
    from diptych.catalog.tables import fingerprints  # only here: it is slow to import

    for statement in fingerprints():
        connection.execute(statement)


def _descend(connection: Connection) -> None:
    """Add the table of inferred lineage."""
    from diptych.catalog.tables import lineage  # only here: it is slow to import

    for statement in lineage():
        connection.execute(statement)


STEPS: Mapping[int, Callable[[Connection], None]] = {2: _ship, 3: _fingerprint, 4: _descend}
"""By the number of the schema that each step leads to."""


def number(connection: Connection) -> tuple[int, int]:
    """The application's mark and the number of the schema. Reads only."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    return application, schema


def examine(connection: Connection, file: Path, schema: int = SCHEMA) -> int:
    """The number of the file's schema, 0 for an empty file.

    `Refused` for a newer schema or a database that is not a catalog.
    """
    application, found = number(connection)
    if application != APPLICATION:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application or found or tables:
            raise Refused(f"{file}: a database of another program, not a catalog", "Name another file for the catalog.")
        return 0
    if found > schema:
        raise Refused(
            f"{file}: written by a newer Diptych, with schema {found}; this one knows schemas up to {schema}",
            "Update Diptych, or name another file for the catalog. The file was not changed.",
        )
    return found


def create(connection: Connection) -> None:
    """Give an empty file the newest schema, unless another process has just done so."""
    from diptych.catalog.tables import statements  # only here: it is slow to import

    connection.execute("BEGIN IMMEDIATE")
    try:
        if number(connection) == (0, 0):
            for statement in statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def upgrade(
    connection: Connection,
    file: Path,
    steps: Mapping[int, Callable[[Connection], None]] = STEPS,
    schema: int = SCHEMA,
) -> Path | None:
    """Bring an older file to `schema`; return the backup made before, or None if there was nothing to do."""
    _, found = number(connection)
    if found >= schema:
        return None
    backup = back_up(connection, file.with_name(f"{file.name}.schema-{found}"))
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        _, found = number(connection)  # another process may have been faster
        for target in range(found + 1, schema + 1):
            steps[target](connection)
        _require_whole(connection, file, backup)
        connection.execute(f"PRAGMA user_version = {schema}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
    return backup


def _require_whole(connection: Connection, file: Path, backup: Path) -> None:
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise Damaged(
            f"{file}: table {broken[0]} refers to rows that are not there",
            f"The catalog was left as it was; a copy is {backup}.",
        )


def back_up(connection: Connection, target: Path) -> Path:
    """Copy the catalog to `target` through SQLite, and check the copy. `Damaged` if the copy is not sound."""
    target.unlink(missing_ok=True)
    with closing(pysqlite3.connect(str(target))) as copy:
        connection.backup(copy)
        (answer,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        target.unlink()
        raise Damaged(f"{target}: the backup is not sound ({answer}); the catalog was not upgraded")
    return target
