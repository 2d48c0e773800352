"""A comparison while its answers arrive, fail or are stopped; they are written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
from comparing import open_script, sheets
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot
from scripted import at_once, failing, row, step_by_step, weights

from diptych.domain.sheet import Sheet
from diptych.errors import Damaged
from diptych.job import Job
from diptych.ui.context import Context
from diptych.ui.runner import Phase, Runner
from diptych.ui.table import SheetTable
from diptych.ui.theme import Theme
from diptych.workbench import Workbench


@pytest.fixture
def alone(workbench: Workbench, inline_runner: Runner, theme: Theme) -> Context:
    """The context of a page over an empty catalog."""
    return Context(workbench, inline_runner, theme)


@pytest.fixture
def threaded(workbench: Workbench, theme: Theme, qapp: QApplication) -> Iterator[Context]:
    """A context whose jobs run beside the window, as they do for a user."""
    made = Context(workbench, Runner(), theme)
    yield made
    made.runner.close()


def test_foreign_text_is_never_rich(alone: Context, qtbot: QtBot) -> None:
    evil = "<b>bold</b>\u202e"
    sheet = Sheet("config", "Config", "values", (row(evil, evil, "x"),), notes=(evil,))
    page = open_script(alone, qtbot, {"config": at_once(sheet)})
    view = page.view
    assert view is not None
    qtbot.waitUntil(lambda: "config" in sheets(page))
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in page.findChildren(QLabel) if label.text())
    assert "\u202e" not in view.sections["config"].notes.text()
    table = view.sections["config"].pane.findChild(SheetTable)
    assert table is not None
    tip = table.model.data(table.model.index(0), Qt.ItemDataRole.ToolTipRole)
    assert "<" not in str(tip)
    assert "\\u202e" in str(tip)


def test_a_facet_that_fails_offers_another_try(alone: Context, qtbot: QtBot) -> None:
    good = Sheet("metrics", "Metrics", "metrics", (row("acc", "1", "2"),))
    script: dict[str, Job[Sheet]] = {"metrics": failing(Damaged("results.json: cut off", "Fetch it again."))}
    page = open_script(alone, qtbot, script)
    view = page.view
    assert view is not None
    section = view.sections["metrics"]
    qtbot.waitUntil(lambda: "cut off" in section.state.text())
    assert "Fetch it again." in section.state.text()
    assert [entry.badge for entry in view.rail.entries()] == ["failed"]
    script["metrics"] = at_once(good)
    retry = next(button for button in section.findChildren(QPushButton) if button.text() == "Retry")
    qtbot.mouseClick(retry, Qt.MouseButton.LeftButton)
    assert section.sheet == good
    assert not retry.isVisible()


def test_nothing_known_says_what_to_add(alone: Context, qtbot: QtBot) -> None:
    page = open_script(alone, qtbot, {"outputs": at_once(Sheet("outputs", "Outputs", "outputs"))})
    assert page.view is not None
    section = page.view.sections["outputs"]
    qtbot.waitUntil(lambda: "samples_*.jsonl" in section.state.text())
    assert not section.pane.isVisible()


def test_the_heat_map_fills_while_the_job_runs(threaded: Context, qtbot: QtBot) -> None:
    go = Event()
    steps = [weights(4, 3, False), weights(4, 9, False), weights(4, 12)]
    page = open_script(threaded, qtbot, {"weights": step_by_step(steps, go)})
    view = page.view
    assert view is not None
    section = view.sections["weights"]
    qtbot.waitUntil(lambda: section.sheet is not None and len(section.sheet.rows) == 9)
    assert section.sheet is not None
    assert not section.sheet.complete
    assert "…" in view.rail.entries()[0].badge
    found = len(view.changes())
    go.set()
    qtbot.waitUntil(lambda: section.sheet is not None and section.sheet.complete)
    assert len(view.changes()) > found


def test_a_page_is_busy_until_its_last_section_is_told(threaded: Context, qtbot: QtBot) -> None:
    go, good = Event(), Sheet("metrics", "Metrics", "metrics", (row("acc", "1", "2"),))
    script = {"metrics": at_once(good), "weights": step_by_step([weights(2, 1, False), weights(2, 6)], go)}
    page = open_script(threaded, qtbot, script)
    assert page.view is not None
    sections = page.view.sections
    qtbot.waitUntil(lambda: sections["weights"].sheet is not None)
    assert page.busy()
    go.set()
    qtbot.waitUntil(lambda: not page.busy())
    assert sections["metrics"].sheet == good
    assert sections["weights"].sheet == weights(2, 6)


def test_closing_a_tab_stops_its_jobs(threaded: Context, qtbot: QtBot) -> None:
    steps = [weights(2, 1, False), weights(2, 6)]
    page = open_script(threaded, qtbot, {"weights": step_by_step(steps, Event())})
    view = page.view
    assert view is not None
    qtbot.waitUntil(lambda: view.sections["weights"].sheet is not None)
    running = view.facets.running("weights")
    assert running is not None
    page.close_current()
    qtbot.waitUntil(lambda: running.phase is Phase.CANCELLED)


def test_a_cancelled_facet_keeps_what_it_found(threaded: Context, qtbot: QtBot) -> None:
    steps = [weights(2, 3, False), weights(2, 6)]
    page = open_script(threaded, qtbot, {"weights": step_by_step(steps, Event())})
    view = page.view
    assert view is not None
    section = view.sections["weights"]
    qtbot.waitUntil(lambda: section.sheet is not None)
    section.cancel_asked.emit("weights")
    qtbot.waitUntil(lambda: section.state.text().startswith("Stopped"))
    assert section.sheet is not None
    assert len(section.sheet.rows) == 3
    assert not view.facets.busy()
