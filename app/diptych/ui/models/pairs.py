"""The pairs of answers of an outputs sheet: filtered and ordered for reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from diptych import display
from diptych.domain.sheet import Row, Sheet, Status
from diptych.ui.models.rows import Showing, plain_tip
from diptych.ui.widgets.lines import Line, Tone
from diptych.ui.widgets.rowlist import LINE_ROLE

BROKEN, FIXED = "A right, B wrong", "A wrong, B right"
"""How the facet names the two ways in which a pair can flip."""


_ROOT = QModelIndex()


def changed_share(row: Row) -> float:
    """The share of words that differ; 1 where only one side answered, 0 where nobody counted."""
    if row.status in (Status.LEFT_ONLY, Status.RIGHT_ONLY):
        return 1.0
    share = row.values.get("changed_words")
    return float(share) if isinstance(share, int | float) else 0.0


def _flipped(way: str) -> Callable[[Row], tuple[bool, float]]:
    return lambda row: (row.values.get("flip") != way, -changed_share(row))


ORDERS: Mapping[str, Callable[[Row], tuple[bool, float]]] = {
    "B broke it": _flipped(BROKEN),
    "B fixed it": _flipped(FIXED),
    "Most changed": lambda row: (False, -changed_share(row)),
    "File order": lambda row: (False, 0.0),
}
"""Ways to order pairs; the sort is stable, so ties stay as the record has them."""


def outcome(row: Row) -> str:
    """What the scores say, in words."""
    if row.status is Status.LEFT_ONLY:
        return "only in A"
    if row.status is Status.RIGHT_ONLY:
        return "only in B"
    flip = row.values.get("flip")
    return "▲ B fixed it" if flip == FIXED else "▼ B broke it" if flip == BROKEN else ""


class PairsModel(QAbstractListModel):
    """One line a pair."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._at: dict[str, int] = {}

    def show(self, sheet: Sheet, showing: Showing, order: str) -> None:
        """Take the pairs of a sheet in one of `ORDERS`."""
        self.beginResetModel()
        self._rows = sorted((row for row in sheet.rows if showing.admits(row)), key=ORDERS[order])
        self._at = {row.key: at for at, row in enumerate(self._rows)}
        self.endResetModel()

    def rows(self) -> list[Row]:
        """The pairs in view, in order."""
        return self._rows

    def row_at(self, index: QModelIndex | QPersistentModelIndex) -> Row | None:
        """The pair of a line."""
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def find(self, key: str) -> QModelIndex:
        """The line of a pair; invalid where it is not shown."""
        return self.index(self._at[key]) if key in self._at else QModelIndex()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row_at(index)
        if row is None:
            return None
        if role == LINE_ROLE:
            return self._line(row)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            text = f"{self._label(row)}: {row.change or row.status.value}"
            said = outcome(row)
            return plain_tip(display.visible(f"{text}, {said}" if said else text))
        return None

    def _label(self, row: Row) -> str:
        name = f"{row.group} · {row.label}" if row.group and row.label else row.label or row.key
        return display.visible(display.elide(name, 200))

    def _line(self, row: Row) -> Line:
        tone = {Status.LEFT_ONLY: Tone.LEFT, Status.RIGHT_ONLY: Tone.RIGHT}.get(row.status, Tone.PLAIN)
        share = changed_share(row)
        return Line(
            row.key, self._label(row), Tone.QUIET if not row.differs else tone, row.status.symbol.replace("＋", "+"),
            change=f"{share:.0%}" if row.values.get("changed_words") else "", note=outcome(row), bar=share,
        )  # fmt: skip
