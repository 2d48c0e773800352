"""The library: every version the catalog knows, to be found, annotated and picked for comparing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from diptych.domain.changes import Changes
from diptych.ui.actions import Action
from diptych.ui.context import Context
from diptych.ui.icons import icon
from diptych.ui.models.arrangement import Arrangement, View, arrange
from diptych.ui.models.versions import VersionsModel
from diptych.ui.pages.library_bar import SelectionBar
from diptych.ui.pages.library_columns import LibraryColumns
from diptych.ui.pages.library_head import LibraryHead
from diptych.ui.pages.library_selection import Selection
from diptych.ui.pages.library_strip import collections
from diptych.ui.pages.library_suggest import Vocabulary
from diptych.ui.pages.library_table import LibraryTable, Place
from diptych.ui.pages.page import Page
from diptych.ui.pages.verbs import Verbs, ratings
from diptych.ui.pages.version_facts import inspection, run_inspection
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.filterfield import Suggestion
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
    found = Signal()
    """The versions asked for are there, and shown with the next frame."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.view = View()
        self.model = VersionsModel(context, self)
        self._vocabulary: Vocabulary | None = None
        self._place: Place | None = None
        self._build()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._read_all)
        context.theme.changed.connect(self.table.lay_out)
        self.columns = LibraryColumns(context, self.table, self.model, self)
        self._asked = self._ask(self.view)
        self._count()

    # building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        theme = self.context.theme
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        self.strip = Strip(theme, "Collections", self)
        self.strip.setFixedWidth(theme.px(STRIP_WIDTH))
        self.strip.chosen.connect(self.show_query)
        self._strip_line = hairline(vertical=True)
        self.head = LibraryHead(theme, self._suggest, self)
        self.head.field.asked.connect(self._query_changed)
        self.head.field.left.connect(self.focus_table)
        self.head.grouped_asked.connect(self.group)
        self.head.columns_asked.connect(self.choose_columns)
        self._body = QStackedWidget(self)
        self.table = LibraryTable(theme, self.model, self._body)
        self._body.addWidget(self.table)
        self.table.sort_asked.connect(self.sort)
        self.table.opened.connect(self._open_row)
        self.table.chosen.connect(self._selection_changed)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.delegate.starred.connect(self._star_row)
        self.model.summarised.connect(self._inspect)
        self.selection = Selection(self.context, self.table, self.model, Verbs(self.context, self))
        self.bar = SelectionBar(self)
        self.bar.asked.connect(self._do)
        row.addWidget(self.strip)
        row.addWidget(self._strip_line)
        row.addLayout(right, 1)
        right.addWidget(self.head)
        right.addWidget(self._body, 1)
        right.addWidget(hairline())
        right.addWidget(self.bar)

    def _nothing_found(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(2)
        sign = QLabel()
        sign.setPixmap(icon("search", self.context.theme.color("muted")).pixmap(Space.XL, Space.XL))
        clear = QPushButton("Show all versions")
        clear.clicked.connect(self.clear_query)
        for widget in (sign, label("No version matches this filter.", "muted"), clear):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
            column.addSpacing(Space.S)
        column.addStretch(3)
        return page

    # asking ----------------------------------------------------------------------------------------------------

    def show_query(self, query: str) -> None:
        """Show what `query` finds."""
        self.head.field.set_query(query)

    def clear_query(self) -> None:
        """Show all versions."""
        self.show_query("")
        self.focus_table()

    def sort(self, key: str, descending: bool) -> None:
        """Sort by a column, a metric or a hyperparameter. Values are compared across runs, so those make it flat."""
        self._ask(View(self.view.query, key, descending, self.view.grouped and not self._is_flat(key)))

    def group(self, grouped: bool) -> None:
        """Group by run, or list flat. Grouped by a metric makes no sense: then the newest come first."""
        sort, descending = self.view.sort, self.view.descending
        if grouped and self._is_flat(sort):
            sort, descending = "created", True
        self._ask(View(self.view.query, sort, descending, grouped))

    def _is_flat(self, sort: str) -> bool:
        return any(column.flat and column.sort == sort for column in self.model.columns)

    def _query_changed(self, query: str) -> None:
        self._ask(View(query, self.view.sort, self.view.descending, self.view.grouped))

    def _ask(self, view: View, place: Place | None = None) -> Running:
        """Ask the catalog; of several questions only the answer to the last is shown."""
        self._place = place
        self.view = view
        job = arrange(self.context.workbench, view)
        asked = self.context.runner.start("Find versions", job, self._show, quiet=True)
        self.head.show_grouped(view.grouped)
        self.table.show_sort(view.sort, view.descending)
        self.strip.point_to(view.query)
        return asked

    def _show(self, arrangement: Arrangement) -> None:
        if arrangement.view != self.view:
            return
        if arrangement.problem:
            self.head.show_problem(arrangement.problem)
            return
        if arrangement != self.model.arrangement:
            self._arrange(arrangement)
        shown = len(arrangement.keys)
        self.head.show_found(shown, arrangement.total)
        if not shown and self._body.count() == 1:
            self._body.addWidget(self._nothing_found())
        self._body.setCurrentIndex(0 if shown else 1)
        self._selection_changed()
        self.found.emit()

    def _arrange(self, arrangement: Arrangement) -> None:
        """Show other rows; who looks at the same list stays where they were."""
        same_list = arrangement.view == self.model.arrangement.view
        place = self._place or self.table.place()
        stay = same_list or self._place is not None
        self._place = None
        self.table.setUpdatesEnabled(False)
        self.model.arrange(arrangement)
        self.table.go_to(place, stay)
        if not stay:
            self.table.scrollToTop()
        self.table.begin()
        self.table.setUpdatesEnabled(True)

    def _read_all(self) -> None:
        """Ask again for rows, collections and columns."""
        self._ask(self.view, self._place)
        self._count()

    def _count(self) -> None:
        job = collections(self.context.workbench)
        self.context.runner.start("Count versions", job, self._show_collections, quiet=True)

    def _show_collections(self, entries: Sequence[Entry]) -> None:
        self.strip.show_entries(entries)
        self.strip.point_to(self.view.query)
        self._vocabulary = Vocabulary(self.context.workbench.columns())
        self.columns.show_usual(self._vocabulary.columns.metrics)

    def _suggest(self, word: str) -> Sequence[Suggestion]:
        return self._vocabulary.suggest(word) if self._vocabulary else ()

    def choose_columns(self) -> None:
        """Ask which columns to show."""
        self.columns.ask()

    # selection -------------------------------------------------------------------------------------------------

    def focus_table(self) -> None:
        """Go to the rows."""
        self.table.setFocus()
        self.table.begin()

    def focus_filter(self) -> None:
        """Go to the filter."""
        self.head.field.setFocus()
        self.head.field.selectAll()

    def open(self) -> None:
        """Show the version under the cursor, or open and close a run."""
        self._open_row(self.table.currentIndex())

    def mark(self) -> None:
        """Mark the version under the cursor."""
        self.selection.mark()
        self._selection_changed()

    def show_lineage(self) -> None:
        """Show where the selected version comes from."""
        self.context.lineage_asked.emit(self.selection.keys()[0])

    def run_here(self) -> tuple[str, int | None]:
        """The run under the cursor, and the step where that is one of its checkpoints; an empty name for neither."""
        group, version = self.model.group(self.table.currentIndex().row()), self.selection.current()
        if group is not None:
            return group.model, None
        return (version.model, version.step) if version is not None and version.step is not None else ("", None)

    def show_timelapse(self) -> None:
        """Show how the weights of the run under the cursor moved."""
        model, step = self.run_here()
        if model:
            self.context.timelapse_asked.emit(model, step)

    def _selection_changed(self) -> None:
        keys = self.selection.keys()
        self.bar.show_selection(len(keys), self.selection.only(keys), self.selection.sides(keys))
        self._inspect()

    def _inspect(self) -> None:
        """Show the version or the run under the cursor in the inspector, if this page is in front."""
        if not self.isVisible():
            return
        current, run = self.selection.current(), self.model.summary(self.table.currentIndex().row())
        if current is not None:
            self.context.inspected.emit(inspection(current))
        else:
            self.context.inspected.emit(run_inspection(run) if run is not None else None)

    def _open_row(self, index: QModelIndex) -> None:
        key = self.model.key(index.row())
        if key is not None:
            self.context.version_asked.emit(key)
        else:
            self.model.fold(index.row())

    def _star_row(self, index: QModelIndex, stars: int) -> None:
        key = self.model.key(index.row())
        if key is not None:
            self.table.select([key])
            self.selection.star(stars)

    def _do(self, verb: str) -> None:
        verbs: dict[str, Callable[[], None]] = {
            "compare": self.selection.compare,
            "tag": self.selection.tag,
            "note": self.selection.note,
            "push": self.selection.push,
            "reveal": self.selection.reveal,
            "remove": self.selection.remove,
            "rescan": self.selection.rescan,
        }
        verbs[verb]()
        if verb != "compare":
            self.table.setFocus()

    def _show_menu(self, place: QPoint) -> None:
        bound = {action.text(): action for action in self.actions()}
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self.actions_table:
            if action.text in bound and (action.when is None or action.when(self)):
                menu.addAction(bound[action.text])
        menu.popup(self.table.viewport().mapToGlobal(place))

    # page ------------------------------------------------------------------------------------------------------

    def entered(self) -> None:
        self.focus_table()
        self._selection_changed()

    def bound(self) -> None:
        from diptych.ui.widgets.pressing import Pressing  # keys are bound after the first page

        self.installEventFilter(Pressing(self.table, self))

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
            "toggled": self.model.toggled,
            "current": place.current,
            "top": place.top,
            "offset": place.offset,
            "selected": list(place.selected),
        }

    def restore(self, state: dict[str, object]) -> None:
        toggled = state.get("toggled")
        if isinstance(toggled, list):
            self.model.toggled = [str(model) for model in toggled]
        query, sort = state.get("query"), state.get("sort")
        query = query if isinstance(query, str) else ""
        sort = sort if isinstance(sort, str) else "created"
        self.head.field.show_query(query)
        view = View(query, sort, bool(state.get("descending", True)), bool(state.get("grouped", True)))
        if view == self.view and self._asked.active:
            self._place = Place.from_state(state)
        else:
            self._ask(view, Place.from_state(state))

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= self.context.theme.px(NARROW)
        self.strip.setVisible(wide)
        self._strip_line.setVisible(wide)
        self.bar.set_wide(wide)
        super().resizeEvent(event)


