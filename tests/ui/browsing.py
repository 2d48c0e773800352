"""A library page for tests that act as a user does: its rows, its cells, its keys and clicks."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from diptych.ui.actions import bind
from diptych.ui.context import Context
from diptych.ui.models.versions import FIRST, NAME
from diptych.ui.pages.library import LibraryPage
from diptych.ui.widgets.cells import CELL, Cell

Key = Qt.Key


def shown(context: Context, qtbot: QtBot, width: int = 1280) -> LibraryPage:
    """A library page in a window of its own, its actions bound as the window does."""
    page = LibraryPage(context)
    bind(page.actions_table, page)
    page.bound()
    context.changed.connect(page.refresh)
    qtbot.addWidget(page)
    page.resize(width, 800)
    with qtbot.waitActive(page):
        page.show()
        page.activateWindow()
    page.entered()
    return page


def names(page: LibraryPage) -> list[str]:
    """The rows as they read."""
    return [page.model.index(row, NAME).data() for row in range(page.model.rowCount())]


def cell(page: LibraryPage, row: int, key: str) -> Cell:
    column = [column.key for column in page.model.columns].index(key) + FIRST
    found = page.model.index(row, column).data(CELL)
    assert isinstance(found, Cell)
    return found


def name_cell(page: LibraryPage, row: int) -> Cell:
    found = page.model.index(row, NAME).data(CELL)
    assert isinstance(found, Cell)
    return found


def go_to(page: LibraryPage, name: str) -> int:
    """Put the cursor on the row that reads `name`, selecting it."""
    row = names(page).index(name)
    page.table.setCurrentIndex(page.model.index(row, NAME))
    page.table.setFocus()
    return row


def press(qtbot: QtBot, page: LibraryPage, *keys: Key | str) -> None:
    """Press keys in the table."""
    for key in keys:
        qtbot.keyClick(page.table, key)


def settled(qtbot: QtBot, page: LibraryPage) -> None:
    """Wait until changes that come close together were read."""
    qtbot.waitUntil(lambda: not page._settle.isActive(), timeout=2000)


def click(qtbot: QtBot, page: LibraryPage, row: int, column: int, offset: int = 8) -> None:
    """Click into a cell, `offset` pixels from its left edge."""
    area = page.table.visualRect(page.model.index(row, column))
    qtbot.mouseClick(
        page.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(area.left() + offset, area.center().y())
    )
