"""Taking a row of a comparison along in the clipboard."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from diptych.domain.sheet import Row
from diptych.ui.pages import compare_text
from diptych.ui.pages.compare_bar import Bar


class Copying:
    """Copies the row under the cursor, untruncated, and says so."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def copy(self, row: Row | None, value: str) -> None:
        """Copy a row, or of the values of a tensor the `value` under the cursor."""
        if row is not None:
            QApplication.clipboard().setText(value or compare_text.tabbed(row))
            self._bar.say("Value copied" if value else "Row copied")

    def copy_as_markdown(self, row: Row | None) -> None:
        """Copy a row as a table of one line."""
        if row is not None:
            QApplication.clipboard().setText(compare_text.markdown([row]))
            self._bar.say("Row copied as Markdown")
