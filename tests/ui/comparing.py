"""A compare page in a window of its own, and what a user does with it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from scripted import scripted

from diptych.domain.sheet import Row, Sheet
from diptych.domain.version import Version
from diptych.job import Job
from diptych.ui.actions import bind
from diptych.ui.context import Context
from diptych.ui.pages.compare import ComparePage
from diptych.ui.pages.compare_view import ComparisonView

BASE, TUNED = "base-pretrain/checkpoint-300", "sft/checkpoint-200"


def shown(context: Context, qtbot: QtBot) -> ComparePage:
    """A compare page in a window of its own, its actions bound as the window does."""
    page = ComparePage(context)
    bind(page.actions_table, page)
    qtbot.addWidget(page)
    page.resize(1280, 800)
    page.show()
    page.activateWindow()
    with qtbot.waitActive(page):
        pass
    return page


def version(context: Context, name: str) -> Version:
    return context.workbench.resolve(name)


def current(view: ComparisonView) -> str:
    """The key of the row under the cursor."""
    row = view.current_row()
    return row.key if row is not None else ""


def settle(page: ComparePage, qtbot: QtBot) -> ComparisonView:
    """Wait until every facet has answered."""
    qtbot.waitUntil(lambda: page.view is not None and not page.view.facets.busy() and "summary" in sheets(page))
    assert page.view is not None
    page.entered()
    return page.view


def sheets(page: ComparePage) -> dict[str, Sheet]:
    return page.view.all_sheets() if page.view is not None else {}


def press(qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, key, modifiers)


def a_setting(page: ComparePage) -> Row:
    """The first hyperparameter that differs."""
    return next(row for row in sheets(page)["hyperparameters"].rows if row.differs)


def open_script(context: Context, qtbot: QtBot, script: Mapping[str, Job[Sheet]]) -> ComparePage:
    """A page with a comparison whose answers the test wrote."""
    page = shown(context, qtbot)
    view = page.show_comparison(scripted(script))
    qtbot.waitUntil(lambda: view.sections.keys() == script.keys())
    return page


def choose(qtbot: QtBot, text: str) -> None:
    """Click the line of the open menu that ends in `text`."""
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    action = next(action for action in menu.actions() if action.text().endswith(text))
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())
