"""The main window: rail, page, inspector, status strip. Built from tables; pages do the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from PySide6.QtCore import QByteArray, QTimer
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QMainWindow, QMenuBar, QStackedWidget, QVBoxLayout, QWidget

from diptych.domain.changes import Changes
from diptych.ui import session
from diptych.ui.actions import Action, Bound, bind
from diptych.ui.context import Alert, Context, Inspection
from diptych.ui.pages.library import LibraryPage
from diptych.ui.pages.page import Page
from diptych.ui.status import StatusStrip
from diptych.ui.tasks import Tasks
from diptych.ui.widgets.label import hairline
from diptych.ui.widgets.rail import Rail

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent, QShowEvent

    from diptych.ui.alerts import AlertBar
    from diptych.ui.inspector import Inspector

NARROW_RAIL = 1100
"""Below this width the rail shows icons alone."""
BOUND_AFTER_MS = 50
"""Counted from when the first page has found what it shows: it is drawn by then, and nobody has pressed a key yet."""
BOUND_AT_LATEST_MS = 250
"""Counted from when the window is shown, whatever its page has found."""
_MENUS = ("&File", "&Edit", "&View", "&Go", "&Help")
_Layout = TypeVar("_Layout", bound=QBoxLayout)


class MainWindow(QMainWindow):
    """The window. What its first page does without is imported and built when it is first shown."""

    actions_table: ClassVar[tuple[Action, ...]]

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.tasks = Tasks(context)
        self.setWindowTitle("Diptych")
        self.setMinimumSize(900, 600)
        self.resize(1280, 800)
        self.setAcceptDrops(True)
        self._pages: dict[str, Page] = {}
        self._bound: dict[str, list[Bound]] = {}
        self._back: list[str] = []
        self._inspect_by_hand: bool | None = None
        self._inspection: Inspection | None = None
        self._state: dict[str, object] = session.load()
        self._build()
        self._window_actions: list[Bound] = []
        self._bind_at = QTimer(self)
        self._bind_at.setSingleShot(True)
        self._bind_at.timeout.connect(self.bind)
        context.alerted.connect(self._show_alert)
        context.inspected.connect(self._inspect)
        context.changed.connect(self._refresh)
        context.version_asked.connect(self.show_version)
        context.comparison_asked.connect(self.compare)
        context.library_asked.connect(self.show_library)
        context.lineage_asked.connect(self.show_lineage)
        context.timelapse_asked.connect(self.show_timelapse)
        context.page_asked.connect(self.show_page)
        context.runner.changed.connect(self._count_jobs)
        self.show_page("library")

    def _build(self) -> None:
        # everything is made within its place: who moves to another parent is styled anew
        menus = QMenuBar(self)
        self.setMenuBar(menus)
        self._menus = {title: menus.addMenu(title) for title in _MENUS}
        central = QWidget(self)
        self.setCentralWidget(central)
        column = _without_margins(QVBoxLayout(central))
        self._row = row = _without_margins(QHBoxLayout())
        column.addLayout(row, 1)
        self._middle = middle = _without_margins(QVBoxLayout())
        self.rail = Rail(central)
        for key, title, symbol, keys in (
            ("library", "Library", "library", "Ctrl+1"),
            ("compare", "Compare", "compare", "Ctrl+2"),
            ("activity", "Activity", "activity", "Ctrl+3"),
            ("lineage", "Lineage", "lineage", "Ctrl+4"),
        ):
            self.rail.add(key, title, symbol, f"{title}  {keys}")
        self.rail.add("settings", "Settings", "settings", "Settings  Ctrl+,", at_end=True)
        self.rail.chosen.connect(self.show_page)
        self.stack = QStackedWidget(central)
        row.addWidget(self.rail)
        row.addWidget(hairline(vertical=True))
        row.addLayout(middle, 1)
        middle.addWidget(self.stack, 1)
        column.addWidget(hairline())
        column.addWidget(StatusStrip(self.context, central))

    @cached_property
    def alerts(self) -> AlertBar:
        """The line above the page."""
        from diptych.ui.alerts import AlertBar

        bar = AlertBar(self.centralWidget())
        self._middle.insertWidget(0, bar)
        return bar

    @cached_property
    def inspector(self) -> Inspector:
        """The panel at the right."""
        from diptych.ui.inspector import Inspector

        panel = Inspector(self.context.theme, self.centralWidget())
        panel.hide()
        panel.inspect(self._inspection)
        self._row.addWidget(panel)
        return panel

    def bind(self) -> None:
        """Give actions their keys and menus their actions; the window does so itself, soon after its first page."""
        if self._window_actions:
            return
        self._window_actions = list(bind(self.actions_table, self).values())
        for title, menu in self._menus.items():
            menu.addActions([bound for bound in self._window_actions if bound.action.menu == title])
        for page in self._pages.values():
            self._bind_page(page)

    def _bind_page(self, page: Page) -> None:
        self._bound[page.key] = list(bind(page.actions_table, page).values())
        page.bound()

    # pages

    def page(self, key: str) -> Page:
        """The page called `key`, built now if it was not needed before."""
        if key not in self._pages:
            page = self._make(key)
            self._pages[key] = page
            if self._window_actions:
                self._bind_page(page)
            self.stack.addWidget(page)
            state = self._state.get(key)
            if isinstance(state, dict):
                page.restore(state)
        return self._pages[key]

    def _make(self, key: str) -> Page:
        context = self.context
        if key == "library":
            library = LibraryPage(context, self.stack)
            library.found.connect(self._bind_soon)
            return library
        if key == "welcome":
            from diptych.ui.pages.welcome import WelcomePage

            return WelcomePage(context, self.add_folder, self.tasks.scan)
        if key == "activity":
            from diptych.ui.pages.activity import ActivityPage

            return ActivityPage(context)
        if key == "lineage":
            from diptych.ui.pages.lineage import LineagePage

            return LineagePage(context)
        if key == "timelapse":
            from diptych.ui.pages.timelapse import TimelapsePage

            timelapse = TimelapsePage(context)
            timelapse.left.connect(self.go_back)
            return timelapse
        if key == "settings":
            from diptych.ui.pages.settings import SettingsPage

            return SettingsPage(context, self.add_folder, self.tasks.scan)
        if key == "version":
            from diptych.ui.pages.version import VersionPage

            version = VersionPage(context, self.stack)
            version.left.connect(self.go_back)
            return version
        from diptych.ui.pages.compare import ComparePage

        return ComparePage(context)

    def show_page(self, key: str) -> None:
        """Bring a page to the front; the welcome page stands for the library while that is empty."""
        if key == "library" and not self.context.workbench.count() and not self.context.runner.active:
            key = "welcome"
        page = self.page(key)
        current = self.stack.currentWidget()
        if isinstance(current, Page) and current is not page:
            self._back.append(current.key)
        self.stack.setCurrentWidget(page)
        self.rail.select("library" if key in ("welcome", "version", "timelapse") else key)
        self.context.inspected.emit(None)
        self._open_inspector()
        page.entered()

    def go_back(self) -> None:
        """Show the page that was in front before."""
        if self._back:
            self.show_page(self._back.pop())
            self._back.pop()

    def show_version(self, key: int) -> None:
        """Show one version."""
        from diptych.ui.pages.version import VersionPage

        page = self.page("version")
        assert isinstance(page, VersionPage)
        page.show_version(key)
        self.show_page("version")

    def show_library(self, query: str) -> None:
        """Show the library filtered by `query`."""
        self.show_page("library")
        page = self.stack.currentWidget()
        if isinstance(page, LibraryPage):
            page.show_query(query)

    def show_lineage(self, key: int) -> None:
        """Show what a version descends from and gave rise to."""
        from diptych.ui.pages.lineage import LineagePage

        page = self.page("lineage")
        assert isinstance(page, LineagePage)
        self.show_page("lineage")
        page.show_version(key)

    def show_timelapse(self, model: str, step: object = None) -> None:
        """Show how the weights of a run moved."""
        from diptych.ui.pages.timelapse import TimelapsePage

        page = self.page("timelapse")
        assert isinstance(page, TimelapsePage)
        self.show_page("timelapse")
        page.show_run(model, step if isinstance(step, int) else None)

    def compare(self, left: object, right: object) -> None:
        """Open a comparison of two versions, paths or references."""
        from diptych.ui.pages.compare import ComparePage

        page = self.page("compare")
        assert isinstance(page, ComparePage)
        self.show_page("compare")
        page.open(left, right)

    def _refresh(self, changes: Changes) -> None:
        for page in self._pages.values():
            page.refresh(changes)
        current = self.stack.currentWidget()
        front = current.key if isinstance(current, Page) else ""
        if front == ("welcome" if self.context.workbench.count() else "library"):
            self.show_page("library")

    def _count_jobs(self) -> None:
        self.rail.set_badge("activity", sum(not job.quiet for job in self.context.runner.active))

    def _show_alert(self, alert: Alert) -> None:
        self.alerts.show_alert(alert)

    def _inspect(self, inspection: Inspection | None) -> None:
        self._inspection = inspection
        if "inspector" in vars(self):
            self.inspector.inspect(inspection)

    # verbs

    def add_folder(self) -> None:
        """Ask for a folder and scan it."""
        from PySide6.QtWidgets import QFileDialog

        folder = QFileDialog.getExistingDirectory(self, "Add a folder with models")
        if folder:
            self.tasks.scan([Path(folder)])

    def show_palette(self) -> None:
        """Open the command palette over everything that can be done here."""
        from diptych.ui.palette import CommandPalette

        CommandPalette(self.context, self._here(), self).open()

    def show_shortcuts(self) -> None:
        """Open the sheet of keys."""
        from diptych.ui.shortcuts import ShortcutSheet

        page = self.stack.currentWidget()
        assert isinstance(page, Page)
        ShortcutSheet(((page.title, self._bound[page.key]), ("Everywhere", self._window_actions)), self).open()

    def toggle_inspector(self) -> None:
        """Open or close the inspector, and keep it so."""
        self._inspect_by_hand = self.inspector.isHidden()
        self.inspector.setVisible(self._inspect_by_hand)

    def _open_inspector(self) -> None:
        page = self.stack.currentWidget()
        wanted = isinstance(page, Page) and page.inspects(self.width())
        if self._inspect_by_hand is None and (wanted or "inspector" in vars(self)):
            self.inspector.setVisible(wanted)

    def _here(self) -> list[Bound]:
        page = self.stack.currentWidget()
        local = self._bound.get(page.key, []) if isinstance(page, Page) else []
        for bound in (*local, *self._window_actions):
            bound.refresh()
        return [*local, *self._window_actions]

    # events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._window_actions:
            self._bind_at.start(BOUND_AT_LATEST_MS)

    def _bind_soon(self) -> None:
        if not self._window_actions:
            self._bind_at.start(BOUND_AFTER_MS)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.rail.set_narrow(event.size().width() < NARROW_RAIL)
        self._open_inspector()
        super().resizeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _folders(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Two folders at once are compared; anything else is added to the library."""
        folders = _folders(event)
        if len(folders) == 2:
            self.context.comparison_asked.emit(*folders)
        elif folders:
            QTimer.singleShot(0, lambda: self.tasks.scan(folders))
        event.acceptProposedAction()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.save_session()
        self.context.runner.close()
        event.accept()

    # session

    def save_session(self) -> None:
        """Remember pages and geometry."""
        current = self.stack.currentWidget()
        state: dict[str, object] = {key: page.state() for key, page in self._pages.items()}
        state["geometry"] = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        state["page"] = current.key if isinstance(current, Page) else "library"
        session.save(state)

    def restore_session(self) -> None:
        """Take up the last session: size and place, the page in front, and what pages remember."""
        geometry = self._state.get("geometry")
        if isinstance(geometry, str):
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "replace")))
        page = self._state.get("page")
        if isinstance(page, str) and page in ("compare", "activity", "lineage", "settings"):
            self.show_page(page)


