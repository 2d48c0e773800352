"""The page of settings: what it takes away comes back, and the keyboard gets out of every field of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from diptych.domain.rules import IGNORED
from diptych.ui.context import Alert, Context
from diptych.ui.pages.settings import SettingsPage


@pytest.fixture
def page(context: Context, scanned: tuple[Path, Path], qtbot: QtBot) -> SettingsPage:
    page = SettingsPage(context, lambda: None, lambda _folders: None)
    context.changed.connect(page.refresh)
    qtbot.addWidget(page)
    page.entered()
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    return page


@pytest.fixture
def told(context: Context) -> list[Alert]:
    heard: list[Alert] = []
    context.alerted.connect(heard.append)
    return heard


def bin_of(page: SettingsPage, folder: Path) -> list[QToolButton]:
    name = f"Remove from the library: {folder}"
    return [one for one in page.findChildren(QToolButton) if one.accessibleName() == name]


def test_a_library_folder_that_was_removed_comes_back(
    page: SettingsPage, context: Context, told: list[Alert], scanned: tuple[Path, Path], qtbot: QtBot
) -> None:
    held = context.workbench.count()
    (folder,) = {root.path for root in context.workbench.roots()}
    qtbot.mouseClick(bin_of(page, folder)[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(told))
    assert not context.workbench.count()
    assert not context.workbench.roots()
    assert str(folder) in told[-1].message
    assert told[-1].remedy == "Undo"
    assert told[-1].act is not None
    told[-1].act()
    assert context.workbench.count() == held
    assert [root.path for root in context.workbench.roots()] == [folder]


def test_own_patterns_that_gave_way_to_the_defaults_come_back(
    page: SettingsPage, context: Context, told: list[Alert], qtbot: QtBot
) -> None:
    (field,) = page.findChildren(QPlainTextEdit)
    reset = next(one for one in page.findChildren(QPushButton) if one.text() == "Back to the defaults")
    field.setPlainText("*mine\n*.hers")
    qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert context.workbench.settings.ignored == IGNORED
    assert told[-1].act is not None
    told[-1].act()
    assert context.workbench.settings.ignored == ("*mine", "*.hers")
    told.clear()
    reset.click()
    reset.click()
    assert len(told) == 1  # where nothing was lost, nothing is said


def test_tab_leads_through_the_field_of_patterns(page: SettingsPage, qtbot: QtBot) -> None:
    (field,) = page.findChildren(QPlainTextEdit)
    before = field.toPlainText()
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert not field.hasFocus()
    assert field.toPlainText() == before
