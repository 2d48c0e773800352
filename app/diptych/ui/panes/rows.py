"""The look of a facet without one of its own: a table of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QVBoxLayout

from diptych.domain.sheet import Row, Sheet
from diptych.ui.context import Context
from diptych.ui.models.rows import Showing
from diptych.ui.pane import Pane
from diptych.ui.table import SheetTable
from diptych.workbench.comparing import Comparison

COLUMNS: Mapping[str, frozenset[str]] = {"metrics": frozenset(), "files": frozenset()}
"""Further columns of a facet that the list shows; the inspector has the others. A facet without a line shows all."""


class RowsPane(Pane):
    """Rows with A, B, change and note."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__(context, comparison)
        self.table = SheetTable(context.theme, "Compared rows")
        self.table.row_entered.connect(self.row_entered)
        self.table.rearranged.connect(self.rearranged)
        self.table.focus_asked.connect(self.focus_asked)
        self.table.left_over.connect(self.left_over)
        self.table.menu_asked.connect(self.menu_asked)
        self.table.opened.connect(self._opened)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self.setFocusProxy(self.table)

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        self.sheet = sheet
        self.comparison = comparison
        self.table.list.setAccessibleName(f"{sheet.title}: {sheet.counts}")
        shown = COLUMNS.get(sheet.key)
        if shown is not None:
            sheet = replace(sheet, columns=tuple(column for column in sheet.columns if column.key in shown))
        self.table.show_sheet(sheet)

    def show_rows(self, showing: Showing) -> None:
        super().show_rows(showing)
        self.table.show_rows(showing)

    def stand_alone(self, alone: bool) -> None:
        super().stand_alone(alone)
        self.table.stand_alone(alone)

    def changes(self) -> Sequence[str]:
        return self.table.changes()

    def select(self, key: str) -> bool:
        return self.table.select(key)

    def show_reviewed(self, keys: frozenset[str]) -> None:
        self.table.show_reviewed(keys)

    def next_order(self) -> None:
        self.table.next_order()

    def current(self) -> Row | None:
        return self.table.current()

    def cursor_rect(self) -> QRect:
        return QRect(self.table.mapTo(self, self.table.cursor_rect().topLeft()), self.table.cursor_rect().size())

    def _opened(self, row: object) -> None:
        if not self.alone:
            self.focus_asked.emit()
