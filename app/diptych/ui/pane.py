"""What the compare page asks of a pane: the look of one facet's answer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from diptych.domain.sheet import Row, Sheet
from diptych.ui.context import Context
from diptych.ui.models.rows import Showing
from diptych.workbench.comparing import Comparison


class Pane(QWidget):
    """Shows a sheet, lets the reader walk its changes, and says what is asked for through signals."""

    row_entered = Signal(object)
    """The `Row` under the cursor."""
    jump_asked = Signal(str, str)
    """Show this facet, at this row."""
    focus_asked = Signal()
    """Give the section the whole page."""
    left_over = Signal(int)
    """The cursor goes on to the next (1) or the previous (-1) section."""
    rearranged = Signal()
    """The differences stand in another order, or others are shown."""
    menu_asked = Signal(object)
    """A context menu is wanted at this global position."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__()
        self.context = context
        self.comparison = comparison
        self.sheet: Sheet | None = None
        self.showing = Showing()
        self.alone = False

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        """Draw `sheet`, which may be one of several partial answers; keep the cursor where it is."""
        raise NotImplementedError

    def show_rows(self, showing: Showing) -> None:
        """Show another part of the rows."""
        self.showing = showing

    def stand_alone(self, alone: bool) -> None:
        """Fill the whole page and scroll by yourself, or be a part of the report that leaves the wheel to the page."""
        self.alone = alone

    def changes(self) -> Sequence[str]:
        """Keys of the differences, in the order of reading."""
        return [row.key for row in self.sheet.rows if row.differs] if self.sheet is not None else []

    def show_reviewed(self, keys: frozenset[str]) -> None:
        """Mark the rows that the reader has ticked off, where there are rows."""

    def select(self, key: str) -> bool:
        """Put the cursor on a row; False where it is not shown."""
        return False

    def current(self) -> Row | None:
        """The row under the cursor."""
        return None

    def cursor_rect(self) -> QRect:
        """Where the cursor is, in the pane's coordinates."""
        return self.rect()

    def tools(self) -> list[QWidget]:
        """Controls for the section's title line."""
        return []

    def empty_text(self) -> str:
        """What to say where there is nothing to compare; empty: the section says it from the counts."""
        return ""

    def toggle_table(self) -> None:
        """Change between a picture and the same as a table, where there are both."""

    def zoom(self, by: int) -> None:
        """Look closer (1), from farther away (-1), or at the whole (0), where there is a picture."""

    def show_values(self) -> None:
        """Show the numbers behind the row under the cursor, where it stands for many."""

    def picture(self) -> QImage | None:
        """All of its picture by itself, to be taken away; None where it has none."""
        return None

    def copied(self) -> str:
        """What to copy in place of the row under the cursor; empty: the row."""
        return ""

    def next_order(self) -> None:
        """Sort by the next column, where there are columns."""
