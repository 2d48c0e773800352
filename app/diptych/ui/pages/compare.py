"""The compare page: several comparisons as tabs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.changes import Changes
from diptych.domain.dossier import Dossier
from diptych.domain.version import Version
from diptych.errors import DiptychError
from diptych.job import Job, Tick
from diptych.reports.spreadsheet import write_table
from diptych.ui.actions import Action
from diptych.ui.context import Alert, Context
from diptych.ui.pages import compare_export
from diptych.ui.pages.compare_header import LEFT, RIGHT
from diptych.ui.pages.compare_view import ComparisonView
from diptych.ui.pages.page import Page
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import hairline, label
from diptych.ui.widgets.tabs import Tabs
from diptych.workbench import Subject, Workbench
from diptych.workbench.comparing import Comparison

_TAB_NAME = 24
"""Characters of a name on a tab."""


class ComparePage(Page):
    """Opens, shows and closes comparisons."""

    key = "compare"
    title = "Compare"
    symbol = "compare"
    actions_table: ClassVar[tuple[Action, ...]]

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.tabs = Tabs(context.theme, "Comparisons")
        self.tabs.currentChanged.connect(self._show_tab)
        self.tabs.tabCloseRequested.connect(self.close_tab)
        self.stack = QStackedWidget()
        self._opening = label(role="muted")
        self._empty = self._nothing()
        self.stack.addWidget(self._empty)
        self._line = hairline()
        self._line.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs)
        column.addWidget(self._line)
        column.addWidget(self.stack, 1)

    # opening and closing -------------------------------------------------------------------------------------------

    def open(self, left: object, right: object) -> None:
        """Compare two versions, paths or references in a tab of their own; one that is open comes to the front."""
        if not self._show_open(_name(left), _name(right)):
            self._compare(left, right, self._add)

    def close_tab(self, index: int) -> None:
        """Close a comparison and stop its jobs."""
        view = self._view_at(index)
        if view is None:
            return
        view.close_jobs()
        self.stack.removeWidget(view)
        self.tabs.removeTab(index)
        view.deleteLater()
        self._show_tab(self.tabs.currentIndex())

    def close_current(self) -> None:
        """Close the comparison in front."""
        self.close_tab(self.tabs.currentIndex())

    @property
    def view(self) -> ComparisonView | None:
        """The comparison in front."""
        return self._view_at(self.tabs.currentIndex())

    def entered(self) -> None:
        if self.view is not None:
            self.view.rail.setFocus()
        else:
            self._library.setFocus()

    def busy(self) -> bool:
        return self.view is not None and self.view.facets.busy()

    def refresh(self, changes: Changes) -> None:
        """Names and states of the sides may be new; what was computed stays."""
        touched = changes.updated | changes.removed
        for index in range(self.tabs.count()):
            view = self._view_at(index)
            if view is not None and touched & {side.version.key for side in _sides(view.comparison)}:
                view.head.reread()

    def state(self) -> dict[str, object]:
        views = [self._view_at(index) for index in range(self.tabs.count())]
        shown = [view for view in views if view is not None]
        opened = [dict(zip((LEFT, RIGHT), _names(view.comparison), strict=True)) | view.state() for view in shown]
        return {"open": opened, "front": self.tabs.currentIndex()}

    def restore(self, state: dict[str, object]) -> None:
        opened = state.get("open")
        for entry in opened if isinstance(opened, list) else []:
            names = [entry.get(side) for side in (LEFT, RIGHT)] if isinstance(entry, dict) else []
            # nothing is asked of a remote before the user does
            if names and all(isinstance(one, str) and not self.context.workbench.is_elsewhere(one) for one in names):
                self._compare(_reference(entry[LEFT]), _reference(entry[RIGHT]), partial(self._add_restored, entry))

    def _compare(self, left: object, right: object, done: Callable[[Comparison], None]) -> None:
        workbench = self.context.workbench
        # what a server is asked for may take long: the strip tells of it, and can cancel it
        far = [side for side in (left, right) if isinstance(side, str) and workbench.is_elsewhere(side)]
        self._opening.setText("" if far else "Opening…")
        title = f"Open {display.listing(map(display.visible, far))}" if far else "Open comparison"
        job = opened(workbench, left, right)
        self.context.runner.start(title, job, done=done, failed=self._not_opened, quiet=not far)

    def _add(self, comparison: Comparison) -> None:
        if not self._show_open(*_names(comparison)):  # a reference tells only now which version it means
            self.show_comparison(comparison)

    def _show_open(self, left: str, right: str) -> bool:
        """Bring a comparison that is open to the front; False where it is not."""
        for index in range(self.tabs.count()):
            view = self._view_at(index)
            if view is not None and _names(view.comparison) == (left, right):
                self.tabs.setCurrentIndex(index)
                return True
        return False

    def show_comparison(self, comparison: Comparison) -> ComparisonView:
        """Show a comparison in a new tab."""
        view = self._made(comparison)
        index = self.tabs.add(view)
        self.stack.addWidget(view)
        self._name_tab(index)
        self.tabs.setCurrentIndex(index)
        self._show_tab(index)
        if self.isVisible():
            view.rail.setFocus()
        return view

    def _add_restored(self, state: dict[str, object], comparison: Comparison) -> None:
        self.show_comparison(comparison).restore(state)

    def _made(self, comparison: Comparison) -> ComparisonView:
        view = ComparisonView(self.context, comparison, self.stack)
        view.other_asked.connect(partial(self._change_side, view))
        view.renamed.connect(self._name_tabs)
        view.bar.back_asked.connect(view.leave_section)
        view.bar.html_asked.connect(self.export_html)
        view.bar.json_asked.connect(self.export_json)
        view.bar.markdown_asked.connect(self.copy_markdown)
        view.bar.picture_asked.connect(self.export_picture)
        view.bar.table_asked.connect(self.export_table)
        return view

    def _change_side(self, view: ComparisonView, side: str, value: object) -> None:
        """Another version on one side of a tab; the tab and its way of reading stay."""
        left, right = (each.version for each in _sides(view.comparison))
        first, second = (value, right) if side == LEFT else (left, value)
        self._compare(first, second, partial(self._replace, view))

    def _replace(self, old: ComparisonView, comparison: Comparison) -> None:
        index = next((at for at in range(self.tabs.count()) if self._view_at(at) is old), -1)
        if index < 0:
            return
        view = self._made(comparison)
        view.restore(old.state())
        old.close_jobs()
        self.tabs.setTabData(index, view)
        self.stack.addWidget(view)
        self.stack.removeWidget(old)
        old.deleteLater()
        self._name_tab(index)
        self._show_tab(self.tabs.currentIndex())
        view.rail.setFocus()

    def _not_opened(self, error: Exception) -> None:
        self._opening.setText("")
        if isinstance(error, DiptychError):
            self.context.alerted.emit(Alert(error.message, error.hint, serious=True))
        else:
            self.context.fail(error)

    def _view_at(self, index: int) -> ComparisonView | None:
        data = self.tabs.tabData(index) if index >= 0 else None
        return data if isinstance(data, ComparisonView) else None

    def _name_tab(self, index: int) -> None:
        view = self._view_at(index)
        if view is not None:
            left, right = (side.version.name for side in _sides(view.comparison))
            short = f"{display.elide(left, _TAB_NAME)} ⇄ {display.elide(right, _TAB_NAME)}"
            self.tabs.set_text(index, short, f"{left} ⇄ {right}")

    def _name_tabs(self) -> None:
        for index in range(self.tabs.count()):
            self._name_tab(index)

    def _show_tab(self, index: int) -> None:
        view = self._view_at(index)
        self.stack.setCurrentWidget(view if view is not None else self._empty)
        self._line.setVisible(self.tabs.count() > 1)
        self._opening.setText("")

    def _nothing(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(Space.M)
        column.addStretch(2)
        column.addWidget(label("Put two versions side by side", "title"), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(
            label("Choose two in the library and press C, or drop two folders on the window.", "muted"),
            0, Qt.AlignmentFlag.AlignHCenter,
        )  # fmt: skip
        self._library = QPushButton("Go to the library")
        self._library.setProperty("role", "primary")
        self._library.clicked.connect(lambda: self.context.library_asked.emit(""))
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._library)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(self._opening, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return page

    # actions -------------------------------------------------------------------------------------------------------

    def do(self, act: Callable[[ComparisonView], object]) -> None:
        """Do something with the comparison in front, where there is one."""
        if self.view is not None:
            act(self.view)

    def swap(self) -> None:
        """Make A of B."""
        if self.view is not None:
            self.view.swap()

    def step_tab(self, by: int) -> None:
        """Go to the next or previous comparison."""
        if self.tabs.count():
            self.tabs.setCurrentIndex((self.tabs.currentIndex() + by) % self.tabs.count())

    def export_html(self, file: Path | None = None) -> None:
        """Write the report as one HTML file, asking where."""
        self._export(file, "html", compare_export.html)

    def export_json(self, file: Path | None = None) -> None:
        """Write the comparison as JSON, asking where."""
        self._export(file, "json", compare_export.json_text)

    def copy_markdown(self) -> None:
        """Copy the comparison as Markdown."""
        if self.view is not None:
            compare_export.copy_markdown(self.view)
            self.view.bar.say("Copied as Markdown")

    def export_picture(self, file: Path | None = None) -> None:
        """Write the heat map of the weights as a picture, asking where."""
        picture = self.view.sections["weights"].pane.picture() if self.view is not None else None
        if picture is None:
            self.context.alerted.emit(Alert("There is no heat map of these weights.", done=False))
        elif (file := self._chosen(file, "png")) is not None:
            self._write(file, compare_export.write_picture(picture, file))

    def export_table(self, file: Path | None = None) -> None:
        """Write what is known of the tensors as a table for spreadsheets, asking where."""
        sheet = self.view.sections["weights"].sheet if self.view is not None else None
        if sheet is None or not sheet.rows:
            self.context.alerted.emit(Alert("There is no table of these weights.", done=False))
        elif (file := self._chosen(file, "csv")) is not None:
            self._write(file, write_table(sheet, file))

    def _write(self, file: Path, job: Job[object]) -> None:
        """Let a worker write, since many tensors take a while."""
        self.context.runner.start(f"Write {display.path(file)}", job, done=lambda _: self._written(file), quiet=True)

    def _written(self, file: Path) -> None:
        unfinished = " · without what is still being computed" if self.view and self.view.facets.busy() else ""
        self.context.alerted.emit(Alert(f"Wrote {display.path(file)}{unfinished}"))

    def _chosen(self, file: Path | None, ending: str) -> Path | None:
        """Where to write, asked of the user unless it is said; None where the user turned away."""
        if isinstance(file, Path) or self.view is None:
            return file
        name = compare_export.file_name(self.view.comparison, ending)
        chosen, _ = QFileDialog.getSaveFileName(self, "Export comparison", name, f"*.{ending}")
        return Path(chosen) if chosen else None

    def _export(self, file: Path | None, ending: str, make: Callable[[ComparisonView], str]) -> None:
        view = self.view
        if view is None or (file := self._chosen(file, ending)) is None:
            return
        try:
            file.write_text(make(view), "utf-8")
        except OSError as error:
            self.context.alerted.emit(Alert(f"{file}: {error.strerror}", "Choose another place.", serious=True))
            return
        self._written(file)


def opened(workbench: Workbench, left: object, right: object) -> Job[Comparison]:
    """Find both sides and what is known of them; one at a remote is looked at there."""
    yield Tick("Opening both versions")
    sides: list[Subject] = []
    for side in (left, right):
        if isinstance(side, str) and workbench.is_elsewhere(side):
            sides.append((yield from workbench.dossier_elsewhere(side)))
        elif isinstance(side, Version | Path | str):
            sides.append(side)
    return workbench.compare(*sides)


def _sides(comparison: Comparison) -> tuple[Dossier, Dossier]:
    return comparison.left, comparison.right


def _names(comparison: Comparison) -> tuple[str, str]:
    return _name(comparison.left.version), _name(comparison.right.version)


def _name(side: object) -> str:
    """What finds a side again at the next start: its path, or its id where only records are left of it."""
    if isinstance(side, Version):
        return str(side.path) if side.path is not None else side.id or side.name
    return str(side)


def _reference(name: str) -> Path | str:
    path = Path(name)
    return path if path.is_absolute() else name


def _on_view(name: str, *arguments: object) -> Callable[[ComparePage], None]:
    return lambda page: page.do(lambda view: getattr(view, name)(*arguments))


def _has_view(page: ComparePage) -> bool:
    return page.view is not None


def _action(verb: str, text: str, do: Callable[[ComparePage], object], *keys: str, icon: str = "") -> Action:
    return Action(f"compare.{verb}", text, do, keys, icon, when=_has_view)


ComparePage.actions_table = (
    _action("next-change", "Next change", _on_view("step_change", 1), "N", "F8", "Alt+Down"),
    _action("previous-change", "Previous change", _on_view("step_change", -1), "P", "Shift+F8", "Alt+Up"),
    _action("next-section", "Next section", _on_view("step_section", 1), "]"),
    _action("previous-section", "Previous section", _on_view("step_section", -1), "["),
    _action("swap", "Swap A and B", ComparePage.swap, "X", icon="swap"),
    _action("all", "Differences or all rows", _on_view("toggle_all"), "D"),
    _action("filter", "Filter rows", _on_view("filter_rows"), "/", icon="filter"),
    _action("table", "Weights as map or table", _on_view("tell_panes", "toggle_table"), "T", icon="table"),
    _action("closer", "Weights: closer", _on_view("tell_panes", "zoom", 1), "+", "="),
    _action("farther", "Weights: farther", _on_view("tell_panes", "zoom", -1), "-"),
    _action("whole", "Weights: the whole map", _on_view("tell_panes", "zoom", 0), "0"),
    _action("values", "Weights: values of the tensor", _on_view("tell_panes", "show_values"), "V"),
    _action("order", "Sort by the next column", _on_view("next_order"), "S", icon="sort"),
    _action("ignore", "Ignore row…", _on_view("ignore_row"), "I"),
    _action("review", "Tick row off as reviewed", _on_view("review_row"), "R"),
    _action("copy", "Copy row", _on_view("copy_row"), "Y", "Ctrl+C", icon="copy"),
    _action("copy-markdown", "Copy row as Markdown", _on_view("copy_row_as_markdown"), "Shift+Y"),
    _action("pick-a", "Choose version A", lambda page: page.do(lambda view: view.head.pick(LEFT)), "Alt+A"),
    _action("pick-b", "Choose version B", lambda page: page.do(lambda view: view.head.pick(RIGHT)), "Alt+B"),
    _action("next-b", "B: next checkpoint", lambda page: page.do(lambda view: view.head.step(RIGHT, 1)), "Alt+Right"),
    _action(
        "previous-b", "B: previous checkpoint", lambda page: page.do(lambda view: view.head.step(RIGHT, -1)), "Alt+Left"
    ),
    _action(
        "next-a", "A: next checkpoint", lambda page: page.do(lambda view: view.head.step(LEFT, 1)), "Alt+Shift+Right"
    ),
    _action(
        "previous-a", "A: previous checkpoint", lambda page: page.do(lambda view: view.head.step(LEFT, -1)),
        "Alt+Shift+Left",
    ),
    _action("focus", "Section on the whole page", _on_view("focus_current"), "Ctrl+Return"),
    _action("back", "Back to the report", _on_view("leave_section")),
    _action("export-html", "Export as HTML report…", lambda page: page.export_html(), "Ctrl+E", icon="export"),
    _action("export-json", "Export as JSON…", lambda page: page.export_json(), "Ctrl+Shift+E"),
    _action("export-picture", "Export weights map as PNG…", lambda page: page.export_picture()),
    _action("export-table", "Export weights table as CSV…", lambda page: page.export_table()),
    _action("export-markdown", "Copy comparison as Markdown", ComparePage.copy_markdown),
    _action("next-tab", "Next comparison", lambda page: page.step_tab(1), "Ctrl+PgDown"),
    _action("previous-tab", "Previous comparison", lambda page: page.step_tab(-1), "Ctrl+PgUp"),
    _action("close", "Close comparison", ComparePage.close_current, "Ctrl+W"),
)  # fmt: skip
