"""The head of the library: the filter, how the rows are arranged, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from diptych import display
from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.filterfield import FilterField, Suggestion
from diptych.ui.widgets.label import label
from diptych.ui.widgets.switch import switch


class LibraryHead(QWidget):
    """Asks; the page answers."""

    grouped_asked = Signal(bool)
    columns_asked = Signal()

    def __init__(
        self, theme: Theme, suggest: Callable[[str], Sequence[Suggestion]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.field = FilterField(theme, "Filter versions", "Filter: words, tag:ship, family:llama, acc>0.6", suggest)
        self.grouped = switch("Grouped by run", "One row for each run, its checkpoints below")
        self.flat = switch("Flat", "Every version in one list")
        sides = QButtonGroup(self)
        sides.addButton(self.grouped)
        sides.addButton(self.flat)
        sides.buttonClicked.connect(self._switched)
        self.columns = QToolButton()
        self.columns.setIcon(icon("columns"))
        self.columns.setText("Columns")
        self.columns.setAccessibleName("Choose columns")
        self.columns.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.columns.clicked.connect(self.columns_asked)
        line = QHBoxLayout()
        line.setSpacing(Space.XS)
        line.addWidget(self.field, 1)
        line.addSpacing(Space.S)
        line.addWidget(self.grouped)
        line.addWidget(self.flat)
        line.addSpacing(Space.S)
        line.addWidget(self.columns)
        self.count = label("", "caption")
        self.problem = label("", "danger")
        self.problem.setAccessibleName("Problem with the filter")
        under = QHBoxLayout()
        under.setSpacing(0)
        under.addWidget(self.count)
        under.addWidget(self.problem, 1)
        head = QVBoxLayout(self)
        head.setContentsMargins(Space.L, Space.M, Space.M, Space.S)
        head.setSpacing(Space.XS)
        head.addLayout(line)
        head.addLayout(under)
        self.show_grouped(True)

    def show_grouped(self, grouped: bool) -> None:
        """Say how the rows are arranged."""
        self.grouped.setChecked(grouped)
        self.flat.setChecked(not grouped)

    def show_found(self, shown: int, total: int) -> None:
        """Say how many of all versions are shown."""
        every = display.plural(total, "version")
        self.count.setText(every if shown == total else f"{shown:,} of {every}")
        self.problem.setText("")
        self.field.show_problem(False)

    def show_problem(self, problem: str) -> None:
        """Say why the filter cannot be understood; the rows stay as they are."""
        self.count.setText("")
        self.problem.setText(f"⚠ {display.visible(problem[:1].upper() + problem[1:])}")
        self.field.show_problem(True)

    def _switched(self, button: QAbstractButton) -> None:
        self.grouped_asked.emit(button is self.grouped)
