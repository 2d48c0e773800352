"""Catalogs that are newer, damaged, read-only or full: one line each, and nothing lost."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pysqlite3
import pytest

from diptych.catalog import Catalog, connections, migrations, set_aside
from diptych.domain.evidence import Evidence, HyperParameter, Metric, Series
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header, Layout
from diptych.domain.version import Artifact, Kind, Role, Source, State
from diptych.errors import Damaged, DiptychError, NotFound, Refused


def find(number: int) -> Found:
    place = Path(f"/data/run/checkpoint-{number}")
    source = Source("x.json", "/a")
    told = Evidence(
        metrics=tuple(Metric(f"task{n}", "acc", number + n / 10, source) for n in range(5)),
        hyperparameters=tuple(HyperParameter(f"train.setting{n}", n, source) for n in range(5)),
        series=(Series("loss", (1.0, 2.0), (3.0, 4.0), source),),
    )
    layout = Layout("ab" * 32, (("w", "BF16", (2,), 0, 4),), 2, "BF16")
    return Found(
        place,
        f"run/checkpoint-{number}",
        "run",
        Kind.CHECKPOINT,
        State.COMPLETE,
        "stamp",
        artifacts=(Artifact("model.safetensors", 4, 1, Role.WEIGHTS),),
        headers=(Header("model.safetensors", 8, layout, {}),),
        records=(Record(place / "x.json", "x/1", told),),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A catalog of 60 versions, closed."""
    made = tmp_path / "home" / "catalog.db"
    with closing(Catalog(made)) as catalog:
        catalog.store([find(number) for number in range(60)])
        catalog.tag(catalog.keys(), ["ship"])
    return made


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def use(file: Path) -> None:
    """Read and write everything there is."""
    with closing(Catalog(file)) as catalog:
        for version in catalog.page("task1>0 ship", "task2"):
            catalog.records(version.key)
            catalog.headers(version.key)
        catalog.columns()
        catalog.roots()
        catalog.stamps()
        catalog.unhashed()
        catalog.store([find(1), find(999)])
        catalog.note(1, "x")
        catalog.remove([2])


def assert_one_line(error: DiptychError) -> None:
    assert error.message
    assert "\n" not in error.message
    assert len(error.message) < 300


def test_a_newer_catalog_is_refused_and_left_as_it_is(file: Path) -> None:
    with closing(pysqlite3.connect(str(file))) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = digest(file)
    with pytest.raises(Refused, match=f"catalog.db: .* schema 7; .* up to {migrations.SCHEMA}") as caught:
        Catalog(file)
    assert_one_line(caught.value)
    assert digest(file) == before
    assert [path.name for path in file.parent.iterdir()] == ["catalog.db"]


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = digest(file)
    with pytest.raises(Refused, match=r"other\.db: a database of another program"):
        Catalog(file)
    assert digest(file) == before


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"x", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "catalog.db"
    file.write_bytes(content)
    with pytest.raises(Damaged, match=r"catalog\.db: the catalog is damaged") as caught:
        Catalog(file)
    assert_one_line(caught.value)
    assert "scanned anew" in caught.value.hint
    assert file.read_bytes() == content


