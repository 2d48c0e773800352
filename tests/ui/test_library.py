"""The library as a user looks through it: by keys and clicks, over a catalog that was scanned."""

from __future__ import annotations

import pytest
from browsing import cell, click, go_to, names, press, settled, shown
from PySide6.QtCore import QPoint, Qt, QTimer
from pytestqt.qtbot import QtBot
from scripted import during

from diptych.ui.context import Context, Inspection
from diptych.ui.dialogs.columns import ColumnsDialog
from diptych.ui.models.versions import FIRST, NAME
from diptych.ui.pages.library import LibraryPage
from diptych.ui.widgets.cells import CELL

Key = Qt.Key


@pytest.fixture
def page(context: Context, qtbot: QtBot) -> LibraryPage:
    return shown(context, qtbot)


def test_checkpoints_stand_under_their_run(page: LibraryPage) -> None:
    rows = names(page)
    assert rows.index("base-pretrain") + 1 == rows.index("checkpoint-300")
    assert "adapters/lora" in rows
    run = page.model.index(rows.index("base-pretrain"), NAME).data(CELL)
    assert (run.after, run.fold) == ("3 checkpoints", True)


def test_a_run_shows_its_curve_and_its_best_value(page: LibraryPage) -> None:
    best = cell(page, names(page).index("base-pretrain"), "metric:eval_loss")
    assert (best.text, best.curve) == ("2.700", (2.9, 2.8, 2.7))


def test_typing_filters_while_one_types(page: LibraryPage, qtbot: QtBot) -> None:
    press(qtbot, page, "/")
    assert page.head.field.hasFocus()
    qtbot.keyClicks(page.head.field, "name:sft")
    qtbot.waitUntil(lambda: page.model.arrangement.view.query == "name:sft", timeout=2000)
    assert page.head.count.text() == "2 of 6 versions"
    assert names(page) == ["sft", "checkpoint-200", "checkpoint-100"]


def test_a_query_that_is_not_understood_says_why_and_keeps_the_rows(page: LibraryPage, qtbot: QtBot) -> None:
    before = names(page)
    page.show_query("nonsense>3")
    assert "nonsense" in page.head.problem.text()
    assert page.head.field.property("problem") == "true"
    assert names(page) == before
    qtbot.keyClick(page.head.field, Key.Key_Escape)
    assert page.head.field.text() == ""
    assert page.head.problem.text() == ""
    qtbot.keyClick(page.head.field, Key.Key_Escape)
    assert page.table.hasFocus()


