"""The line at the top of the page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from diptych.job import finish
from diptych.ui.alerts import AlertBar
from diptych.ui.context import Context
from diptych.ui.tasks import Tasks
from making import make_model


def test_only_what_was_done_bears_a_check_mark(context: Context, qtbot: QtBot, tmp_path: Path) -> None:
    bar, tasks, workbench = AlertBar(), Tasks(context), context.workbench
    qtbot.addWidget(bar)
    context.alerted.connect(bar.show_alert)
    mark = bar.findChildren(QLabel)[0]
    tasks.redo()
    qtbot.waitUntil(lambda: bar.message() == "Nothing to redo.")
    assert mark.isHidden()
    finish(workbench.scan([make_model(tmp_path / "model")]))
    workbench.remove(workbench.keys()[-1:])
    tasks.undo()
    qtbot.waitUntil(lambda: bar.message().startswith("Undone"))
    assert not mark.isHidden()
