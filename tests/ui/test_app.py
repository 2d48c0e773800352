"""Starting the program: on a catalog that is fine, damaged, or from a newer version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pysqlite3
import pytest
from PySide6.QtWidgets import QApplication

from diptych.catalog import Catalog
from diptych.errors import Damaged, Refused
from diptych.settings import Settings
from diptych.ui.app import open_workbench
from diptych.ui.dialogs.unusable import UnusableCatalog


def answer(monkeypatch: pytest.MonkeyPatch, start_empty: bool) -> list[str]:
    """Answer the dialog in the user's place; what it said is kept."""
    said: list[str] = []

    def asked(dialog: UnusableCatalog) -> bool:
        said.append(dialog.text())
        return start_empty and dialog.set_aside is not None

    monkeypatch.setattr(UnusableCatalog, "asked_to_start_empty", asked)
    return said


def test_a_good_catalog_opens_without_a_question(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = answer(monkeypatch, start_empty=False)
    workbench = open_workbench(tmp_path / "catalog.db", Settings())
    assert workbench is not None
    workbench.catalog.close()
    assert said == []


def test_a_damaged_catalog_is_set_aside_only_when_asked(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "catalog.db"
    file.write_bytes(b"not a database at all" * 400)
    said = answer(monkeypatch, start_empty=False)
    assert open_workbench(file, Settings()) is None
    assert file.read_bytes().startswith(b"not a database")
    assert "catalog.db" in said[0]
    answer(monkeypatch, start_empty=True)
    workbench = open_workbench(file, Settings())
    assert workbench is not None
    assert workbench.count() == 0
    workbench.catalog.close()
    aside = [path for path in tmp_path.iterdir() if path.name.startswith("catalog.db.damaged-")]
    assert [path.read_bytes()[:14] for path in aside] == [b"not a database"]


def test_a_newer_catalog_is_left_as_it_is(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "catalog.db"
    made = Catalog(file)
    made.count()
    made.close()
    connection = pysqlite3.connect(str(file))
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    answer(monkeypatch, start_empty=True)
    assert open_workbench(file, Settings()) is None
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


@pytest.mark.parametrize(("error", "offered"), [(Damaged("x: broken"), True), (Refused("x: newer"), False)])
def test_only_a_damaged_catalog_can_be_set_aside(qapp: QApplication, error: Damaged | Refused, offered: bool) -> None:
    dialog = UnusableCatalog(error)
    assert (dialog.set_aside is not None) is offered
    assert dialog.text() == error.message
