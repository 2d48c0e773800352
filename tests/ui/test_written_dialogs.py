"""What somebody has written in a dialog is not thrown away unasked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QMessageBox
from pytestqt.qtbot import QtBot

from diptych.reports.card import Card
from diptych.ui.dialogs.card import CardDialog
from diptych.ui.dialogs.note import NoteDialog
from diptych.ui.theme import Theme

MAKERS: list[Callable[[Theme], NoteDialog | CardDialog]] = [
    lambda theme: NoteDialog(theme, "sft", "before"),
    lambda theme: CardDialog(theme, "sft", Card("before", (), ())),
]


def press(word: str, asked: list[str]) -> None:
    """Press a button of the question as soon as it is there."""

    def look() -> None:
        question = QApplication.activeModalWidget()
        if not isinstance(question, QMessageBox):
            QTimer.singleShot(20, look)
            return
        asked.append(question.text())
        next(button for button in question.buttons() if button.text().replace("&", "") == word).click()

    QTimer.singleShot(0, look)


@pytest.mark.parametrize("make", MAKERS)
def test_escape_asks_what_becomes_of_what_was_written(
    theme: Theme, qtbot: QtBot, make: Callable[[Theme], NoteDialog | CardDialog]
) -> None:
    dialog = make(theme)
    qtbot.addWidget(dialog)
    asked: list[str] = []
    ends: list[int] = []
    dialog.finished.connect(ends.append)
    dialog.open()
    qtbot.keyClicks(dialog.field, "after ")
    press("Go on writing", asked)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert (dialog.isVisible(), "after" in dialog.text()) == (True, True)
    press("Discard", asked)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    dialog.open()
    press(dialog.keeping, asked)
    dialog.close()
    assert ends == [QDialog.DialogCode.Rejected, QDialog.DialogCode.Accepted]
    assert len(asked) == 3


@pytest.mark.parametrize("make", MAKERS)
def test_where_nothing_was_written_nothing_is_asked(
    theme: Theme, qtbot: QtBot, make: Callable[[Theme], NoteDialog | CardDialog]
) -> None:
    dialog = make(theme)
    qtbot.addWidget(dialog)
    dialog.open()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
