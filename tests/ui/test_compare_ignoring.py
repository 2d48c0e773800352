"""Rows that do not matter, as a user says so."""

from __future__ import annotations

from comparing import a_setting, choose, press, settle, sheets
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.settings import Settings
from diptych.ui.context import Alert
from diptych.ui.pages.compare import ComparePage

Key = Qt.Key


def test_a_row_that_does_not_matter_is_ignored_here_and_counted_again(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    key, before = a_setting(page).key, sheets(page)["hyperparameters"]
    view.go("hyperparameters", key)
    press(qtbot, Key.Key_I)
    choose(qtbot, "here")
    settle(page, qtbot)
    after = sheets(page)["hyperparameters"]
    assert (after.differs, after.ignored) == (before.differs - 1, before.ignored + 1)
    assert ("hyperparameters", key) not in view.changes()
    assert not page.context.workbench.settings.rules.ignores(key)

    press(qtbot, Key.Key_D)
    view.go("hyperparameters", key)
    press(qtbot, Key.Key_I)
    choose(qtbot, "here")
    settle(page, qtbot)
    assert sheets(page)["hyperparameters"] == before


def test_a_row_ignored_everywhere_is_kept_in_the_settings_and_can_be_had_back(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    heard: list[Alert] = []
    page.context.alerted.connect(heard.append)
    settings = page.context.workbench.settings
    key, before = a_setting(page).key, settings.ignored
    page.swap()
    settle(page, qtbot)
    view.go("hyperparameters", key)
    press(qtbot, Key.Key_I)
    choose(qtbot, "in every comparison")
    settle(page, qtbot)
    assert Settings.load().rules.ignores(key)
    assert ("hyperparameters", key) not in view.changes()
    page.swap()
    settle(page, qtbot)
    assert ("hyperparameters", key) not in view.changes()

    assert heard[-1].act is not None
    heard[-1].act()
    settle(page, qtbot)
    assert Settings.load().ignored == settings.ignored == before
    assert ("hyperparameters", key) in view.changes()


def test_what_was_found_in_files_cannot_be_ignored(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    row = next(row for row in sheets(page)["files"].rows if row.differs)
    view.go("files", row.key)
    press(qtbot, Key.Key_I)
    assert QApplication.activePopupWidget() is None
    assert view.bar.count_text() == "Only settings and results can be ignored"
