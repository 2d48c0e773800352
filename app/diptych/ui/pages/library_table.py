"""The table of the library: it remembers widths and order of columns, and keeps its place while rows change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from diptych.ui.models.versions import FIRST, MARK, NAME, VersionsModel
from diptych.ui.theme import Theme
from diptych.ui.widgets.table import RowTable

NAME_WIDTH = 240
"""Names have at least so much, whatever columns were chosen."""
NAME_AT_EASE = 280
"""So much they get before a column that may give way is shown; then what the columns leave."""
MARK_WIDTH = 28
SELECTED_KEPT = 2000
"""Up to so many selected versions stay selected when the rows are read again."""


class Place(NamedTuple):
    """Where the user was: the current version, the first one in sight, and what was selected."""

    current: int | None
    top: int | None
    offset: int
    selected: tuple[int, ...]

    @classmethod
    def from_state(cls, state: Mapping[str, object]) -> Place:
        """A place as it was remembered; anything may be missing."""
        current, top, offset = (state.get(name) for name in ("current", "top", "offset"))
        selected = state.get("selected")
        keys = tuple(key for key in selected if isinstance(key, int)) if isinstance(selected, list) else ()
        return cls(
            current if isinstance(current, int) else None,
            top if isinstance(top, int) else None,
            offset if isinstance(offset, int) else 0,
            keys,
        )


class LibraryTable(RowTable):
    """A table of `VersionsModel`."""

    sort_asked = Signal(str, bool)
    """Key of the catalog's order, and whether the highest comes first."""
    arranged = Signal()
    """The user gave a column another width or place."""
    chosen = Signal()
    """Another row is current, or others are selected."""

    def __init__(self, theme: Theme, model: VersionsModel, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Versions", parent)
        self._versions = model
        self._widths: dict[str, int] = {}
        self._giving_way: tuple[str, ...] = ()
        self._order: list[str] = []
        self.setModel(model)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setFirstSectionMovable(False)
        header.setSectionsClickable(True)
        header.setAccessibleName("Columns of versions")
        header.sectionClicked.connect(self._header_clicked)
        header.sectionResized.connect(self._resized)
        header.sectionMoved.connect(self._moved)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.delegate.folded.connect(self._fold)
        self.clicked.connect(self._clicked)
        self.selectionModel().selectionChanged.connect(self.chosen)
        self.selectionModel().currentRowChanged.connect(self.chosen)
        self.lay_out()

    # columns ---------------------------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """Give every column its remembered width and place."""
        header = self.horizontalHeader()
        blocked = header.blockSignals(True)
        header.setSectionResizeMode(MARK, QHeaderView.ResizeMode.Fixed)
        self.setColumnWidth(MARK, self._theme.px(MARK_WIDTH))
        self.setColumnWidth(NAME, self._widths.get("name", self._theme.px(NAME_WIDTH)))
        for number, column in enumerate(self._versions.columns):
            header.setSectionResizeMode(FIRST + number, QHeaderView.ResizeMode.Interactive)
            self.setColumnWidth(FIRST + number, self._widths.get(column.key, self._theme.px(column.width)))
        for visual in range(header.count()):
            logical = header.logicalIndex(visual)
            if logical != visual:
                header.moveSection(header.visualIndex(visual), visual)
        header.blockSignals(blocked)
        self.heads.fit()
        self._fill()
        self.viewport().update()

    def give_way(self, keys: Iterable[str]) -> None:
        """Hide columns in this order while there is no room for all; none of those the user chose."""
        self._giving_way = tuple(keys)
        self._fill()

    def widths(self) -> dict[str, int]:
        """Widths that the user chose, by column."""
        return dict(self._widths)

    def set_widths(self, widths: dict[str, int]) -> None:
        """Take up remembered widths."""
        self._widths = dict(widths)
        self.lay_out()

    def order(self, hidden: bool = False) -> list[str]:
        """Keys of the columns in sight, from left to right; or of those too that gave way."""
        header = self.horizontalHeader()
        logical = [header.logicalIndex(visual) for visual in range(header.count())]
        shown = [number for number in logical if number >= FIRST and (hidden or not header.isSectionHidden(number))]
        return [self._versions.columns[number - FIRST].key for number in shown]

    def show_sort(self, key: str, descending: bool) -> None:
        """Point at the column that the rows are sorted by."""
        self._versions.sorted_by = key, descending
        self._versions.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, self._versions.columnCount() - 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fill()
        super().resizeEvent(event)
        if self.viewport().width() != event.size().width():
            self._fill()  # a scroll bar came or went, of which Qt does not tell while it shows the table

    def _fill(self) -> None:
        """Show the columns there is room for, and let the names have what is left, until the user chooses widths."""
        header = self.horizontalHeader()
        blocked = header.blockSignals(True)
        widths = {
            column.key: self._widths.get(column.key, self._theme.px(column.width)) for column in self._versions.columns
        }
        least = self._widths.get("name", self._theme.px(NAME_WIDTH))
        room = self.viewport().width() - self._theme.px(MARK_WIDTH) - least
        ease = 0 if "name" in self._widths else self._theme.px(NAME_AT_EASE - NAME_WIDTH)
        hidden: set[str] = set()
        for key in self._giving_way:
            if sum(widths.values()) + ease > room:
                hidden.add(key)
                widths.pop(key, None)
        for number, column in enumerate(self._versions.columns):
            if header.isSectionHidden(FIRST + number) != (column.key in hidden):
                header.setSectionHidden(FIRST + number, column.key in hidden)
        if "name" not in self._widths:
            self.setColumnWidth(NAME, least + max(room - sum(widths.values()), 0))
        header.blockSignals(blocked)
        self.updateGeometries()

    # place -----------------------------------------------------------------------------------------------------

    def place(self) -> Place:
        """Where the user is."""
        model = self._versions
        row = self.rowAt(0)
        top = next((key for number in range(max(row, 0), max(row, 0) + 3) if (key := model.key(number))), None)
        offset = self.rowViewportPosition(model.row_of(top)) if top is not None else 0
        selected = self.selected_keys()
        kept = tuple(selected) if len(selected) <= SELECTED_KEPT else ()
        return Place(model.key(self.currentIndex().row()), top, offset, kept)

    def go_to(self, place: Place, scroll: bool = True) -> None:
        """Be there again, as far as the versions are still shown."""
        model = self._versions
        self.select(place.selected)
        if place.current is not None and (row := model.row_of(place.current)) >= 0:
            flags = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(model.index(row, NAME), flags)
        if scroll and place.top is not None and (row := model.row_of(place.top)) >= 0:
            height = row * self._theme.row - place.offset
            if height != self.verticalOffset():  # at the start it is: the scroll bar's class need not be made for that
                self.verticalScrollBar().setValue(height)

    def begin(self) -> None:
        """Go to the first row where no row is current. A run is not selected so: what is done next is meant for one."""
        if not self.currentIndex().isValid() and self._versions.rowCount():
            chosen = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            is_run = self._versions.group(0) is not None
            flags = QItemSelectionModel.SelectionFlag.NoUpdate if is_run else chosen
            self.selectionModel().setCurrentIndex(self._versions.index(0, NAME), flags)

    def selected_keys(self) -> list[int]:
        """The selected versions, from top to bottom; a closed run stands for all of its own."""
        selection = self.selectionModel().selection()
        parts = [selection.at(number) for number in range(selection.count())]
        ranges = sorted((part.top(), part.bottom()) for part in parts)
        found = [key for top, bottom in dict.fromkeys(ranges) for key in self._versions.keys(top, bottom)]
        return list(dict.fromkeys(found))

    def select(self, keys: Iterable[int]) -> None:
        """Select these versions and nothing else."""
        model = self._versions
        last = model.columnCount() - 1
        selection = QItemSelection()
        for key in keys:
            row = model.row_of(key)
            if row >= 0 and model.key(row) == key:
                selection.select(model.index(row, 0), model.index(row, last))
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().select(selection, flags)

    # events ----------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentIndex().row()
        group = self._versions.group(row)
        if event.key() == Qt.Key.Key_Right and group is not None:
            self._versions.fold(row, True)
        elif event.key() == Qt.Key.Key_Left and group is not None:
            self._versions.fold(row, False)
        elif event.key() == Qt.Key.Key_Left and self._parent(row) >= 0:
            self.setCurrentIndex(self._versions.index(self._parent(row), NAME))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() + (60 if event.key() == Qt.Key.Key_Right else -60))
        else:
            super().keyPressEvent(event)

    def _parent(self, row: int) -> int:
        key = self._versions.key(row)
        arrangement = self._versions.arrangement
        number = arrangement.group_of.get(key) if key is not None and arrangement.view.grouped else None
        return self._versions.row_of_group(arrangement.groups[number].model) if number is not None else -1

    def _fold(self, index: QModelIndex) -> None:
        self._versions.fold(index.row())

    def _clicked(self, index: QModelIndex) -> None:
        key = self._versions.key(index.row())
        if index.column() == MARK and key is not None:
            self._versions.mark(key)
            self.chosen.emit()

    def _header_clicked(self, section: int) -> None:
        if section == NAME:
            key, falls = "name", False
        elif section >= FIRST and self._versions.columns[section - FIRST].sort:
            column = self._versions.columns[section - FIRST]
            key, falls = column.sort, column.falls
        else:
            return
        current, descending = self._versions.sorted_by
        self.sort_asked.emit(key, not descending if key == current else falls)

    def _resized(self, section: int, before: int, width: int) -> None:
        key = "name" if section == NAME else ""
        if section >= FIRST and section - FIRST < len(self._versions.columns):
            key = self._versions.columns[section - FIRST].key
        if key and before:
            self._widths[key] = width
            self.arranged.emit()

    def _moved(self, section: int, before: int, after: int) -> None:
        header = self.horizontalHeader()
        if after < FIRST:
            header.moveSection(after, before)
        else:
            self.arranged.emit()
