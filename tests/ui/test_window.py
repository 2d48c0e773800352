"""The window as a whole: what a newcomer sees, where keys lead, what it remembers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from diptych.job import Job, Tick, finish
from diptych.ui.context import Alert, Context
from diptych.ui.mainwindow import MainWindow
from diptych.ui.pages.activity import ActivityPage, JobRow
from diptych.ui.pages.library import LibraryPage
from diptych.ui.pages.settings import SettingsPage
from diptych.ui.pages.verbs import Verbs
from diptych.ui.pages.welcome import WelcomePage
from diptych.ui.palette import CommandPalette
from diptych.ui.runner import Runner
from diptych.ui.shortcuts import ShortcutSheet
from diptych.ui.theme import Theme
from diptych.ui.widgets.passage import Passage
from diptych.workbench import Workbench
from making import make_adapter, make_model, make_run

OpenWindow = Callable[[], MainWindow]


@pytest.fixture
def open_window(qapp: QApplication, qtbot: QtBot, workbench: Workbench) -> Iterator[OpenWindow]:
    """Opens windows over one catalog, and asserts at the end that none left a job or a window behind."""
    opened: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(Context(workbench, Runner(), Theme(qapp, "light")))
        opened.append(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        window.bind()
        return window

    yield make
    for window in opened:
        window.close()
        assert window.context.runner.active == []
        window.deleteLater()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    make_run(folder / "runs" / "sft", steps=(100, 200))
    make_adapter(folder / "adapters" / "lora", base="runs/sft/checkpoint-200")
    return folder


def idle(window: MainWindow) -> bool:
    return not window.context.runner.active


def hashed(window: MainWindow) -> bool:
    """Whether something was found and every place of it is hashed."""
    return bool(window.context.workbench.count()) and not window.context.workbench.catalog.unhashed() and idle(window)


def test_an_empty_catalog_welcomes(open_window: OpenWindow) -> None:
    window = open_window()
    assert isinstance(window.stack.currentWidget(), WelcomePage)


def test_the_sample_library_opens_with_one_click(open_window: OpenWindow, qtbot: QtBot) -> None:
    window = open_window()
    page = window.stack.currentWidget()
    assert isinstance(page, WelcomePage)
    qtbot.mouseClick(page.sample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(window.stack.currentWidget(), LibraryPage), timeout=30_000)
    qtbot.waitUntil(lambda: hashed(window), timeout=60_000)
    assert window.context.workbench.count() > 5


def test_looking_in_the_usual_places_keeps_the_focus(open_window: OpenWindow, qtbot: QtBot, home: Path) -> None:
    window = open_window()
    page = window.stack.currentWidget()
    assert isinstance(page, WelcomePage)
    look = next(one for one in page.findChildren(QPushButton) if one.text() == "Look in the usual places")
    look.setFocus()
    qtbot.keyClick(look, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: idle(window) and look.isEnabled())
    assert page.isAncestorOf(QApplication.focusWidget())


def test_scanning_a_folder_shows_and_hashes_its_versions(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    window = open_window()
    window.tasks.scan([models])
    qtbot.waitUntil(lambda: hashed(window), timeout=30_000)
    assert {version.name for version in window.context.workbench.page()} == {
        "sft/checkpoint-100",
        "sft/checkpoint-200",
        "adapters/lora",
    }


def test_a_removal_can_be_undone_with_ctrl_z(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    window = open_window()
    finish(window.context.workbench.scan([models]))
    window.show_page("library")
    key = window.context.workbench.keys()[0]
    window.context.apply(window.context.workbench.remove([key]))
    assert window.context.workbench.count() == 2
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "Undone" in window.alerts.message())
    assert window.context.workbench.count() == 3


def test_undoing_waits_for_the_write_before_it_and_the_window_waits_for_neither(
    open_window: OpenWindow, qtbot: QtBot, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    workbench = window.context.workbench
    finish(workbench.scan([models]))
    seen: list[tuple[str, bool]] = []

    def told(name: str) -> None:
        do = getattr(workbench, name)

        def wrapped(*given: Any) -> Any:
            done = do(*given)
            seen.append((name, threading.current_thread() is threading.main_thread()))
            return done

        monkeypatch.setattr(workbench, name, wrapped)

    told("remove")
    told("undo")
    verbs = Verbs(window.context, window)
    first, second, _ = workbench.keys()
    verbs.remove([first])
    verbs.remove([second])
    window.tasks.undo()
    window.tasks.undo()
    qtbot.waitUntil(lambda: len(seen) == 4 and idle(window))
    assert seen == [("remove", False), ("remove", False), ("undo", False), ("undo", False)]
    assert workbench.count() == 3


@pytest.mark.parametrize(
    ("key", "page"), [(Qt.Key.Key_1, "library"), (Qt.Key.Key_2, "compare"), (Qt.Key.Key_3, "activity")]
)
def test_ctrl_and_a_number_go_to_pages(
    open_window: OpenWindow, qtbot: QtBot, models: Path, key: Qt.Key, page: str
) -> None:
    window = open_window()
    finish(window.context.workbench.scan([models]))
    window.show_page("settings")
    qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
    assert window.stack.currentWidget() is window.page(page)


@pytest.mark.parametrize("page", ["activity", "settings"])
def test_a_page_takes_the_focus_so_that_keys_scroll_it(open_window: OpenWindow, page: str) -> None:
    window = open_window()
    window.show_page(page)
    assert window.page(page).isAncestorOf(QApplication.focusWidget())


def test_files_that_could_not_be_read_are_one_click_away(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    (models / "cut").mkdir()
    (models / "cut" / "model.safetensors").write_bytes(b"<html>not found</html>")
    window = open_window()
    window.tasks.scan([models])
    qtbot.waitUntil(lambda: hashed(window) and bool(window.alerts.message()), timeout=30_000)
    assert "1 file could not be read" in window.alerts.message()
    show = next(button for button in window.alerts.findChildren(QPushButton) if button.text() == "Show in Activity")
    qtbot.mouseClick(show, Qt.MouseButton.LeftButton)
    assert window.stack.currentWidget() is window.page("activity")


def test_the_palette_runs_an_action_and_finds_a_version(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    window = open_window()
    finish(window.context.workbench.scan([models]))
    window.show_page("library")
    window.show_palette()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    qtbot.keyClicks(palette.field, "settings")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert isinstance(window.stack.currentWidget(), SettingsPage)
    palette.deleteLater()
    again = CommandPalette(window.context, [], window)
    qtbot.keyClicks(again.field, "lora")
    with qtbot.waitSignal(window.context.version_asked):
        qtbot.keyClick(again.field, Qt.Key.Key_Return)


def test_the_palette_puts_what_begins_so_first_and_tells_pages_from_verbs(
    open_window: OpenWindow, qtbot: QtBot, models: Path
) -> None:
    window = open_window()
    finish(window.context.workbench.scan([models]))
    window.show_page("library")
    window.show_palette()
    palette = window.findChild(CommandPalette)
    assert palette is not None

    def offered(text: str) -> list[str]:
        palette.field.setText(text)
        return [palette.list.item(row).text() for row in range(palette.list.count())]

    assert offered("library")[:2] == ["Go: Library", "File: Scan library folders again"]
    assert len(set(offered(""))) == len(offered(""))
    assert offered("no such thing") == ["No action and no version is called so"]
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()


def test_no_two_actions_of_one_place_share_an_id_or_a_key(open_window: OpenWindow) -> None:
    window = open_window()
    everywhere = list(window.actions_table)
    ids = Counter(action.id for action in everywhere)
    for key in ("library", "version", "compare"):
        page = window.page(key)
        ids.update(action.id for action in page.actions_table)
        taken = Counter(keys for action in (*everywhere, *page.actions_table) for keys in action.keys)
        assert {keys: count for keys, count in taken.items() if count > 1} == {}
    assert {name: count for name, count in ids.items() if count > 1} == {}


def test_the_sheet_of_keys_lists_the_page_and_the_window(open_window: OpenWindow) -> None:
    window = open_window()
    window.show_page("compare")
    window.show_shortcuts()
    sheet = window.findChild(ShortcutSheet)
    assert sheet is not None
    sheet.close()


def test_a_folder_dropped_anywhere_is_scanned(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    window = open_window()
    drop(window, [models])
    qtbot.waitUntil(lambda: window.context.workbench.count() == 3 and idle(window), timeout=30_000)


def test_two_folders_dropped_together_are_compared(open_window: OpenWindow, qtbot: QtBot, tmp_path: Path) -> None:
    first, second = make_model(tmp_path / "first"), make_model(tmp_path / "second", seed=1)
    window = open_window()
    with qtbot.waitSignal(window.context.comparison_asked) as asked:
        drop(window, [first, second])
    assert [Path(side) for side in asked.args] == [first, second]
    qtbot.waitUntil(lambda: idle(window), timeout=30_000)
    assert window.context.workbench.count() == 0


def drop(window: MainWindow, folders: list[Path]) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(folder)) for folder in folders])
    window.dropEvent(
        QDropEvent(
            QPointF(QPoint(40, 40)),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_activity_shows_a_job_and_cancels_it(open_window: OpenWindow, qtbot: QtBot) -> None:
    window = open_window()
    window.show_page("activity")

    def endless() -> Job[None]:
        done = 0
        while True:
            done = min(done + 1, 99)
            yield Tick("working", done, 100)

    window.context.runner.start("Count for ever", endless())
    page = window.page("activity")
    assert isinstance(page, ActivityPage)
    qtbot.waitUntil(lambda: bool(page.findChildren(JobRow)))
    row = page.findChildren(JobRow)[0]
    cancel = next(button for button in row.findChildren(QPushButton) if button.text() == "Cancel")
    qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: idle(window))
    qtbot.waitUntil(lambda: not cancel.isVisible())


def test_settings_take_effect_at_once_and_are_kept(open_window: OpenWindow, qtbot: QtBot) -> None:
    window = open_window()
    window.show_page("settings")
    page = window.page("settings")
    dark = next(button for button in page.findChildren(QPushButton) if button.text() == "Dark")
    qtbot.mouseClick(dark, Qt.MouseButton.LeftButton)
    assert window.context.theme.palette.dark
    assert type(window.context.workbench.settings).load().appearance == "dark"


def test_an_alert_offers_its_remedy(open_window: OpenWindow, qtbot: QtBot) -> None:
    window = open_window()
    taken: list[bool] = []
    window.context.alerted.emit(Alert("It broke.", "Mend it.", "Mend", lambda: taken.append(True), serious=True))
    remedy = next(button for button in window.alerts.findChildren(QPushButton) if button.text() == "Mend")
    qtbot.mouseClick(remedy, Qt.MouseButton.LeftButton)
    assert taken == [True]
    assert window.alerts.message() == ""


def test_keys_and_menus_come_by_themselves(qapp: QApplication, qtbot: QtBot, workbench: Workbench) -> None:
    window = MainWindow(Context(workbench, Runner(), Theme(qapp, "light")))
    window.show()
    entries = window.menuBar().actions()
    qtbot.waitUntil(lambda: all(menu.actions() for entry in entries if (menu := entry.menu()) is not None))
    assert {key.toString() for action in window.actions() for key in action.shortcuts()} >= {"Ctrl+1", "Ctrl+K"}
    window.close()
    window.deleteLater()


def test_an_inspector_opened_later_shows_what_is_under_the_cursor(
    open_window: OpenWindow, qtbot: QtBot, models: Path
) -> None:
    window = open_window()
    finish(window.context.workbench.scan([models]))
    window.show_page("library")
    page = window.page("library")
    assert isinstance(page, LibraryPage)
    qtbot.waitUntil(lambda: page.table.currentIndex().isValid() and not window.context.runner.active)
    window.toggle_inspector()
    assert not window.inspector.isHidden()
    assert any("sft" in one.toPlainText() or "lora" in one.toPlainText() for one in window.findChildren(Passage))


def test_the_inspector_opens_where_there_is_room_and_rows_it_can_tell_of(
    open_window: OpenWindow, qtbot: QtBot, models: Path
) -> None:
    window = open_window()
    window.resize(1600, 900)
    assert isinstance(window.stack.currentWidget(), WelcomePage)
    assert "inspector" not in vars(window)
    finish(window.context.workbench.scan([models]))
    for page, shown in (("library", True), ("settings", False), ("compare", True), ("activity", False)):
        window.show_page(page)
        assert window.inspector.isVisible() == shown, page
    window.toggle_inspector()
    window.show_page("settings")
    assert window.inspector.isVisible()  # opened by hand, it stays


def test_the_next_start_takes_up_where_the_last_ended(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    first = open_window()
    finish(first.context.workbench.scan([models]))
    first.resize(1100, 700)
    first.show_page("settings")
    first.save_session()
    second = open_window()
    second.restore_session()
    assert isinstance(second.stack.currentWidget(), SettingsPage)


def test_a_spoilt_session_is_no_obstacle(open_window: OpenWindow, home: Path) -> None:
    config = home / "config"
    config.mkdir(exist_ok=True)
    (config / "session.json").write_text('{"geometry": 3, "page": [], "library": "x"')
    window = open_window()
    window.restore_session()
    assert window.isVisible()


def test_everything_that_takes_the_focus_has_a_name(open_window: OpenWindow, qtbot: QtBot, models: Path) -> None:
    window = open_window()
    window.show_page("settings")
    finish(window.context.workbench.scan([models]))
    window.show_page("library")
    window.show_version(window.context.workbench.keys()[0])
    window.compare("sft/checkpoint-100", "sft/checkpoint-200")
    qtbot.waitUntil(lambda: idle(window), timeout=60_000)
    window.show_page("activity")
    nameless = [widget for widget in window.findChildren(QWidget) if takes_focus(widget) and not spoken(widget)]
    assert sorted({f"{type(one).__name__} in {type(one.parent()).__name__}" for one in nameless}) == []


def takes_focus(widget: QWidget) -> bool:
    internal = widget.objectName().startswith("qt_")
    asked = widget.focusPolicy() != Qt.FocusPolicy.NoFocus and not widget.isHidden()
    return asked and not internal and widget.focusProxy() is None


def spoken(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    return widget.accessibleName() or (str(text()) if callable(text) else "")
