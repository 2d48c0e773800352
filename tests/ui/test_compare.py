"""The compare page as a user meets it: by keys and clicks, over versions that were scanned."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from weakref import ref

from comparing import BASE, TUNED, a_setting, current, press, settle, sheets, shown, version
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from diptych.ui.context import Alert, Context, Inspection
from diptych.ui.pages.compare import ComparePage
from diptych.ui.table import SheetTable
from diptych.ui.widgets.link import Link

Key = Qt.Key


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


def test_a_comparison_that_is_closed_leaves_nothing_behind(page: ComparePage, qtbot: QtBot) -> None:
    assert page.view is not None
    held = [ref(section) for section in page.view.sections.values()]
    held += [ref(section.pane) for section in page.view.sections.values()]
    assert len(held) > 10
    page.close_current()

    def gone() -> bool:
        gc.collect()
        return all(part() is None for part in held)

    qtbot.waitUntil(gone)


def test_comparisons_stand_in_tabs(page: ComparePage, context: Context, qtbot: QtBot) -> None:
    page.open(version(context, BASE), version(context, "base-pretrain/checkpoint-100"))
    settle(page, qtbot)
    assert page.tabs.count() == 2
    page.open(version(context, BASE), version(context, TUNED))
    page.open(BASE, TUNED)  # the same, as somebody types it
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
    picker.field.setText("nothing of that name")
    qtbot.waitUntil(lambda: picker.list.item(0).text() == "No version is called so")
    qtbot.keyClick(picker.field, Key.Key_Return)
    assert picker.isVisible()
    picker.field.clear()
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


def test_opening_what_lies_at_a_remote_is_seen_and_can_be_cancelled(context: Context, qtbot: QtBot, home: Path) -> None:
    context.workbench.add_remote("share", home.as_uri())
    page = shown(context, qtbot)
    page.open(BASE, "share@nothing")
    assert [job.title for job in context.runner.jobs if not job.quiet] == ["Open share@nothing"]
    page.open(BASE, TUNED)
    assert len([job for job in context.runner.jobs if not job.quiet]) == 1


def test_identical_versions_say_so_first(context: Context, qtbot: QtBot) -> None:
    context.runner.start("hash", context.workbench.hash())
    page = shown(context, qtbot)
    page.open(version(context, BASE), version(context, BASE))
    view = settle(page, qtbot)
    assert "identical" in sheets(page)["summary"].clauses[0].text
    assert view.sections["summary"].pane.isVisible()
    assert view.changes() == []
    press(qtbot, Key.Key_N)
    section = view.sections["hyperparameters"]
    assert "are the same" in section.counts.text()
    view.focus_section("hyperparameters")  # which has nothing to show but that
    qtbot.waitUntil(lambda: section.height() > page.height() / 2)
    assert section.counts.mapTo(section, section.counts.rect().center()).y() < section.height() / 10


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