def test_a_folder_or_an_impossible_place_for_the_catalog(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not a file"):
        Catalog(tmp_path)
    (tmp_path / "plain").write_text("")
    with pytest.raises(Refused, match="cannot be made there"):
        Catalog(tmp_path / "plain" / "catalog.db")


def test_an_empty_file_becomes_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").touch()
    with closing(Catalog(tmp_path / "catalog.db")) as catalog:
        assert catalog.count() == 0


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_catalog_that_was_cut_off(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(Damaged) as caught:
        use(file)
    assert_one_line(caught.value)


@pytest.mark.parametrize("large", [False, True], ids=["checked at opening", "too large to be checked"])
def test_flipped_bytes_end_in_one_line_or_in_an_answer(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    if large:
        monkeypatch.setattr(connections, "_CHECKED_BYTES", 0)
    content = file.read_bytes()
    chance = random.Random(20261121)
    ended = 0
    for number in range(30):
        spoiled = bytearray(content)
        for _ in range(1 + number % 4 * 20):
            place = chance.randrange(len(spoiled))
            spoiled[place] ^= 1 << chance.randrange(8)
        copy = tmp_path / f"spoiled-{number}.db"
        copy.write_bytes(spoiled)
        try:
            use(copy)
        except DiptychError as error:
            ended += 1
            assert_one_line(error)
    assert ended >= 10


def test_a_damaged_catalog_is_renamed_never_deleted(file: Path) -> None:
    before = digest(file)
    file.with_name("catalog.db-wal").write_bytes(b"old")
    target = set_aside(file)
    assert digest(target) == before
    assert sorted(path.name for path in file.parent.iterdir()) == [target.name, f"{target.name}-wal"]
    with closing(Catalog(file)) as catalog:
        assert catalog.count() == 0
    with pytest.raises(NotFound):
        set_aside(file.with_name("other.db"))


def test_a_read_only_catalog_can_be_read_and_says_why_it_is_not_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(file)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and allowed(path, mode))
    with closing(Catalog(file)) as catalog:
        assert catalog.readonly
        assert len(catalog.page("ship")) == 60
        for write in (
            lambda: catalog.tag([1], ["x"]),
            lambda: catalog.store([find(1)]),
            lambda: catalog.add_root(Path("/data")),
            lambda: catalog.remove([1]),
        ):
            with pytest.raises(Refused, match=r"catalog\.db: the catalog is read-only"):
                write()
    assert digest(file) == before
    assert [path.name for path in file.parent.iterdir()] == ["catalog.db"]
    with pytest.raises(Refused, match="no right to write"):
        Catalog(file.with_name("new.db"))


def test_a_full_disk_is_one_line_and_changes_nothing(file: Path) -> None:
    with closing(Catalog(file)) as catalog:
        before = catalog.page()
        with catalog._connections.reading() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Refused, match="no space left on the disk; nothing was changed"):
            catalog.store([find(number) for number in range(100, 400)])
        assert catalog.page() == before
        with catalog._connections.reading() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        assert len(catalog.store([find(number) for number in range(100, 400)]).added) == 300


def test_the_bytes_of_the_catalog_are_never_opened(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("builtins.open", lambda name, *rest, **more: opened.append(str(name)))
    monkeypatch.setattr("io.open", lambda name, *rest, **more: opened.append(str(name)))
    use(file)
    assert opened == []


def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pysqlite3, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(Refused, match=r"too old to keep a catalog safe; 3\.51\.3 is needed"):
        Catalog(tmp_path / "catalog.db")
    assert not (tmp_path / "catalog.db").exists()


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The first schema, as released, with two versions in it."""
    copy = tmp_path / "catalog.db"
    copy.write_bytes(gzip.decompress((Path(__file__).parents[1] / "data" / "catalog-1.db.gz").read_bytes()))
    return copy


def test_every_released_schema_opens_with_its_content(older: Path) -> None:
    with closing(Catalog(older)) as catalog:
        one, two = catalog.page(sort="name", descending=False)
        assert (one.name, one.tags, one.metrics["task1/acc"]) == ("run/checkpoint-1", {"ship"}, 1.1)
        assert len(catalog.records(two.key)[0].evidence.hyperparameters) == 5
        assert catalog.count("checkpoint task1>2") == 1


def test_a_migrated_catalog_has_the_schema_of_a_new_one(older: Path, tmp_path: Path) -> None:
    Catalog(older).close()
    Catalog(tmp_path / "new.db").close()
    schemas = []
    for file in (older, tmp_path / "new.db"):
        with closing(pysqlite3.connect(str(file))) as connection:
            rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
            schemas.append([(*row[:3], " ".join((row[3] or "").split())) for row in rows])
    assert schemas[0] == schemas[1]


_NEXT = migrations.SCHEMA + 1


def _widen(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE version ADD COLUMN colour TEXT NOT NULL DEFAULT ''")


def _break(connection: sqlite3.Connection) -> None:
    _widen(connection)
    connection.execute("INSERT INTO tag (version, tag) VALUES (999, 'lost')")


def test_a_migration_keeps_a_sound_copy_of_what_was(file: Path) -> None:
    with closing(pysqlite3.connect(str(file), isolation_level=None)) as connection:
        before = connection.execute("SELECT * FROM version").fetchall()
        backup = migrations.upgrade(connection, file, {_NEXT: _widen}, _NEXT)
        assert migrations.number(connection)[1] == _NEXT
        assert len(connection.execute("SELECT colour FROM version").fetchall()) == 60
        assert migrations.upgrade(connection, file, {_NEXT: _break}, _NEXT) is None
    assert backup is not None
    with closing(pysqlite3.connect(str(backup))) as copy:
        assert migrations.number(copy)[1] == migrations.SCHEMA
        assert copy.execute("SELECT * FROM version").fetchall() == before


def test_a_migration_that_fails_leaves_the_old_schema(file: Path) -> None:
    with closing(pysqlite3.connect(str(file), isolation_level=None)) as connection:
        with pytest.raises(Damaged, match="table tag refers to rows that are not there"):
            migrations.upgrade(connection, file, {_NEXT: _break}, _NEXT)
        assert migrations.number(connection)[1] == migrations.SCHEMA
    with closing(Catalog(file)) as catalog:
        assert catalog.count() == 60
