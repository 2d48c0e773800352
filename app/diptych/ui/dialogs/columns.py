"""Asks which columns a table shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QDialog, QDialogButtonBox, QLineEdit, QListView, QVBoxLayout, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.tallrows import TallRows

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


@dataclass(frozen=True)
class Choice:
    """One column that can be shown."""

    key: str
    title: str
    note: str = ""


class ColumnsDialog(QDialog):
    """A list to search and tick. What is shown stands first, in the order of the table."""

    def __init__(
        self,
        theme: Theme,
        choices: Sequence[Choice],
        shown: Sequence[str],
        usual: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Columns")
        self.setMinimumSize(theme.px(420), theme.px(480))
        self._usual = list(usual)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Find a metric, a hyperparameter or a fact")
        self.field.setAccessibleName("Find a column")
        self.field.setClearButtonEnabled(True)
        self.model = _Choices(choices, shown)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setAccessibleName("Columns")
        self.list.setItemDelegate(TallRows(theme, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._count = label("", "caption")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Show")
        buttons.button(QDialogButtonBox.StandardButton.Ok).setProperty("role", "primary")
        restore = buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults)
        restore.setText("Usual columns")
        restore.clicked.connect(self._restore)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        for widget in (self.field, self.list, self._count, buttons):
            layout.addWidget(widget)
        self.field.textChanged.connect(self._find)
        self.model.dataChanged.connect(self._tell)
        self._tell()

    def shown(self) -> list[str]:
        """Keys of the ticked columns: those shown before in their order, then the new ones."""
        return list(self.model.shown)

    def _find(self, text: str) -> None:
        self.model.find(text)
        self._tell()

    def _restore(self) -> None:
        self.model.tick(self._usual)
        self._tell()

    def _tell(self) -> None:
        found = self.model.rowCount()
        text = f"{len(self.model.shown)} shown"
        self._count.setText(text if found else "No column has this name")


class _Choices(QAbstractListModel):
    def __init__(self, choices: Sequence[Choice], shown: Sequence[str]) -> None:
        super().__init__()
        known = {choice.key: choice for choice in choices}
        self.shown = {key: None for key in shown if key in known}
        first = [known[key] for key in self.shown]
        self._all = [*first, *(choice for choice in choices if choice.key not in self.shown)]
        self._found = list(self._all)

    def find(self, text: str) -> None:
        words = text.casefold().split()
        self.beginResetModel()
        self._found = [c for c in self._all if all(word in f"{c.title} {c.note}".casefold() for word in words)]
        self.endResetModel()

    def tick(self, keys: Sequence[str]) -> None:
        self.beginResetModel()
        self.shown = dict.fromkeys(keys)
        self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._found)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        choice = self._found[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{choice.title}   ·   {choice.note}" if choice.note else choice.title
        if role == Qt.ItemDataRole.CheckStateRole:
            return (Qt.CheckState.Checked if choice.key in self.shown else Qt.CheckState.Unchecked).value
        return None

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if not index.isValid() or role != Qt.ItemDataRole.CheckStateRole:
            return False
        key = self._found[index.row()].key
        if Qt.CheckState(value) == Qt.CheckState.Checked:
            self.shown[key] = None
        else:
            self.shown.pop(key, None)
        self.dataChanged.emit(index, index, [role])
        return True
