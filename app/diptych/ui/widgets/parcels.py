"""A list of files with what happens to each; a check box says whether it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.widgets.tallrows import TallRows


class ParcelRow(NamedTuple):
    """One file."""

    name: str
    bytes: int
    fate: str
    reason: str
    goes: bool


class Parcels(QTreeWidget):
    """The files. Checking one that stays usually, or the other way round, is the user's choice and is kept."""

    changed = Signal(object, object)
    """Names to include, and names to exclude, against what is usual."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Files")
        self.setHeaderLabels(["File", "Size", "What happens", "Why"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setItemDelegate(TallRows(theme, self))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        head = self.header()
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setStretchLastSection(False)
        self.headerItem().setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, width in ((1, 90), (2, 120), (3, 300)):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            self.setColumnWidth(column, theme.px(width))
        self._include: set[str] = set()
        self._exclude: set[str] = set()
        self.itemChanged.connect(self._toggled)

    def show_rows(self, rows: Sequence[ParcelRow]) -> None:
        """Show these files in place of those before; the place in the list stays."""
        place = self.verticalScrollBar().value()
        self.blockSignals(True)
        self.clear()
        items = []
        for row in rows:
            item = QTreeWidgetItem(
                [display.visible(row.name), display.size(row.bytes), row.fate, display.visible(row.reason)]
            )
            item.setData(0, Qt.ItemDataRole.UserRole, row.name)
            item.setCheckState(0, Qt.CheckState.Checked if row.goes else Qt.CheckState.Unchecked)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for column in (0, 3):
                item.setToolTip(column, item.text(column).replace("<", "\u2039").replace(">", "\u203a"))
            items.append(item)
        self.addTopLevelItems(items)
        self.blockSignals(False)
        self.verticalScrollBar().setValue(place)

    def _toggled(self, item: QTreeWidgetItem) -> None:
        name = str(item.data(0, Qt.ItemDataRole.UserRole))
        chosen, other = self._include, self._exclude
        if item.checkState(0) is Qt.CheckState.Unchecked:
            chosen, other = other, chosen
        if name in other:
            other.discard(name)  # back to what is usual
        else:
            chosen.add(name)
        self.changed.emit(frozenset(self._include), frozenset(self._exclude))
