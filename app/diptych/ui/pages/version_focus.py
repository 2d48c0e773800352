"""One table of the version page with the whole page to itself."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from diptych.ui.context import Context
from diptych.ui.models.facts import Facts, FactsModel
from diptych.ui.pages.version_section import lay_out, watch
from diptych.ui.tokens import Space
from diptych.ui.widgets.filterfield import FilterField
from diptych.ui.widgets.label import label
from diptych.ui.widgets.table import RowTable


class FocusPage(QWidget):
    """All rows, a field to find some of them, and the way back."""

    left = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.model = FactsModel(parent=self)
        self.table = RowTable(context.theme, "All rows")
        self.table.setModel(self.model)
        watch(self.table, self.model, context)
        self._title = label("", "section")
        self.field = FilterField(context.theme, "Find a row", "Find a row")
        self.field.asked.connect(self.model.find)
        self.field.left.connect(self.table.setFocus)
        back = QPushButton("All sections  Esc")
        back.setAccessibleName("All sections")
        back.setProperty("role", "flat")
        back.clicked.connect(self.left)
        head = QHBoxLayout()
        head.setContentsMargins(Space.L, Space.M, Space.M, Space.S)
        head.setSpacing(Space.M)
        head.addWidget(self._title)
        head.addWidget(self.field, 1)
        head.addWidget(back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.table, 1)

    def show_facts(self, title: str, facts: Facts) -> None:
        """Show all rows of a section and go to the first."""
        self.field.show_query("")
        self.model.show_facts(facts)
        self._title.setText(title)
        self.table.setAccessibleName(title)
        self.table.horizontalHeader().setVisible(facts.headed)
        lay_out(self.table, facts, self._context)
        self.table.setFocus()
        self.table.setCurrentIndex(self.model.index(0, 0))
