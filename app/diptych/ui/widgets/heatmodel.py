"""The fields of a heat map: modules down, layers across, each with a value, a sign and its words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from diptych.ui.widgets.cividis import Scale, scale_of

_ROOT = QModelIndex()


@dataclass(frozen=True, slots=True)
class Patch:
    """One field of the map."""

    text: str
    """In words, for the tooltip and screen readers."""
    value: float | None = None
    symbol: str = ""
    tone: str = "muted"
    """The token of the symbol's colour."""
    worst: float | None = None
    """Where the field stands for many: the largest of their values, of which `value` is the median."""


def scale_for(patches: Iterable[Patch]) -> Scale:
    """A scale that holds the values of all these fields."""
    return scale_of([value for patch in patches for value in (patch.value, patch.worst) if value is not None])


class HeatModel(QAbstractTableModel):
    """Patches by module and layer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[str, ...] = ()
        self.columns: tuple[str, ...] = ()
        self.scale = Scale(-4.0, 0.0)
        self._patches: dict[tuple[int, int], Patch] = {}

    def show(
        self,
        rows: tuple[str, ...],
        columns: tuple[str, ...],
        patches: dict[tuple[int, int], Patch],
        scale: Scale | None = None,
    ) -> None:
        """Take a map; one of the same shape repaints in place. Its colours are those of `scale`, or of a new one."""
        same_shape = rows == self.rows and columns == self.columns
        if not same_shape:
            self.beginResetModel()
        self.rows, self.columns, self._patches = rows, columns, patches
        self.scale = scale or scale_for(patches.values())
        if not same_shape:
            self.endResetModel()
        elif rows and columns:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(columns) - 1))

    def patch(self, index: QModelIndex | QPersistentModelIndex) -> Patch | None:
        """The patch of a field; None where the model has no such tensor."""
        return self._patches.get((index.row(), index.column())) if index.isValid() else None

    def patch_at(self, row: int, column: int) -> Patch | None:
        """The same by row and column."""
        return self._patches.get((row, column))

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role not in (
            Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole,
        ):  # fmt: skip
            return None
        patch = self.patch(index)
        return patch.text if patch is not None else ""

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        names = self.columns if orientation == Qt.Orientation.Horizontal else self.rows
        if role == Qt.ItemDataRole.DisplayRole and 0 <= section < len(names):
            return names[section]
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        known = self.patch(index) is not None
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable if known else Qt.ItemFlag.NoItemFlags
