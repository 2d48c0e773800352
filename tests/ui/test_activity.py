"""The page that says what jobs came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QToolButton
from pytestqt.qtbot import QtBot

from diptych.domain.changes import Changes
from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.version import Problem
from diptych.job import Job, Tick
from diptych.ui.context import Context
from diptych.ui.pages.activity import ActivityPage, JobRow
from diptych.ui.widgets.label import Elided
from diptych.workbench.scan import ScanReport


@dataclass(frozen=True)
class Kept:
    """A result that is for the program, not for people."""

    values: tuple[int, ...] = (1, 2, 3)


def page_of(context: Context, result: object, qtbot: QtBot) -> ActivityPage:
    def job() -> Job[object]:
        yield Tick("Working")
        return result

    running = context.runner.start("A job", job())
    qtbot.waitUntil(lambda: not running.active)
    page = ActivityPage(context)
    qtbot.addWidget(page)
    page.entered()
    page.show()
    return page


def test_many_jobs_are_shown_a_few_a_turn_however_often_the_page_is_asked(context: Context, qtbot: QtBot) -> None:
    def job() -> Job[str]:
        yield Tick("Working")
        return "done"

    jobs = [context.runner.start(f"Job {number}", job()) for number in range(9)]
    qtbot.waitUntil(lambda: not any(one.active for one in jobs))
    page = ActivityPage(context)
    qtbot.addWidget(page)
    page.entered()
    page.update_rows()
    assert len(page.findChildren(JobRow)) == 4
    qtbot.waitUntil(lambda: len(page.findChildren(JobRow)) == 9)
    assert [row.name.text() for row in page.findChildren(JobRow)] == [f"Job {number}" for number in range(9)]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "Done"),
        ("7 files verified", "7 files verified"),
        (Kept(), "Done"),
        ({"a": 1}, "Done"),
        (
            Sheet("weights", "Weights", "tensors", (Row("a", Status.DIFFERS), Row("b", Status.SAME))),
            "1 of 2 tensors differ · 1 the same",
        ),
    ],
)
def test_what_a_job_came_to_is_said_in_words(context: Context, qtbot: QtBot, result: object, said: str) -> None:
    page = page_of(context, result, qtbot)
    assert said in [one.text() for one in page.findChildren(Elided)]
    assert not page.findChildren(QPlainTextEdit)


def test_files_that_could_not_be_used_are_listed_when_asked_for(context: Context, qtbot: QtBot, tmp_path: Path) -> None:
    problem = Problem(str(tmp_path / "model.safetensors"), "is cut\nshort")
    page = page_of(context, ScanReport(Changes(), 1, 1, (problem,), 0.1), qtbot)
    details, copy = (
        next(one for one in page.findChildren(QToolButton) if one.text() == text) for text in ("Show details", "Copy")
    )
    qtbot.mouseClick(details, Qt.MouseButton.LeftButton)
    (shown,) = page.findChildren(QPlainTextEdit)
    assert shown.isVisible()
    assert len(shown.toPlainText().splitlines()) == 1
    assert "is cut" in shown.toPlainText()
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == shown.toPlainText()
    qtbot.mouseClick(details, Qt.MouseButton.LeftButton)
    assert not shown.isVisible()
