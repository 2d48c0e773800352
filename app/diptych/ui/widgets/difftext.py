"""A text with the words marked that the other side lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCharFormat, QTextCursor, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from diptych.display import visible
from diptych.ui.theme import Theme

LINE = 10_000
"""Characters of one line that are shown; Qt lays out longer ones for seconds."""
WHOLE = 200_000
"""Characters of a text that are shown."""


class DiffText(QPlainTextEdit):
    """Read-only text; within a report it leaves the wheel to the page."""

    def __init__(self, theme: Theme, name: str, side: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._side = side
        self._runs: list[tuple[str, bool]] = []
        self._within_report = True
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self.setProperty("role", "bare")
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme.font())
        theme.changed.connect(self._draw)

    def show_runs(self, runs: Iterable[tuple[str, bool]]) -> None:
        """Replace the text."""
        self._runs = list(capped(runs))
        self._draw()

    def marked(self) -> list[str]:
        """The texts that stand on a tint."""
        return [text for text, changed in self._runs if changed]

    def set_within_report(self, within: bool) -> None:
        """Whether the page scrolls in place of the text."""
        self._within_report = within
        bar = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if within else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setVerticalScrollBarPolicy(bar)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._within_report:
            event.ignore()
        else:
            super().wheelEvent(event)

    def _draw(self) -> None:
        self.clear()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        plain, marked = QTextCharFormat(), QTextCharFormat()
        marked.setBackground(self._theme.color(f"{self._side}_word"))
        for text, changed in self._runs:
            cursor.insertText(text, marked if changed else plain)
        cursor.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)


def capped(runs: Iterable[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """The runs made visible, long lines broken off, and at most `WHOLE` characters; what is left out is counted."""
    column, shown, lost = 0, 0, 0
    for text, changed in runs:
        if shown >= WHOLE:
            lost += len(text)
            continue
        kept: list[str] = []
        for at, piece in enumerate(text.split("\n")):
            if at:
                kept.append("\n")
                column = 0
            room = max(LINE - column, 0)
            if len(piece) > room:
                note = f" … {len(piece) - room:,} more characters in this line" if column <= LINE else ""
                kept.append(piece[:room] + note)
                column = LINE + 1
            else:
                kept.append(piece)
                column += len(piece)
        whole = visible("".join(kept), keep_newlines=True)
        lost += max(len(whole) - (WHOLE - shown), 0)
        yield whole[: WHOLE - shown], changed
        shown += min(len(whole), WHOLE - shown)
    if lost:
        yield f"\n… {lost:,} more characters; copy the row to read them all", False
