"""What a user does to versions in the library: compare, push, tag, rate, annotate, remove, copy, drag."""

from __future__ import annotations

import pytest
from browsing import cell, click, go_to, name_cell, names, press, settled, shown
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from scripted import during

from diptych.domain.version import State
from diptych.ui.context import Alert, Context
from diptych.ui.dialogs.note import NoteDialog
from diptych.ui.dialogs.tags import TagsDialog
from diptych.ui.models.versions import FIRST, MARK, MIME, NAME
from diptych.ui.pages.library import LibraryPage

Key = Qt.Key


@pytest.fixture
def page(context: Context, qtbot: QtBot) -> LibraryPage:
    return shown(context, qtbot)


def test_space_marks_a_then_b_and_c_compares_them(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    first = go_to(page, "checkpoint-300")
    press(qtbot, page, Key.Key_Space)
    second = go_to(page, "adapters/lora")
    press(qtbot, page, Key.Key_Space)
    assert [page.model.index(row, MARK).data() for row in (first, second)] == ["●", "■"]
    with qtbot.waitSignal(context.comparison_asked) as asked:
        press(qtbot, page, "c")
    assert [side.name for side in asked.args] == ["base-pretrain/checkpoint-300", "adapters/lora"]


def test_what_is_marked_is_compared_with_what_is_selected(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    go_to(page, "adapters/lora")
    press(qtbot, page, Key.Key_Space)
    assert page.bar.sides() == ("adapters/lora", "mark another version with Space")
    assert page.bar.buttons["compare"].text().startswith("Compare with…")
    go_to(page, "checkpoint-300")
    assert page.bar.sides() == ("adapters/lora", "base-pretrain/checkpoint-300")
    assert page.bar.buttons["compare"].text() == "Compare  C"
    assert not page.bar.buttons["push"].isVisible()
    with qtbot.waitSignal(context.comparison_asked) as asked:
        press(qtbot, page, "c")
    assert [side.name for side in asked.args] == ["adapters/lora", "base-pretrain/checkpoint-300"]


def test_two_selected_are_compared_the_earlier_first(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    go_to(page, "checkpoint-300")
    press_down = names(page).index("checkpoint-300") + 1
    area = page.table.visualRect(page.model.index(press_down, NAME))
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, area.center())
    assert page.bar.sides() == ("base-pretrain/checkpoint-200", "base-pretrain/checkpoint-300")
    with qtbot.waitSignal(context.comparison_asked) as asked:
        qtbot.mouseClick(page.bar.buttons["compare"], Qt.MouseButton.LeftButton)
    assert [side.step for side in asked.args] == [200, 300]


def test_what_is_not_whole_offers_to_scan_again(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    go_to(page, "checkpoint-300")
    assert not page.bar.buttons["rescan"].isVisible()
    version = page.selection.current()
    assert version is not None
    page.bar.show_selection(1, version._replace(state=State.DAMAGED), (None, None))
    assert "breaks the rules" in page.bar.text()
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    again = page.bar.buttons["rescan"]
    qtbot.waitUntil(lambda: again.isVisible() and again.childAt(again.rect().center()) is None and again.width() > 40)
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(alerts), timeout=30_000)
    assert alerts[-1].message.startswith("Scanned again")


def test_one_version_is_pushed_from_the_strip(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    go_to(page, "base-pretrain")
    assert not page.bar.buttons["push"].isVisible()  # a run is no version
    go_to(page, "checkpoint-300")
    qtbot.mouseClick(page.bar.buttons["push"], Qt.MouseButton.LeftButton)
    assert alerts[-1].message == "No remote is known yet."
    version = page.selection.current()
    assert version is not None
    page.bar.show_selection(1, version._replace(state=State.NO_WEIGHTS), (None, None))
    assert not page.bar.buttons["push"].isVisible()


def test_c_on_one_version_asks_what_with(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    go_to(page, "checkpoint-300")
    press(qtbot, page, "c")
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    offered = [action.text() for action in menu.actions()]
    assert offered[0].startswith("Previous checkpoint")
    with qtbot.waitSignal(context.comparison_asked) as asked:
        qtbot.keyClick(menu, Key.Key_Return)
    assert [side.step for side in asked.args] == [200, 300]


def test_t_tags_and_undo_takes_it_back(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    row = go_to(page, "adapters/lora")

    def type_tag(dialog: TagsDialog) -> None:
        qtbot.keyClicks(dialog.field, "ship")
        qtbot.keyClick(dialog.field, Key.Key_Return)
        assert dialog.isVisible()
        dialog.accept()

    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    seen = during(TagsDialog, type_tag)
    press(qtbot, page, "t")
    assert seen
    assert name_cell(page, row).badges == ("ship",)
    settled(qtbot, page)
    assert "tag:ship" in [entry.target for entry in page.strip.entries()]
    assert alerts[-1].act is not None
    alerts[-1].act()
    assert name_cell(page, row).badges == ()


def test_a_tag_that_only_some_carry_stays_unless_touched(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    context.apply(context.workbench.tag([1], add=["some"]))

    def look(dialog: TagsDialog) -> None:
        assert dialog.list.item(0).checkState() == Qt.CheckState.PartiallyChecked
        dialog.accept()

    page.table.select([1, 2])
    seen = during(TagsDialog, look)
    page.selection.tag()
    assert seen
    assert [version.tags for version in context.workbench.versions([1, 2])] == [{"some"}, set()]


def test_n_writes_a_note(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    row = go_to(page, "adapters/lora")

    def write(dialog: NoteDialog) -> None:
        qtbot.keyClicks(dialog.field, "the good one")
        qtbot.keyClick(dialog.field, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)

    seen = during(NoteDialog, write)
    press(qtbot, page, "n")
    assert seen
    version = page.model.version(row)
    assert version is not None
    assert version.note == "the good one"


def test_digits_give_stars(page: LibraryPage, qtbot: QtBot) -> None:
    row = go_to(page, "adapters/lora")
    press(qtbot, page, "4")
    assert name_cell(page, row).rating == 4
    assert "4 of 5 stars" in page.model.index(row, NAME).data(Qt.ItemDataRole.AccessibleTextRole)
    press(qtbot, page, "0")
    assert name_cell(page, row).rating == 0


def test_a_click_on_a_star_gives_it_and_a_second_takes_it(page: LibraryPage, qtbot: QtBot) -> None:
    page.columns.choose(["stars", "step", "tags"])
    row = names(page).index("adapters/lora")
    column = FIRST
    click(qtbot, page, row, column, offset=8 + 2 * 14 + 5)
    assert cell(page, row, "stars").stars == 3
    assert name_cell(page, row).rating == 0, "a column of its own says it already"
    click(qtbot, page, row, column, offset=8 + 2 * 14 + 5)
    assert cell(page, row, "stars").stars == 0


def test_delete_removes_from_the_catalog_only_and_can_be_undone(
    page: LibraryPage, qtbot: QtBot, context: Context
) -> None:
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    row = go_to(page, "adapters/lora")
    version = page.model.version(row)
    assert version is not None
    assert version.path is not None
    press(qtbot, page, Key.Key_Delete)
    qtbot.waitUntil(lambda: "adapters/lora" not in names(page), timeout=2000)
    assert version.path.is_dir()
    assert "files were not touched" in alerts[-1].message
    assert alerts[-1].act is not None
    alerts[-1].act()
    qtbot.waitUntil(lambda: "adapters/lora" in names(page), timeout=2000)


def test_copying_gives_names_and_ids(page: LibraryPage, qtbot: QtBot) -> None:
    row = go_to(page, "checkpoint-300")
    version = page.model.version(row)
    assert version is not None
    qtbot.keyClick(page.table, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "base-pretrain/checkpoint-300"
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(page.table, Key.Key_C, both)
    assert QGuiApplication.clipboard().text() == version.id


def test_dragged_rows_carry_their_keys_and_paths(page: LibraryPage) -> None:
    row = names(page).index("base-pretrain")
    page.model.fold(row)
    data = page.model.mimeData([page.model.index(row, NAME)])
    keys = bytes(data.data(MIME).data()).decode().split()
    assert len(keys) == 3
    assert all(url.isLocalFile() for url in data.urls())


def test_space_on_a_button_presses_the_button(page: LibraryPage, qtbot: QtBot) -> None:
    go_to(page, "adapters/lora")
    page.head.flat.setFocus()
    qtbot.keyClick(page.head.flat, Key.Key_Space)
    assert page.head.flat.isChecked()
    assert page.model.marks == (None, None)


def test_no_two_actions_share_a_key() -> None:
    keys = [key for action in LibraryPage.actions_table for key in action.keys]
    assert len(keys) == len(set(keys))
    assert all(action.scope == "library" for action in LibraryPage.actions_table)