def _any(page: LibraryPage) -> bool:
    return page.table.selectionModel().hasSelection()


def _one(page: LibraryPage) -> bool:
    return len(page.selection.keys()) == 1


LibraryPage.actions_table = (
    Action("library.open", "Open", LibraryPage.open, ("Return",), "open", when=_any),
    Action("library.compare", "Compare", lambda page: page.selection.compare(), ("C",), "compare", when=_any),
    Action("library.mark", "Mark as A or B", LibraryPage.mark, ("Space",), "check", when=_any),
    Action("library.tag", "Tag…", lambda page: page.selection.tag(), ("T",), "tag", when=_any),
    Action("library.note", "Note…", lambda page: page.selection.note(), ("N",), "note", when=_one),
    *ratings("library", lambda page, stars: page.selection.star(stars), _any),
    Action("library.push", "Push", lambda page: page.selection.push(), ("P",), "push", when=_one),
    Action("library.push_to", "Push to…", lambda page: page.selection.push_to(), ("Shift+P",), "push", when=_one),
    Action("library.lineage", "Show lineage", LibraryPage.show_lineage, ("G",), "lineage", when=_one),
    Action("library.timelapse", "Time-lapse of the run", LibraryPage.show_timelapse, ("Shift+T",), "activity",
           when=lambda page: bool(page.run_here()[0])),
    Action("library.copy", "Copy name", lambda page: page.selection.copy_names(), ("Ctrl+C",), "copy", when=_any),
    Action("library.copy_id", "Copy id", lambda page: page.selection.copy_ids(), ("Ctrl+Shift+C",), "fingerprint",
           when=_any),
    Action("library.copy_path", "Copy path", lambda page: page.selection.copy_paths(), (), "file", when=_any),
    Action("library.reveal", "Reveal in folder", lambda page: page.selection.reveal(), (), "folder", when=_one),
    Action("library.remove", "Remove from catalog", lambda page: page.selection.remove(), ("Delete",), "remove",
           when=_any),
    Action("library.filter", "Filter versions", LibraryPage.focus_filter, ("/", "Ctrl+F"), "search"),
    Action("library.all", "Show all versions", LibraryPage.clear_query, (), "library"),
    Action("library.group", "Group by run", lambda page: page.group(True), (), "folder"),
    Action("library.flat", "List flat", lambda page: page.group(False), (), "table"),
    Action("library.columns", "Choose columns…", LibraryPage.choose_columns, (), "columns"),
)  # fmt: skip
