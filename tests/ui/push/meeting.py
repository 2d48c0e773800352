"""Meeting dialogs as a user does, and reading what they show."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from diptych.ui.dialogs.push import PushDialog
from diptych.ui.dialogs.receipt import ReceiptDialog
from diptych.ui.pages.deliveries import Deliveries


def answer(qtbot: QtBot, do: Callable[[QWidget], None]) -> None:
    """Do something to the modal dialog as soon as there is one."""

    def look() -> None:
        shown = QApplication.activeModalWidget()
        if shown is None:
            QTimer.singleShot(20, look)
        else:
            do(shown)

    QTimer.singleShot(0, look)


def acts(deliveries: Deliveries) -> dict[str, QToolButton]:
    """What can be done to the deliveries on show."""
    QApplication.sendPostedEvents(None, 52)  # what was replaced goes at last
    return {one.accessibleName(): one for one in deliveries.findChildren(QToolButton)}


def column(dialog: ReceiptDialog, number: int) -> dict[str, str]:
    """The texts in one column by the names of the files."""
    items = [dialog.files.topLevelItem(row) for row in range(dialog.files.topLevelItemCount())]
    return {item.text(0): item.text(number) for item in items if item is not None}


def fates(dialog: PushDialog) -> dict[str, str]:
    items = [dialog.files.topLevelItem(row) for row in range(dialog.files.topLevelItemCount())]
    return {item.text(0): item.text(2).strip() for item in items if item is not None}
