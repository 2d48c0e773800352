"""The panel at the right: the facts of the row under the cursor, whole and with their source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from diptych.display import visible
from diptych.ui.context import Inspection
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.label import label

if TYPE_CHECKING:
    from PySide6.QtWidgets import QPlainTextEdit

    from diptych.ui.widgets.passage import Passage

WIDTH = 320
_LONG = 10_000
"""Characters of a text shown here; Qt lays out longer lines too slowly."""


class Inspector(QFrame):
    """Shows the newest inspection."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.setProperty("role", "raised")
        self.setAccessibleName("Inspector")
        self._theme = theme
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setAccessibleName("Facts of the row")
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._scroll)
        self._shown: Inspection | None = None
        self._pending: Inspection | None = None

    def inspect(self, inspection: Inspection | None) -> None:
        """Show `inspection`; while the panel is hidden, only remember it."""
        self._pending = inspection
        if self.isVisible():
            self._fill(inspection)

    def showEvent(self, event: object) -> None:
        """Catch up with what was inspected while the panel was hidden."""
        if self._pending is not self._shown or self._scroll.widget() is None:
            self._fill(self._pending)

    def _fill(self, inspection: Inspection | None) -> None:
        self._shown = inspection
        body = QWidget()
        body.setProperty("role", "raised")
        column = QVBoxLayout(body)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.XS)
        if inspection is None:
            column.addWidget(label("Move through a list to see the facts of each row here.", "muted", wrap=True))
        else:
            column.addWidget(self._whole("Title", inspection.title, Size.SECTION))
            column.addSpacing(Space.S)
            for name, value in inspection.facts:
                column.addWidget(label(name, "caption"))
                column.addWidget(self._whole(name, value))
                column.addSpacing(Space.XS)
            for name, text in inspection.texts:
                column.addWidget(label(name, "caption"))
                column.addWidget(self._text(name, text))
                column.addSpacing(Space.XS)
            if inspection.source:
                column.addWidget(label("Source", "caption"))
                column.addWidget(self._whole("Source", inspection.source, muted=True))
        column.addStretch(1)
        self._scroll.setWidget(body)

    def _whole(self, name: str, value: str, size: Size = Size.BODY, muted: bool = False) -> Passage:
        from diptych.ui.widgets.passage import Passage  # a window starts without its inspector

        return Passage(name, value[:_LONG], self._theme.font(size, bold=size is not Size.BODY), muted)

    def _text(self, name: str, text: str) -> QPlainTextEdit:
        from PySide6.QtWidgets import QPlainTextEdit

        field = QPlainTextEdit(visible(text[:_LONG], keep_newlines=True))
        field.setReadOnly(True)
        field.setAccessibleName(name)
        field.setFont(self._theme.code())
        field.setMaximumHeight(self._theme.px(220))
        return field
