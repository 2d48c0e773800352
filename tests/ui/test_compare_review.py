"""Ticking off differences, as a user does it."""

from __future__ import annotations

from comparing import BASE, TUNED, current, press, settle, shown, version
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from diptych.ui.context import Context
from diptych.ui.pages.compare import ComparePage
from diptych.ui.panes.rows import RowsPane

Key = Qt.Key


def symbols(page: ComparePage, section: str) -> dict[str, str]:
    """The sign before each row of a section."""
    assert page.view is not None
    pane = page.view.sections[section].pane
    assert isinstance(pane, RowsPane)
    model = pane.table.model
    lines = [model._line(at) for at in range(model.rowCount())]
    return {line.key: line.symbol for line in lines if line.key}


def test_r_ticks_a_difference_off_and_goes_to_the_next_that_is_open(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    first, second = (row for section, row in view.changes() if section == "hyperparameters")
    _, third = view.changes()[view.changes().index(("hyperparameters", second)) + 1]
    view.go("hyperparameters", second)
    press(qtbot, Key.Key_R)
    assert current(view) == third
    assert symbols(page, "hyperparameters")[second] == "✓"
    assert view.bar.count_text().endswith("· 1 reviewed")
    view.go("hyperparameters", first)
    press(qtbot, Key.Key_R)
    assert current(view) == third, "what is ticked off is passed over"
    view.go("hyperparameters", first)
    press(qtbot, Key.Key_R)
    assert current(view) == first
    assert symbols(page, "hyperparameters")[first] != "✓"
    assert view.bar.count_text().endswith("· 1 reviewed")


def test_when_nothing_is_open_it_says_so(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    press(qtbot, Key.Key_N)
    for _ in view.changes():
        view.review_row()
    assert view.bar.count_text() == "All differences reviewed"
    assert len(view.reviewed) == len(view.changes())


def test_marks_outlive_a_swap_and_the_session(page: ComparePage, context: Context, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    _, row = next(one for one in view.changes() if one[0] == "hyperparameters")
    view.go("hyperparameters", row)
    press(qtbot, Key.Key_R)
    page.swap()
    settle(page, qtbot)
    assert symbols(page, "hyperparameters")[row] == "✓"
    state = view.state()
    other = shown(context, qtbot)
    other.open(version(context, BASE), version(context, TUNED))
    assert other.view is not None
    other.view.restore(state)
    settle(other, qtbot)
    assert symbols(other, "hyperparameters")[row] == "✓"


def test_a_damaged_session_marks_nothing(page: ComparePage) -> None:
    assert page.view is not None
    page.view.restore({"reviewed": [["hyperparameters"], "x", 3, ["a", 1]]})
    page.view.restore({"reviewed": 5})
    assert len(page.view.reviewed) == 0