def _without_margins(layout: _Layout) -> _Layout:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    return layout


def _folders(event: QDragEnterEvent | QDropEvent) -> Sequence[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


MainWindow.actions_table = (
    Action("window.add", "Add folder…", MainWindow.add_folder, ("Ctrl+O",), "folder-add", "&File"),
    Action("window.rescan", "Scan library folders again", lambda w: w.tasks.rescan(), ("F5",), "refresh", "&File"),
    Action("window.hash", "Hash all files", lambda w: w.tasks.hash(), (), "fingerprint", "&File"),
    Action(
        "window.fingerprint", "Fingerprint all weights", lambda w: w.tasks.fingerprint(), (), "fingerprint", "&File"
    ),
    Action("window.quit", "Quit", MainWindow.close, ("Ctrl+Q",), "", "&File"),
    Action("window.undo", "Undo", lambda w: w.tasks.undo(), ("Ctrl+Z",), "undo", "&Edit"),
    Action("window.redo", "Redo", lambda w: w.tasks.redo(), ("Ctrl+Shift+Z", "Ctrl+Y"), "", "&Edit"),
    Action("window.palette", "Commands…", MainWindow.show_palette, ("Ctrl+K", "Ctrl+Shift+P"), "command", "&View"),
    Action("window.inspector", "Inspector", MainWindow.toggle_inspector, ("Ctrl+I",), "info", "&View"),
    Action("window.library", "Library", lambda w: w.show_page("library"), ("Ctrl+1",), "library", "&Go"),
    Action("window.compare", "Compare", lambda w: w.show_page("compare"), ("Ctrl+2",), "compare", "&Go"),
    Action("window.activity", "Activity", lambda w: w.show_page("activity"), ("Ctrl+3",), "activity", "&Go"),
    Action("window.lineage", "Lineage", lambda w: w.show_page("lineage"), ("Ctrl+4",), "lineage", "&Go"),
    Action("window.settings", "Settings", lambda w: w.show_page("settings"), ("Ctrl+,",), "settings", "&Go"),
    Action("window.back", "Back", MainWindow.go_back, ("Alt+Backspace",), "back", "&Go"),
    Action("window.keys", "Keys", MainWindow.show_shortcuts, ("?", "F1"), "keyboard", "&Help"),
)
