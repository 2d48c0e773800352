"""Rows of facts for the page of one version: plain things, turned into cells when they come into sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from diptych.ui.context import Inspection
from diptych.ui.models.tips import plain_tip
from diptych.ui.widgets.cells import CELL, EMPTY, Align, Cell

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


@dataclass(frozen=True)
class Title:
    """The head of one column."""

    text: str
    width: int = 0
    """Device-independent pixels; nought: what is left."""
    align: Align = Align.LEFT


@dataclass(frozen=True)
class Facts:
    """A table of things of one kind."""

    titles: tuple[Title, ...]
    things: Sequence[Any]
    cells: Callable[[Any], tuple[Cell, ...]]
    """One cell for each title."""
    inspect: Callable[[Any], Inspection]
    headed: bool = True
    """Whether the titles need to be shown."""
    key: Callable[[Any], str] = str
    """What a thing is found by."""


NO_FACTS = Facts((), (), lambda thing: (), lambda thing: Inspection(""))


class FactsModel(QAbstractTableModel):
    """Facts as a model; `find` narrows them down to those whose cells contain some words."""

    def __init__(self, facts: Facts = NO_FACTS, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.facts = facts
        self._things: Sequence[Any] = facts.things

    def show_facts(self, facts: Facts) -> None:
        """Replace all."""
        self.beginResetModel()
        self.facts = facts
        self._things = facts.things
        self.endResetModel()

    def find(self, text: str) -> None:
        """Keep the rows that contain every word of `text`, in any cell."""
        words = text.casefold().split()
        self.beginResetModel()
        self._things = [thing for thing in self.facts.things if self._has(thing, words)] if words else self.facts.things
        self.endResetModel()

    def thing(self, row: int) -> Any:
        """What stands in a row; None where there is no such row."""
        return self._things[row] if 0 <= row < len(self._things) else None

    def line(self, row: int) -> str:
        """The cells of a row with tabs between, whole."""
        return "\t".join(cell.text for cell in self.facts.cells(self._things[row]))

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._things)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.facts.titles)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._things):
            return None
        if role in (CELL, Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            cells = self.facts.cells(self._things[index.row()])
            cell = cells[index.column()] if index.column() < len(cells) else EMPTY
            if role == CELL:
                return cell
            return plain_tip(cell.text) if role == Qt.ItemDataRole.ToolTipRole else cell.text
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.facts.titles):
            return None
        title = self.facts.titles[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return title.text
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = title.align in (Align.RIGHT, Align.POINT)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _has(self, thing: Any, words: Sequence[str]) -> bool:
        text = " ".join(cell.text for cell in self.facts.cells(thing)).casefold()
        return all(word in text for word in words)
