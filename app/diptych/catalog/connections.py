"""Connections to the catalog's file: one per thread, short transactions, errors in words.

Nothing else may open the file: closing any other handle on it would drop SQLite's locks in this process.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pysqlite3

from diptych.catalog import migrations
from diptych.display import elide, visible
from diptych.display import path as shown
from diptych.errors import Conflict, Damaged, DiptychError, NotFound, Refused

if TYPE_CHECKING:
    from sqlite3 import Connection

NEEDED = (3, 51, 3)
"""Older SQLite can corrupt a catalog that two processes write."""
_BUSY_MS = 30_000
_WAL_PAGES = 4000
"""Pages that are copied from the write-ahead log into the file at once: 16 MB. What is in the log is safe already."""
_CHECKED_BYTES = 2 << 20
"""A file up to this size is checked whenever it is opened; that takes a few milliseconds."""
_TABLES = "SELECT count(*) FROM version WHERE key < 0"
_AGAIN = "Rename it and start again: the library folders can be scanned anew."


class Connections:
    """The open file. Each thread gets its own connection when it first asks."""

    def __init__(self, file: Path) -> None:
        if pysqlite3.sqlite_version_info < NEEDED:
            needed = ".".join(map(str, NEEDED))
            raise Refused(f"SQLite {pysqlite3.sqlite_version} is too old to keep a catalog safe; {needed} is needed")
        self.file = file
        self.readonly = False
        self._own = threading.local()
        self._all: list[Connection] = []
        self._guard = threading.Lock()
        with translated(file):
            self._prepare()

    def close(self) -> None:
        """Close every thread's connection."""
        with self._guard:
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._own = threading.local()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See one state of the catalog throughout."""
        connection = self._connection()
        with translated(self.file):
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write everything or nothing, and be the only one to write. `Refused` where the catalog is read-only."""
        if self.readonly:
            raise Refused(f"{shown(self.file)}: the catalog is read-only", "Make the file and its folder writable.")
        connection = self._connection()
        with translated(self.file):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def check(self) -> str:
        """What SQLite's own check of the whole file finds wrong; empty if nothing. Takes seconds for a large file."""
        with self.reading() as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return "" if answer == "ok" else str(answer)

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            with translated(self.file):
                connection = self._connect()
            self._own.connection = connection
        return connection

    def _connect(self) -> Connection:
        if self.readonly:
            connection = _open(self.file, self._reading_mode())
        else:
            connection = _open(self.file, "mode=rw")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute("PRAGMA cache_size = -32000")
        with self._guard:
            self._all.append(connection)
        return connection

    def _prepare(self) -> None:
        if self.file.exists() and not self.file.is_file():
            raise Refused(f"{shown(self.file)}: not a file, so it cannot be the catalog")
        if not self.file.exists():
            self._make_room()
        found = self._examine()
        self.readonly = not (os.access(self.file, os.W_OK) and os.access(self.file.parent, os.W_OK))
        if self.readonly:
            if found != migrations.SCHEMA:
                raise Refused(
                    f"{shown(self.file)}: has to be upgraded, but is read-only",
                    "Make the file and its folder writable.",
                )
            connection = self._connection()
        else:
            connection = self._connection()
            if found == 0:
                _keep_log(connection)
                migrations.create(connection)
            elif found < migrations.SCHEMA:
                migrations.upgrade(connection, self.file)
        connection.execute(_TABLES).fetchone()
        if self.file.stat().st_size <= _CHECKED_BYTES and (wrong := self.check()):
            raise Damaged(f"{shown(self.file)}: {wrong.splitlines()[-1]}", _AGAIN)

    def _make_room(self) -> None:
        folder = self.file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"{shown(folder)}: {error.strerror}; the catalog cannot be made there") from error
        if not os.access(folder, os.W_OK):
            raise Refused(f"{shown(folder)}: no right to write; the catalog cannot be made there")
        _open(self.file, "mode=rwc").close()

    def _examine(self) -> int:
        """Look at the file without the right to change it, or to make side files where there are none."""
        connection = _open(self.file, self._reading_mode())
        try:
            found = migrations.examine(connection, self.file)
            if not self._hot():
                self._measure(connection)
            return found
        finally:
            connection.close()

    def _measure(self, connection: Connection) -> None:
        """SQLite takes a file that was cut off for one whose last pages are blank."""
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        there = self.file.stat().st_size
        if there % page or there < page * pages:
            raise Damaged(f"{shown(self.file)}: the catalog is damaged (its end is missing)", _AGAIN)

    def _hot(self) -> bool:
        """Whether side files hold writes that the file itself may lack."""
        return self.file.with_name(f"{self.file.name}-wal").exists()

    def _reading_mode(self) -> str:
        return "mode=ro" if self._hot() else "mode=ro&immutable=1"


def set_aside(file: Path) -> Path:
    """Rename a damaged catalog, with its side files, and return its new name; nothing is deleted.

    `NotFound` if there is none. No `Catalog` may be open on it.
    """
    if not file.exists():
        raise NotFound(f"{shown(file)}: no such catalog")
    mark = time.strftime("%Y%m%d-%H%M%S")
    target = file.with_name(f"{file.name}.damaged-{mark}")
    for ending in ("-wal", "-shm", ""):
        part = file.with_name(file.name + ending)
        if part.exists():
            part.rename(target.with_name(target.name + ending))
    return target


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours: one line that names the file."""
    try:
        yield
    except pysqlite3.Error as error:
        raise _translated(error, shown(file)) from error
    except UnicodeDecodeError as error:  # SQLite quotes the damage in its message
        raise Damaged(f"{shown(file)}: the catalog is damaged (text that is not UTF-8)", _AGAIN) from error


def _translated(error: Exception, name: str) -> Exception:
    code = getattr(error, "sqlite_errorname", "") or ""
    text = visible(elide(" ".join(str(error).split()), 120))  # it may quote a damaged schema
    if code.startswith("SQLITE_FULL"):
        return Refused(f"{name}: no space left on the disk; nothing was changed", "Free some space and try again.")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Conflict(f"{name}: another program has been writing to the catalog for too long", "Try again.")
    if code.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
        return Refused(f"{name}: {text}", "Make the file and its folder writable.")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")) or _tells_damage(text):
        return Damaged(f"{name}: the catalog is damaged ({text})", _AGAIN)
    if code.startswith("SQLITE_IOERR"):
        return DiptychError(f"{name}: {text}; nothing was changed", "Check the disk that holds the catalog.")
    return error


def _tells_damage(text: str) -> bool:
    return text.startswith(("no such table", "no such column", "Could not decode", "malformed", "vtable constructor"))


def _keep_log(connection: Connection) -> None:
    """Switch a new catalog to a write-ahead log.

    SQLite does not wait for another process that is switching the same file, so we do.
    """
    deadline = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except pysqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _open(file: Path, mode: str) -> Connection:
    address = f"{file.absolute().as_uri()}?{mode}"
    connection: Connection = pysqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000
    )
    return connection
