"""The list below a search field that offers ways to finish the word under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QRect, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView

from diptych.ui.theme import Theme
from diptych.ui.widgets.cells import CELL, Cell, CellDelegate
from diptych.ui.widgets.filterfield import Suggestion

SHOWN = 10
_FINAL = CELL + 1


class Suggestions(QCompleter):
    """Offers; the field puts in what is taken."""

    taken = Signal(str, bool)
    """The text of a suggestion, and whether the word is then complete."""

    def __init__(self, theme: Theme, field: QLineEdit) -> None:
        super().__init__(field)
        self._choices = QStandardItemModel(self)
        self.setModel(self._choices)
        self.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.setMaxVisibleItems(SHOWN)
        self.setWidget(field)
        self._list = QListView()
        self._list.setAccessibleName("Suggestions")
        self._list.setUniformItemSizes(True)
        self._list.setProperty("role", "popup")
        self.setPopup(self._list)
        self._list.setItemDelegate(CellDelegate(theme, self._list))
        self._list.clicked.connect(self._take)

    def offer(self, offers: Sequence[Suggestion], place: QRect) -> None:
        """Show `offers` at a place of the field."""
        self._choices.clear()
        for offer in offers:
            item = QStandardItem(offer.text)
            item.setData(Cell(offer.text, after=offer.note), CELL)
            item.setData(offer.final, _FINAL)
            self._choices.appendRow(item)
        self.complete(place)

    def hide(self) -> None:
        """Offer nothing."""
        self._list.hide()

    def offered(self) -> list[str]:
        """What is offered now."""
        return [self._choices.item(row).text() for row in range(self._choices.rowCount())] if self.shown() else []

    def shown(self) -> bool:
        """Whether anything is offered."""
        return self._list.isVisible()

    def is_chosen(self) -> bool:
        """Whether one of what is offered is under the cursor."""
        return self._list.currentIndex().isValid()

    def take(self) -> None:
        """Take what is under the cursor, else the first."""
        chosen = self._list.currentIndex()
        self._take(chosen if chosen.isValid() else self._choices.index(0, 0))

    def _take(self, index: QModelIndex) -> None:
        self.taken.emit(str(index.data()), bool(index.data(_FINAL)))
