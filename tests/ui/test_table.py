"""The table of rows under the pointer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.ui.theme import Theme
from diptych.ui.widgets.table import RowTable


def test_the_row_under_the_pointer_is_known_until_it_leaves(theme: Theme, qtbot: QtBot) -> None:
    table = RowTable(theme, "Rows")
    model = QStandardItemModel(table)
    for text in ("one", "two", "three"):
        model.appendRow(QStandardItem(text))
    table.setModel(model)
    qtbot.addWidget(table)
    with qtbot.waitExposed(table):
        table.show()
    viewport = table.viewport()
    middle = QPoint(10, table.rowViewportPosition(1) + theme.row // 2)
    qtbot.mouseMove(viewport, middle)
    qtbot.waitUntil(lambda: table.delegate.hovered == 1)
    qtbot.mouseMove(viewport, middle + QPoint(0, theme.row))
    qtbot.waitUntil(lambda: table.delegate.hovered == 2)
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    assert table.delegate.hovered == -1
