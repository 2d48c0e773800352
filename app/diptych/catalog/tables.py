"""The schema, as SQLModel tables. Importing this costs a third of a second, so only creating and migrating do.

Versions, places and records are what was found; tags, stars and notes are what people said. The tables `metric`,
`param` and `words` and the column `detail.shown` repeat what the records say, in the shape that lists and queries
read fast. Text that must not be lost lies in JSON, compressed where it is long; see `payload`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import Field, SQLModel

from diptych.catalog import tables_fingerprint, tables_lineage, tables_shipping

_CASCADE: Final = "CASCADE"


def _word() -> Column[str]:
    """A column of text in which case makes no difference."""
    return Column(String(collation="NOCASE"), nullable=False)


class VersionRow(SQLModel, table=True):
    """One version. Its key is never given to another one."""

    __tablename__ = "version"
    __table_args__ = (
        *(
            Index(f"version_{column}", column, "sort_name")
            for column in (
                "created", "step", "parameters", "bytes", "stars", "model", "kind", "state", "format", "dtype",
                "family", "path", "base_name",
            )
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    key: int = Field(primary_key=True)
    id: str = Field(unique=True)
    name: str = Field(index=True)
    sort_name: str = Field(index=True)
    model: str = Field(sa_column=_word())
    kind: str = Field(sa_column=_word())
    state: str = Field(sa_column=_word())
    path: str | None
    step: int | None
    format: str = Field(sa_column=_word())
    dtype: str = Field(sa_column=_word())
    family: str = Field(sa_column=_word())
    parameters: int | None
    bytes: int
    created: float | None
    base_name: str | None
    base: str | None
    """The lineage as JSON, without the parent."""
    base_key: int | None = Field(foreign_key="version.key", ondelete="SET NULL", index=True)
    problems: str
    stars: int = 0
    note: str = ""


class PlaceRow(SQLModel, table=True):
    """One folder or file that holds a version, as the last scan saw it."""

    __tablename__ = "place"

    path: str = Field(primary_key=True)
    version: int = Field(foreign_key="version.key", ondelete=_CASCADE, index=True)
    position: int
    """The order of the places of one version."""
    stamp: str
    state: str
    """As found; the state of the version is that of its first place that is still there."""
    gone: bool
    artifacts: str
    """JSON with the digests known so far."""


class RecordRow(SQLModel, table=True):
    """One record file and its evidence."""

    __tablename__ = "record"
    __table_args__ = (UniqueConstraint("version", "path"),)

    key: int = Field(primary_key=True)
    version: int = Field(foreign_key="version.key", ondelete=_CASCADE)
    path: str = Field(index=True)
    place: str | None = Field(index=True)
    """The place of the version that the record lies in; null for one that lies elsewhere and is about the version."""
    reader: str
    moment: float
    """When it was written, seconds since 1970: lists show each metric as the newest record has it."""
    evidence: bytes
    curves: bytes


class DetailRow(SQLModel, table=True):
    """What belongs to a version and is too long for lists to step over."""

    __tablename__ = "detail"

    version: int = Field(primary_key=True, foreign_key="version.key", ondelete=_CASCADE)
    shown: str
    """JSON: keys and values of the metrics, then of the hyperparameters, as lists show them."""
    headers: str


class LayoutRow(SQLModel, table=True):
    """The tensors of one weight file, stored once for all files that share them."""

    __tablename__ = "layout"

    digest: str = Field(primary_key=True)
    payload: bytes


class TagRow(SQLModel, table=True):
    """One tag on one version."""

    __tablename__ = "tag"
    __table_args__ = (Index("tag_version", "tag", "version"), {"sqlite_with_rowid": False})

    version: int = Field(primary_key=True, foreign_key="version.key", ondelete=_CASCADE)
    tag: str = Field(sa_column=Column(String(collation="NOCASE"), primary_key=True))


class MetricNameRow(SQLModel, table=True):
    """A key of a metric, and how many versions have it."""

    __tablename__ = "metric_name"

    key: int = Field(primary_key=True)
    name: str = Field(unique=True)
    uses: int


class ParamNameRow(SQLModel, table=True):
    """A key of a hyperparameter, and how many versions have it."""

    __tablename__ = "param_name"

    key: int = Field(primary_key=True)
    name: str = Field(unique=True)
    uses: int


class RootRow(SQLModel, table=True):
    """A library folder."""

    __tablename__ = "root"

    path: str = Field(primary_key=True)
    added: float
    scanned: float | None


class SeenRow(SQLModel, table=True):
    """The stamp of a folder that the last scan looked at, whether or not it holds a version."""

    __tablename__ = "seen"

    path: str = Field(primary_key=True)
    stamp: str


def _values(name: str, *, nullable: bool) -> Table:
    """A table of values by version and key, and its covering index. BLOB keeps each value's own type."""
    return Table(
        name,
        SQLModel.metadata,
        Column("version", Integer, ForeignKey("version.key", ondelete=_CASCADE), primary_key=True),
        Column("key", Integer, primary_key=True),
        Column("value", LargeBinary, nullable=nullable),
        Index(f"{name}_value", "key", "value", "version"),
        sqlite_with_rowid=False,
    )


METRIC = _values("metric", nullable=True)
"""The newest value of each metric; null for NaN."""
PARAM = _values("param", nullable=False)
"""Numbers as numbers; text as it is; anything else as JSON text."""

_SEARCH = (
    # contentless: the words are found, never read back
    "CREATE VIRTUAL TABLE words USING fts5(name, model, tags, note, family, base, path, params, content='', "
    "contentless_delete=1, tokenize='unicode61 remove_diacritics 2', prefix='2 3')",
    "CREATE TRIGGER words_forget AFTER DELETE ON version BEGIN DELETE FROM words WHERE rowid = old.key; END",
)


def statements() -> tuple[str, ...]:
    """The SQL that creates the newest schema in an empty file."""
    return (*_making(SQLModel.metadata.sorted_tables), *_SEARCH)


def shipping() -> tuple[str, ...]:
    """The SQL that creates what schema 2 has added."""
    return _making([table for table in SQLModel.metadata.sorted_tables if table.name in tables_shipping.NAMES])


def fingerprints() -> tuple[str, ...]:
    """The SQL that creates what schema 3 has added."""
    return _making([table for table in SQLModel.metadata.sorted_tables if table.name in tables_fingerprint.NAMES])


def lineage() -> tuple[str, ...]:
    """The SQL that creates what schema 4 has added."""
    return _making([table for table in SQLModel.metadata.sorted_tables if table.name in tables_lineage.NAMES])


def _making(tables: Sequence[Table]) -> tuple[str, ...]:
    dialect = sqlite.dialect()
    return (
        *(str(CreateTable(table).compile(dialect=dialect)).strip() for table in tables),
        *(
            str(CreateIndex(index).compile(dialect=dialect)).strip()
            for table in tables
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ),
    )
