"""The compare page as a user meets it: by keys and clicks, over versions that were scanned."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from scripted import at_once, failing, row, scripted, step_by_step, weights

from diptych.domain.sheet import Row, Sheet
from diptych.domain.version import Version
from diptych.errors import Damaged
from diptych.job import Job
from diptych.settings import Settings
from diptych.ui.actions import bind
from diptych.ui.context import Alert, Context, Inspection
from diptych.ui.pages.compare import ComparePage
from diptych.ui.pages.compare_view import ComparisonView
from diptych.ui.runner import Phase, Runner
from diptych.ui.table import SheetTable
from diptych.ui.theme import Theme
from diptych.ui.widgets.link import Link
from diptych.workbench import Workbench

Key = Qt.Key
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


@pytest.fixture
def page(context: Context, qtbot: QtBot) -> ComparePage:
    """A page with the base and its fine-tune side by side."""
    made = shown(context, qtbot)
    made.open(version(context, BASE), version(context, TUNED))
    settle(made, qtbot)
    return made


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


def test_two_versions_are_named_and_counted(page: ComparePage) -> None:
    view = page.view
    assert view is not None
    assert (view.head.left.name(), view.head.right.name()) == (BASE, TUNED)
    entries = {entry.key: entry for entry in view.rail.entries()}
    for key, sheet in sheets(page).items():
        if sheet.rows and key != "summary":
            assert entries[key].badge == f"{sheet.differs}/{sheet.total}"
    assert entries["hyperparameters"].badge.partition("/")[0] != "0"


def test_next_change_visits_each_once_and_wraps(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    total = len(view.changes())
    assert total > 10
    visited = []
    for at in range(total):
        press(qtbot, Key.Key_N)
        visited.append((view.rail.currentIndex().row(), current(view)))
        assert view.bar.count_text() == f"change {at + 1} of {total}"
    assert len(set(visited)) == total
    press(qtbot, Key.Key_N)
    assert (view.rail.currentIndex().row(), current(view)) == visited[0]
    press(qtbot, Key.Key_P)
    assert view.bar.count_text() == f"change {total} of {total}"


def test_all_rows_and_only_differences(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    table = view.sections["hyperparameters"].pane.findChild(SheetTable)
    assert table is not None
    sheet = sheets(page)["hyperparameters"]
    assert len(table.model.rows()) == sheet.differs
    press(qtbot, Key.Key_D)
    assert len(table.model.rows()) == sheet.total
    press(qtbot, Key.Key_D)
    assert len(table.model.rows()) == sheet.differs


def test_equal_rows_are_a_count_that_can_be_opened(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    table = view.sections["hyperparameters"].pane.findChild(SheetTable)
    sheet = sheets(page)["hyperparameters"]
    assert table is not None
    link = next(link for link in table.findChildren(Link) if f"{sheet.same} the same" in link.accessibleName())
    qtbot.waitUntil(lambda: link.isVisible() and link.width() > 40)
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert len(table.model.rows()) == sheet.total


def test_swapping_twice_restores_everything(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    before = dict(sheets(page))
    press(qtbot, Key.Key_X)
    assert (view.head.left.name(), view.head.right.name()) == (TUNED, BASE)
    once = sheets(page)
    for key in ("hyperparameters", "metrics", "files"):
        pairs = zip(before[key].rows, once[key].rows, strict=True)
        assert all((a.left, a.right) == (b.right, b.left) for a, b in pairs)
    press(qtbot, Key.Key_X)
    assert sheets(page) == before
    assert view.head.left.name() == BASE


def test_filter_leaves_the_rows_that_hold_the_text(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    press(qtbot, Key.Key_Slash)
    assert view.bar.field.hasFocus()
    wanted = a_setting(page)
    qtbot.keyClicks(view.bar.field, wanted.key[:-1].upper())
    table = view.sections["hyperparameters"].pane.findChild(SheetTable)
    assert table is not None
    qtbot.waitUntil(lambda: [row.key for row in table.model.rows()] == [wanted.key])
    press(qtbot, Key.Key_Escape)
    qtbot.waitUntil(lambda: len(table.model.rows()) == sheets(page)["hyperparameters"].differs > 1)


def test_letters_typed_into_the_filter_do_nothing_else(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    view.filter_rows()
    qtbot.keyClicks(view.bar.field, "xdnp")
    assert view.bar.field.text() == "xdnp"
    assert view.head.left.name() == BASE


def test_a_section_takes_the_whole_page_and_gives_it_back(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    view.go("hyperparameters", a_setting(page).key)
    press(qtbot, Key.Key_Return)
    assert view.alone == "hyperparameters"
    assert [key for key, section in view.sections.items() if section.isVisible()] == ["hyperparameters"]
    assert current(view) == a_setting(page).key
    press(qtbot, Key.Key_BracketRight)
    assert view.alone == "metrics"
    press(qtbot, Key.Key_Escape)
    assert view.alone == ""
    assert all(section.isVisible() for section in view.sections.values())


def test_clauses_lead_to_their_evidence(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    clauses = sheets(page)["summary"].clauses
    clause = next(each for each in clauses if each.facet == "hyperparameters" and each.row)
    link = next(
        link for link in view.sections["summary"].findChildren(QWidget) if link.accessibleName().startswith(clause.text)
    )
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert current(view) == clause.row
    assert QApplication.focusWidget() in view.sections["hyperparameters"].findChildren(QWidget)


def test_copying_a_row_takes_it_whole(page: ComparePage, qtbot: QtBot) -> None:
    view = page.view
    assert view is not None
    view.go("hyperparameters", a_setting(page).key)
    row = view.current_row()
    assert row is not None
    assert row.left is not None
    press(qtbot, Key.Key_Y)
    assert QGuiApplication.clipboard().text().split("\t")[1] == row.left.text
    press(qtbot, Key.Key_Y, Qt.KeyboardModifier.ShiftModifier)
    assert QGuiApplication.clipboard().text().splitlines()[0] == "| | A | B | change |"
    press(qtbot, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith(row.label + "\t")


def choose(qtbot: QtBot, text: str) -> None:
    """Click the line of the open menu that ends in `text`."""
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    action = next(action for action in menu.actions() if action.text().endswith(text))
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


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


def test_the_inspector_hears_of_both_values_and_their_sources(page: ComparePage, qtbot: QtBot) -> None:
    assert page.view is not None
    heard: list[Inspection] = []
    page.context.inspected.connect(heard.append)
    page.view.go("hyperparameters", a_setting(page).key)
    assert dict(heard[-1].facts)["A"]
    assert "A: " in heard[-1].source
    assert "B: " in heard[-1].source


def test_exports_say_what_the_page_says(page: ComparePage, qtbot: QtBot, tmp_path: Path) -> None:
    page.export_json(tmp_path / "c.json")
    exported = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert exported["left"]["name"] == BASE
    for key, sheet in sheets(page).items():
        assert exported["facets"][key]["differs"] == sheet.differs
    page.export_html(tmp_path / "c.html")
    html = (tmp_path / "c.html").read_text("utf-8")
    assert a_setting(page).label in html
    assert "<script" not in html
    page.copy_markdown()
    assert a_setting(page).label.replace("_", "\\_") in QGuiApplication.clipboard().text()


def test_an_export_that_cannot_be_written_is_told(page: ComparePage, tmp_path: Path) -> None:
    alerts: list[Alert] = []
    page.context.alerted.connect(alerts.append)
    page.export_json(tmp_path / "nowhere" / "c.json")
    assert alerts[-1].serious
    assert "nowhere" in alerts[-1].message


def test_comparisons_stand_in_tabs(page: ComparePage, context: Context, qtbot: QtBot) -> None:
    page.open(version(context, BASE), version(context, "base-pretrain/checkpoint-100"))
    settle(page, qtbot)
    assert page.tabs.count() == 2
    page.open(version(context, BASE), version(context, TUNED))
    assert page.tabs.count() == 2
    assert page.tabs.currentIndex() == 0
    press(qtbot, Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
    assert page.tabs.currentIndex() == 1
    press(qtbot, Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert page.tabs.count() == 1
    page.close_current()
    assert page.view is None
    assert page.stack.currentWidget().isVisible()


def test_open_comparisons_are_restored(page: ComparePage, context: Context, qtbot: QtBot) -> None:
    assert page.view is not None
    page.view.toggle_all()
    state = json.loads(json.dumps(page.state()))
    again = shown(context, qtbot)
    again.restore(state)
    view = settle(again, qtbot)
    assert (view.head.left.name(), view.head.right.name()) == (BASE, TUNED)
    assert view.bar.showing().all


def test_a_state_that_makes_no_sense_is_ignored(context: Context, qtbot: QtBot) -> None:
    page = shown(context, qtbot)
    page.restore({"open": [{"left": 3}, "x", {"left": "no-such-version", "right": "nor-this"}], "front": "z"})
    assert page.tabs.count() == 0


def test_stepping_through_the_checkpoints_of_a_side(page: ComparePage, context: Context, qtbot: QtBot) -> None:
    page.open(version(context, "base-pretrain/checkpoint-100"), version(context, "base-pretrain/checkpoint-200"))
    view = settle(page, qtbot)
    press(qtbot, Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    view = settle(page, qtbot)
    assert view.head.right.name() == BASE
    press(qtbot, Key.Key_Right, Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier)
    view = settle(page, qtbot)
    assert view.head.left.name() == "base-pretrain/checkpoint-200"
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    view.head.step("right", 1)
    assert "no further checkpoint" in alerts[-1].message
    assert page.tabs.count() == 2


def test_another_version_is_picked_by_typing(page: ComparePage, qtbot: QtBot) -> None:
    assert page.view is not None
    press(qtbot, Key.Key_A, Qt.KeyboardModifier.AltModifier)
    picker = page.view.head.picker
    assert picker.isVisible()
    near = [picker.list.item(at).text() for at in range(picker.list.count())]
    assert any("Previous checkpoint" in text for text in near)
    qtbot.keyClicks(picker.field, "checkpoint-100")
    qtbot.waitUntil(lambda: "checkpoint-100" in picker.list.item(0).text())
    wanted = picker.list.item(0).text().split()[0]
    qtbot.keyClick(picker.field, Key.Key_Return)
    view = settle(page, qtbot)
    assert view.head.left.name() == wanted
    assert view.head.right.name() == TUNED


def test_a_folder_outside_the_catalog_is_compared(context: Context, scanned: tuple[Path, Path], qtbot: QtBot) -> None:
    context.workbench.remove_root(scanned[1])
    page = shown(context, qtbot)
    page.open(scanned[1] / "base-pretrain" / "checkpoint-100", scanned[1] / "sft" / "checkpoint-200")
    view = settle(page, qtbot)
    assert "checkpoint-100" in view.head.left.name()


def test_what_does_not_exist_is_told(context: Context, qtbot: QtBot) -> None:
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    page = shown(context, qtbot)
    page.open("no-such-version", "nor-this")
    assert alerts
    assert alerts[-1].serious
    assert page.view is None


def test_identical_versions_say_so_first(context: Context, qtbot: QtBot) -> None:
    context.runner.start("hash", context.workbench.hash())
    page = shown(context, qtbot)
    page.open(version(context, BASE), version(context, BASE))
    view = settle(page, qtbot)
    assert "identical" in sheets(page)["summary"].clauses[0].text
    assert view.sections["summary"].pane.isVisible()
    assert view.changes() == []
    press(qtbot, Key.Key_N)
    assert "are the same" in view.sections["hyperparameters"].counts.text()


def test_everything_that_takes_the_focus_has_a_name(page: ComparePage) -> None:
    unnamed = [
        (type(widget).__name__, type(widget.parentWidget()).__name__)
        for widget in page.findChildren(QWidget)
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not widget.objectName().startswith("qt_")
        and not widget.accessibleName()
        and not (isinstance(widget, QPushButton) and widget.text())
    ]
    assert unnamed == []


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


def test_the_wheel_over_a_table_scrolls_the_page(page: ComparePage) -> None:
    assert page.view is not None
    table = page.view.sections["hyperparameters"].pane.findChild(SheetTable)
    assert table is not None

    def wheel() -> QWheelEvent:
        nothing = Qt.KeyboardModifier.NoModifier
        return QWheelEvent(
            QPointF(20, 20), QPointF(table.list.mapToGlobal(QPoint(20, 20))), QPoint(), QPoint(0, -120),
            Qt.MouseButton.NoButton, nothing, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip

    event = wheel()
    table.list.wheelEvent(event)
    assert not event.isAccepted()


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
