"""The library: every version the catalog knows, to be found, annotated and picked for comparing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from diptych import display
from diptych.domain.changes import Changes
from diptych.domain.version import Version
from diptych.ui.actions import Action
from diptych.ui.context import Context
from diptych.ui.dialogs.columns import Choice, ColumnsDialog
from diptych.ui.icons import icon
from diptych.ui.models.arrangement import Arrangement, View, arrange
from diptych.ui.models.columns import FIXED, METRIC, PARAM, metric_title, usual
from diptych.ui.models.partners import in_order
from diptych.ui.models.versions import FIRST, VersionsModel
from diptych.ui.pages.library_bar import SelectionBar
from diptych.ui.pages.library_strip import collections
from diptych.ui.pages.library_suggest import Vocabulary
from diptych.ui.pages.library_table import LibraryTable, Place
from diptych.ui.pages.page import Page
from diptych.ui.pages.verbs import Verbs
from diptych.ui.pages.version_facts import inspection
from diptych.ui.tokens import Space
from diptych.ui.widgets.filterfield import FilterField
from diptych.ui.widgets.label import hairline, label
from diptych.ui.widgets.strip import Entry, Strip

STRIP_WIDTH = 208
NARROW = 1000
"""A page narrower than this has no room for the collections (a window of 1100, less its rail)."""
SETTLE_MS = 150
"""Changes that come close together are read once."""


class LibraryPage(Page):
    """Collections at the left, the filter above, the versions, and what is selected below."""

    key = "library"
    title = "Library"
    symbol = "library"
    actions_table: ClassVar[tuple[Action, ...]]

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.view = View()
        self.verbs = Verbs(context, self)
        self.model = VersionsModel(context, self)
        self._vocabulary: Vocabulary | None = None
        self._chosen_columns: list[str] | None = None
        self._asked = 0
        self._place: Place | None = None
        self._build()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._read_all)
        context.theme.changed.connect(self.table.lay_out)
        self._read_all()

    # building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        theme = self.context.theme
        self.strip = Strip(theme, "Collections")
        self.strip.setFixedWidth(theme.px(STRIP_WIDTH))
        self.strip.chosen.connect(self.show_query)
        self._strip_line = hairline(vertical=True)
        self.table = LibraryTable(theme, self.model)
        self.table.sort_asked.connect(self.sort)
        self.table.opened.connect(self._open_row)
        self.table.chosen.connect(self._selection_changed)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.horizontalHeader().customContextMenuRequested.connect(self._show_header_menu)
        self.table.delegate.starred.connect(self._star_row)
        self.bar = SelectionBar()
        self.bar.asked.connect(self._do)
        self._body = QStackedWidget()
        self._body.addWidget(self.table)
        self._body.addWidget(self._nothing_found())
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(self._head())
        right.addWidget(self._body, 1)
        right.addWidget(hairline())
        right.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.strip)
        row.addWidget(self._strip_line)
        row.addLayout(right, 1)
        QWidget.setTabOrder(self.strip, self.field)
        QWidget.setTabOrder(self.field, self.table)

    def _head(self) -> QVBoxLayout:
        self.field = FilterField(
            self.context.theme, "Filter versions", "Filter: words, tag:ship, family:llama, acc>0.6", self._suggest
        )
        self.field.asked.connect(self._query_changed)
        self.field.left.connect(self.focus_table)
        self.grouped = _switch("Grouped by run", "One row for each run, its checkpoints below")
        self.flat = _switch("Flat", "Every version in one list")
        sides = QButtonGroup(self)
        for button in (self.grouped, self.flat):
            sides.addButton(button)
        self.grouped.setChecked(True)
        sides.buttonClicked.connect(self._switched)
        columns = QToolButton()
        columns.setIcon(icon("columns"))
        columns.setText("Columns")
        columns.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        columns.clicked.connect(self.choose_columns)
        line = QHBoxLayout()
        line.setSpacing(Space.XS)
        line.addWidget(self.field, 1)
        line.addSpacing(Space.S)
        line.addWidget(self.grouped)
        line.addWidget(self.flat)
        line.addSpacing(Space.S)
        line.addWidget(columns)
        self.count = label("", "caption")
        self.problem = label("", "danger", wrap=True)
        under = QHBoxLayout()
        under.setSpacing(0)
        under.addWidget(self.count)
        under.addWidget(self.problem, 1)
        head = QVBoxLayout()
        head.setContentsMargins(Space.L, Space.M, Space.M, Space.S)
        head.setSpacing(Space.XS)
        head.addLayout(line)
        head.addLayout(under)
        return head

    def _nothing_found(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(2)
        self._nothing = label("No version matches this filter.", "muted")
        clear = QPushButton("Show all versions")
        clear.clicked.connect(self.clear_query)
        for widget in (self._nothing, clear):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
            column.addSpacing(Space.S)
        column.addStretch(3)
        return page

    # asking ----------------------------------------------------------------------------------------------------

    def show_query(self, query: str) -> None:
        """Show what `query` finds."""
        self.field.set_query(query)

    def clear_query(self) -> None:
        """Show all versions."""
        self.field.set_query("")
        self.focus_table()

    def sort(self, key: str, descending: bool) -> None:
        """Sort by a column, a metric or a hyperparameter. Values are compared across runs, so those make it flat."""
        flat = any(column.flat and column.sort == key for column in self.model.columns)
        self._ask(View(self.view.query, key, descending, self.view.grouped and not flat))

    def group(self, grouped: bool) -> None:
        """Group by run, or list flat. Grouped by a metric makes no sense: then the newest come first."""
        sort, descending = self.view.sort, self.view.descending
        if grouped and any(column.flat and column.sort == sort for column in self.model.columns):
            sort, descending = "created", True
        self._ask(View(self.view.query, sort, descending, grouped))

    def _query_changed(self, query: str) -> None:
        self._ask(View(query, self.view.sort, self.view.descending, self.view.grouped))

    def _ask(self, view: View) -> None:
        """Ask the catalog; of several questions only the last answer is shown."""
        same_rows = view == self.view
        self.view = view
        self._place = self.table.place() if same_rows else None
        self._asked += 1
        job = arrange(self.context.workbench, view)
        self.context.runner.start("Find versions", job, self._show, quiet=True)
        self.grouped.setChecked(view.grouped)
        self.flat.setChecked(not view.grouped)
        self.table.show_sort(view.sort, view.descending)
        self.strip.point_to(view.query)

    def _show(self, arrangement: Arrangement) -> None:
        if arrangement.view != self.view:
            return
        self.problem.setText(f"⚠ {arrangement.problem}" if arrangement.problem else "")
        self.field.show_problem(bool(arrangement.problem))
        if arrangement.problem:
            self.count.setText("")
            return
        place = self._place or self.table.place()
        keep_scroll = arrangement.view == self.model.arrangement.view
        same = arrangement == self.model.arrangement
        if not same:
            self.table.setUpdatesEnabled(False)
            self.model.arrange(arrangement)
            self.table.go_to(place, keep_scroll)
            self.table.setUpdatesEnabled(True)
        shown, total = len(arrangement.keys), arrangement.total
        every = display.plural(total, "version")
        self.count.setText(every if shown == total else f"{shown:,} of {every}")
        self._body.setCurrentIndex(0 if shown else 1)
        self._selection_changed()

    def _read_all(self) -> None:
        """Ask again for rows, collections and columns."""
        self._ask(self.view)
        job = collections(self.context.workbench)
        self.context.runner.start("Count versions", job, self._show_collections, quiet=True)

    def _show_collections(self, entries: Sequence[Entry]) -> None:
        self.strip.show_entries(entries)
        self.strip.point_to(self.view.query)
        self._vocabulary = Vocabulary(self.context.workbench.columns())
        if self._chosen_columns is None:
            self._show_columns(list(usual(self._vocabulary.columns.metrics)))

    def _suggest(self, word: str) -> Sequence[Any]:
        return self._vocabulary.suggest(word) if self._vocabulary else ()

    # columns ---------------------------------------------------------------------------------------------------

    def choose_columns(self) -> None:
        """Ask which columns to show."""
        columns = self.context.workbench.columns()
        choices = [Choice(column.key, column.title, column.tip) for column in FIXED]
        choices += [
            Choice(METRIC + name, display.visible(metric_title(name)), f"metric of {display.plural(count, 'version')}")
            for name, count in columns.metrics
        ]
        choices += [
            Choice(PARAM + name, display.visible(name), f"hyperparameter of {display.plural(count, 'version')}")
            for name, count in columns.hyperparameters
        ]
        dialog = ColumnsDialog(self.context.theme, choices, self.table.order(), usual(columns.metrics), self)
        if dialog.exec():
            self._chosen_columns = dialog.shown()
            self._show_columns(self._chosen_columns)
        dialog.deleteLater()

    def _show_columns(self, keys: list[str]) -> None:
        if keys != [column.key for column in self.model.columns]:
            place = self.table.place()
            self.model.show_columns(keys)
            self.table.lay_out()
            self.table.go_to(place)

    def _show_header_menu(self, place: QPoint) -> None:
        header = self.table.horizontalHeader()
        section = header.logicalIndexAt(place)
        menu = QMenu(self)
        if section >= FIRST:
            column = self.model.columns[section - FIRST]
            hide = menu.addAction(f"Hide {column.title}")
            hide.setData(column.key)
            hide.triggered.connect(self._hide_column)
        menu.addAction("Columns…", self.choose_columns)
        menu.popup(header.mapToGlobal(place))

    def _hide_column(self) -> None:
        action: Any = self.sender()
        self._chosen_columns = [key for key in self.table.order() if key != action.data()]
        self._show_columns(self._chosen_columns)

    # selection -------------------------------------------------------------------------------------------------

    def selected(self) -> list[int]:
        """Keys of the selected versions."""
        return self.table.selected_keys()

    def current(self) -> Version | None:
        """The version under the cursor."""
        return self.model.version(self.table.currentIndex().row())

    def pair(self) -> tuple[Version, Version] | None:
        """The two marked versions, or the two selected ones in their natural order."""
        workbench = self.context.workbench
        left, right = self.model.marks
        if left is not None and right is not None:
            marked = workbench.versions([left, right])
            if len(marked) == 2:
                return marked[0], marked[1]
        selected = self.selected()
        if len(selected) == 2:
            versions = workbench.versions(selected)
            if len(versions) == 2:
                return in_order(versions[0], versions[1])
        return None

    def focus_table(self) -> None:
        """Go to the rows."""
        self.table.setFocus()
        if not self.table.currentIndex().isValid() and self.model.rowCount():
            self.table.setCurrentIndex(self.model.index(0, 1))

    def focus_filter(self) -> None:
        """Go to the filter."""
        self.field.setFocus()
        self.field.selectAll()

    def _selection_changed(self) -> None:
        keys = self.selected()
        one = self._single(keys)
        marks = self.model.marks
        known = (
            {v.key: v for v in self.context.workbench.versions([m for m in marks if m is not None])}
            if any(mark is not None for mark in marks)
            else {}
        )
        self.bar.show_selection(len(keys), one, [known.get(mark) if mark is not None else None for mark in marks])
        current = self.current()
        self.context.inspected.emit(inspection(current) if current is not None else None)

    def _single(self, keys: Sequence[int]) -> Version | None:
        if len(keys) != 1:
            return None
        row = self.model.row_of(keys[0])
        return self.model.version(row)

    # verbs -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the version under the cursor, or open and close a run."""
        self._open_row(self.table.currentIndex())

    def _open_row(self, index: Any) -> None:
        key = self.model.key(index.row())
        if key is not None:
            self.context.version_asked.emit(key)
        else:
            self.model.fold(index.row())

    def compare(self) -> None:
        """Compare the two marked or selected versions; with one, ask with what."""
        pair = self.pair()
        if pair is not None:
            self.model.unmark()
            self.verbs.compare(*pair)
            return
        one = self._single(self.selected()) or self.current()
        if one is not None:
            row = self.model.row_of(one.key)
            corner = self.table.visualRect(self.model.index(row, 1)).bottomLeft()
            self.verbs.compare_with(one, self.table.viewport().mapToGlobal(corner + QPoint(Space.XL, 0)))

    def mark(self) -> None:
        """Mark the version under the cursor as A or B, or take its mark away, and step on."""
        row = self.table.currentIndex().row()
        key = self.model.key(row)
        if key is not None:
            self.model.mark(key)
        elif self.model.group(row) is not None:
            self.model.fold(row)
        self._selection_changed()

    def tag(self) -> None:
        """Ask for tags."""
        self.verbs.tag(self.selected())

    def note(self) -> None:
        """Ask for a note."""
        one = self._single(self.selected())
        if one is not None:
            self.verbs.note(one)

    def star(self, stars: int) -> None:
        """Give the selected versions stars."""
        self.verbs.star(self.selected(), stars)

    def remove(self) -> None:
        """Take the selected versions out of the catalog."""
        self.verbs.remove(self.selected())

    def copy_names(self) -> None:
        """Copy the names of the selected versions."""
        self._copy(lambda version: version.name)

    def copy_ids(self) -> None:
        """Copy the ids of the selected versions."""
        self._copy(lambda version: version.id)

    def copy_paths(self) -> None:
        """Copy the paths of the selected versions."""
        self._copy(lambda version: str(version.path) if version.path else "")

    def reveal(self) -> None:
        """Open the folder of the version."""
        one = self._single(self.selected())
        if one is not None and one.path is not None:
            self.verbs.reveal(one.path)

    def _copy(self, text: Any) -> None:
        lines = [text(version) for version in self.context.workbench.versions(self.selected())]
        self.verbs.copy("\n".join(line for line in lines if line))

    def _star_row(self, index: Any, stars: int) -> None:
        key = self.model.key(index.row())
        if key is not None:
            self.verbs.star([key], stars)

    def _do(self, verb: str) -> None:
        getattr(self, verb)()
        if verb != "compare":
            self.table.setFocus()

    def _switched(self, button: QAbstractButton) -> None:
        self.group(button is self.grouped)

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        offered = {action.text(): action for action in self.actions()}
        for action in self.actions_table:
            if action.text in offered and (action.when is None or action.when(self)):
                menu.addAction(offered[action.text])
        menu.popup(self.table.viewport().mapToGlobal(place))

    # page ------------------------------------------------------------------------------------------------------

    def entered(self) -> None:
        self.focus_table()
        self._selection_changed()

    def refresh(self, changes: Changes) -> None:
        self.model.forget(changes.added | changes.updated | changes.removed)
        self.model.unmark(changes.removed)
        self._settle.start()

    def state(self) -> dict[str, object]:
        place = self.table.place()
        return {
            "query": self.view.query,
            "sort": self.view.sort,
            "descending": self.view.descending,
            "grouped": self.view.grouped,
            "columns": self.table.order() if self._chosen_columns is not None or self._reordered() else None,
            "widths": self.table.widths(),
            "toggled": self.model.toggled,
            "current": place.current,
            "top": place.top,
            "offset": place.offset,
            "selected": list(place.selected),
        }

    def restore(self, state: dict[str, object]) -> None:
        columns = state.get("columns")
        if isinstance(columns, list):
            self._chosen_columns = [str(key) for key in columns]
            self._show_columns(self._chosen_columns)
        widths = state.get("widths")
        if isinstance(widths, dict):
            self.table.set_widths({str(key): int(width) for key, width in widths.items() if isinstance(width, int)})
        toggled = state.get("toggled")
        if isinstance(toggled, list):
            self.model.toggled = [str(model) for model in toggled]
        query, sort = state.get("query"), state.get("sort")
        self.view = View(
            query if isinstance(query, str) else "",
            sort if isinstance(sort, str) else "created",
            bool(state.get("descending", True)),
            bool(state.get("grouped", True)),
        )
        self.field.setText(self.view.query)
        self.field.ask()
        self._ask(self.view)
        self._place = _place(state)

    def _reordered(self) -> bool:
        return self.table.order() != [column.key for column in self.model.columns]

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= self.context.theme.px(NARROW)
        self.strip.setVisible(wide)
        self._strip_line.setVisible(wide)
        self.bar.set_wide(wide)
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        # Space and Enter press a button that has the focus; only in the table they mark and open
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            pressing = event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete)
            if pressing and not self.table.hasFocus():
                event.accept()
                return True
        return super().event(event)