def test_the_field_offers_names_and_completes_them(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    context.apply(context.workbench.tag([1], add=["ship it"]))
    settled(qtbot, page)
    page.focus_filter()
    qtbot.keyClicks(page.head.field, "tag:sh")
    assert page.head.field.suggestions() == ['tag:"ship it"']
    qtbot.keyClick(page.head.field, Key.Key_Tab)
    assert page.head.field.text() == 'tag:"ship it" '
    qtbot.keyClicks(page.head.field, "eval")
    assert "eval_loss>" in page.head.field.suggestions()


def test_nothing_found_offers_the_way_back(page: LibraryPage, qtbot: QtBot) -> None:
    page.show_query("nobodycallsamodelthis")
    assert page.model.rowCount() == 0
    assert not page.table.isVisible()
    page.clear_query()
    assert page.table.isVisible()
    assert page.head.count.text() == "6 versions"


def test_sorting_by_a_metric_lists_flat_and_grouping_returns(page: LibraryPage, qtbot: QtBot) -> None:
    header = page.table.horizontalHeader()
    section = [column.key for column in page.model.columns].index("metric:eval_loss") + FIRST

    def click_header() -> None:
        place = QPoint(header.sectionViewportPosition(section) + 10, header.height() // 2)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)

    click_header()
    values = [cell(page, row, "metric:eval_loss").text for row in range(page.model.rowCount())]
    assert values == ["2.900", "2.900", "2.800", "2.800", "2.700", "–"]
    assert page.head.flat.isChecked()
    assert page.model.headerData(section, Qt.Orientation.Horizontal) == "eval_loss ↓"
    click_header()
    assert cell(page, 0, "metric:eval_loss").text == "2.700"
    qtbot.mouseClick(page.head.grouped, Qt.MouseButton.LeftButton)
    assert "base-pretrain" in names(page)


@pytest.mark.parametrize("width", [900, 1131, 1451])
def test_the_usual_columns_fit_and_names_take_the_rest(context: Context, qtbot: QtBot, width: int) -> None:
    page = shown(context, qtbot, width)
    assert page.table.horizontalScrollBar().maximum() == 0
    assert page.table.columnWidth(NAME) >= 240
    assert page.table.horizontalHeader().length() == page.table.viewport().width()
    assert "size" in page.table.order()
    assert ("format" in page.table.order()) == (width > 1400)


def test_more_room_shows_more_columns(page: LibraryPage, qtbot: QtBot) -> None:
    page.resize(800, 800)
    few = page.table.order()
    page.resize(1900, 800)
    assert len(page.table.order()) > len(few)
    page.resize(800, 800)
    assert page.table.order() == few


def test_the_first_row_is_inspected_at_once(context: Context, qtbot: QtBot) -> None:
    inspected: list[Inspection | None] = []
    context.inspected.connect(inspected.append)
    page = shown(context, qtbot)
    assert page.table.currentIndex().row() == 0
    assert inspected[-1] is not None
    go_to(page, "base-pretrain")
    run = inspected[-1]
    assert run is not None
    assert dict(run.facts)["Steps"] == "100 to 300"


def test_chosen_columns_are_remembered(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    def choose(dialog: ColumnsDialog) -> None:
        qtbot.keyClicks(dialog.field, "hidden_size")
        assert dialog.model.rowCount() >= 1
        index = dialog.model.index(0, 0)
        dialog.model.setData(index, Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)
        dialog.accept()

    seen = during(ColumnsDialog, choose)
    qtbot.mouseClick(page.head.columns, Qt.MouseButton.LeftButton)
    assert seen
    added = page.model.columns[-1]
    assert "hidden_size" in added.key
    again = shown(context, qtbot)
    assert added.key in [column.key for column in again.model.columns]
    stored = type(context.workbench.settings).load()
    assert added.key in stored.columns


def test_a_column_is_hidden_moved_and_resized_for_good(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    header = page.table.horizontalHeader()
    page.table.setColumnWidth(FIRST, 133)
    header.moveSection(FIRST, FIRST + 1)
    moved = page.table.order(hidden=True)
    assert moved[1] == "step"
    qtbot.waitUntil(lambda: context.workbench.settings.columns == tuple(moved), timeout=2000)
    again = shown(context, qtbot)
    assert again.table.order(hidden=True) == moved
    assert again.table.columnWidth(FIRST + 1) == 133


def test_enter_opens_a_version_and_folds_a_run(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    go_to(page, "adapters/lora")
    with qtbot.waitSignal(context.version_asked) as asked:
        press(qtbot, page, Key.Key_Return)
    (version,) = context.workbench.versions(asked.args)
    assert version.name == "adapters/lora"
    go_to(page, "sft")
    press(qtbot, page, Key.Key_Return)
    assert names(page).count("checkpoint-200") == 1
    press(qtbot, page, Key.Key_Right)
    assert names(page).count("checkpoint-200") == 2
    press(qtbot, page, Key.Key_Down, Key.Key_Left)
    assert page.table.currentIndex().data() == "sft"
    click(qtbot, page, names(page).index("sft"), NAME, offset=14)
    assert names(page).count("checkpoint-200") == 1


def test_a_closed_run_stands_for_its_versions(page: LibraryPage, qtbot: QtBot) -> None:
    go_to(page, "base-pretrain")
    assert page.selection.keys() == []
    press(qtbot, page, Key.Key_Left)
    assert len(page.selection.keys()) == 3


def test_a_collection_is_a_query(page: LibraryPage, qtbot: QtBot) -> None:
    targets = [entry.target for entry in page.strip.entries()]
    index = page.strip.model().index(targets.index("state:no-weights"), 0)
    qtbot.mouseClick(page.strip.viewport(), Qt.MouseButton.LeftButton, pos=page.strip.visualRect(index).center())
    assert page.head.field.text() == "state:no-weights"
    assert names(page) == ["sft/checkpoint-100"]
    assert page.strip.current() == "state:no-weights"


def test_a_collection_is_marked_only_where_it_was_chosen(page: LibraryPage, qtbot: QtBot) -> None:
    page.show_query("state:no-weights")
    page.strip.setFocus()
    qtbot.keyClick(page.strip, Key.Key_Up)
    assert page.strip.current() != "state:no-weights"
    page.table.setFocus()
    assert page.strip.current() == "state:no-weights"


def test_half_a_condition_is_asked_only_when_one_leaves_it(page: LibraryPage, qtbot: QtBot) -> None:
    all_of_them = names(page)
    page.head.field.setFocus()
    qtbot.keyClicks(page.head.field, "dtype:")
    (pause,) = page.head.field.findChildren(QTimer)
    qtbot.waitUntil(lambda: not pause.isActive())
    assert not page.head.problem.text()
    assert names(page) == all_of_them
    qtbot.keyClick(page.head.field, Key.Key_Return)
    assert "needs a value" in page.head.problem.text()


def test_a_version_without_weights_says_so_in_words(page: LibraryPage) -> None:
    row = names(page).index("checkpoint-100", names(page).index("sft"))
    index = page.model.index(row, NAME)
    name = index.data(CELL)
    assert (name.after, name.color) == ("no weights", "muted")
    assert "no weights" in index.data(Qt.ItemDataRole.AccessibleTextRole)


def test_the_inspector_gets_the_row_under_the_cursor(page: LibraryPage, context: Context) -> None:
    inspected: list[Inspection | None] = []
    context.inspected.connect(inspected.append)
    go_to(page, "checkpoint-300")
    shown_last = inspected[-1]
    assert shown_last is not None
    assert shown_last.title == "base-pretrain/checkpoint-300"
    assert {"Id", "Path", "Parameters"} <= dict(shown_last.facts).keys()


def test_a_change_elsewhere_keeps_place_and_selection(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    go_to(page, "checkpoint-300")
    chosen = page.selection.keys()
    (other,) = context.workbench.keys("name:adapters/lora")
    context.apply(context.workbench.remove([other]))
    settled(qtbot, page)
    assert page.model.rowCount() == len(names(page))
    assert "adapters/lora" not in names(page)
    assert page.selection.keys() == chosen
    assert page.table.currentIndex().data() == "checkpoint-300"


def test_the_session_is_taken_up_again(page: LibraryPage, qtbot: QtBot, context: Context) -> None:
    page.show_query("name:base-pretrain")
    page.sort("step", False)
    go_to(page, "checkpoint-200")
    state = page.state()
    again = LibraryPage(context)
    qtbot.addWidget(again)
    again.restore(state)
    assert again.head.field.text() == "name:base-pretrain"
    assert [again.model.index(row, NAME).data() for row in range(4)][1:] == [
        "checkpoint-100",
        "checkpoint-200",
        "checkpoint-300",
    ]
    assert again.table.currentIndex().data() == "checkpoint-200"
    assert again.selection.keys() == page.selection.keys()


@pytest.mark.parametrize("state", [{}, {"query": 3, "columns": "x", "toggled": 1, "selected": {}, "top": "a"}])
def test_a_damaged_session_is_not_taken_up(page: LibraryPage, state: dict[str, object]) -> None:
    page.restore(state)
    assert len(page.model.arrangement.keys) == 6


def test_collections_give_way_where_there_is_no_room(context: Context, qtbot: QtBot) -> None:
    assert shown(context, qtbot, 1280).strip.isVisible()
    assert not shown(context, qtbot, 900).strip.isVisible()