def _switch(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "flat")
    button.setCheckable(True)
    button.setToolTip(tip)
    return button


def _place(state: dict[str, object]) -> Place:
    def key(name: str) -> int | None:
        value = state.get(name)
        return value if isinstance(value, int) else None

    selected = state.get("selected")
    keys = tuple(k for k in selected if isinstance(k, int)) if isinstance(selected, list) else ()
    return Place(key("current"), key("top"), key("offset") or 0, keys)


def _selection(page: LibraryPage) -> bool:
    return page.table.selectionModel().hasSelection()


def _one(page: LibraryPage) -> bool:
    return len(page.selected()) == 1


LibraryPage.actions_table = (
    Action("library.open", "Open", LibraryPage.open, ("Return",), "open", when=_selection),
    Action("library.compare", "Compare", LibraryPage.compare, ("C",), "compare", when=_selection),
    Action("library.mark", "Mark as A or B", LibraryPage.mark, ("Space",), "check", when=_selection),
    Action("library.tag", "Tag…", LibraryPage.tag, ("T",), "tag", when=_selection),
    Action("library.note", "Note…", LibraryPage.note, ("N",), "note", when=_one),
    *(
        Action(
            f"library.star{number}",
            f"Rate {display.plural(number, 'star')}" if number else "Remove stars",
            lambda page, number=number: page.star(number),
            (str(number),),
            "star",
            when=_selection,
        )
        for number in range(6)
    ),
    Action("library.copy", "Copy name", LibraryPage.copy_names, ("Ctrl+C",), "copy", when=_selection),
    Action("library.copy_id", "Copy id", LibraryPage.copy_ids, ("Ctrl+Shift+C",), "fingerprint", when=_selection),
    Action("library.copy_path", "Copy path", LibraryPage.copy_paths, (), "file", when=_selection),
    Action("library.reveal", "Reveal in folder", LibraryPage.reveal, (), "folder", when=_one),
    Action("library.remove", "Remove from catalog", LibraryPage.remove, ("Delete",), "remove", when=_selection),
    Action("library.filter", "Filter versions", LibraryPage.focus_filter, ("/", "Ctrl+F"), "search"),
    Action("library.all", "Show all versions", LibraryPage.clear_query, (), "library"),
    Action("library.group", "Group by run", lambda page: page.group(True), (), "folder"),
    Action("library.flat", "List flat", lambda page: page.group(False), (), "table"),
    Action("library.columns", "Choose columns…", LibraryPage.choose_columns, (), "columns"),
)
