"""The line under the head: which rows, where the cursor is among the changes, what to take away."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QMenu, QPushButton, QToolButton, QWidget

from diptych.ui.context import Context
from diptych.ui.icons import icon
from diptych.ui.models.rows import Showing
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.switch import switch

_TYPING_MS = 120
_SAID_MS = 2500
_BESIDE = Qt.ToolButtonStyle.ToolButtonTextBesideIcon


class Bar(QWidget):
    """Differences or all, filter, count, export."""

    showing_changed = Signal(object)
    """The `Showing` that the reader wants."""
    back_asked = Signal()
    html_asked = Signal()
    json_asked = Signal()
    markdown_asked = Signal()
    picture_asked = Signal()
    table_asked = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme = context.theme
        self._differences = switch("Differences", "Only what differs  d")
        self._all = switch("All", "Equal rows too  d")
        self._differences.setChecked(True)
        group = QButtonGroup(self)
        group.setExclusive(True)
        for button in (self._differences, self._all):
            group.addButton(button)
        group.buttonClicked.connect(self._changed)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Filter rows  /")
        self.field.setAccessibleName("Filter rows")
        self.field.setClearButtonEnabled(True)
        self.field.setFixedWidth(theme.px(220))
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self._changed)
        self.field.textChanged.connect(self._typing.start)
        self._back = QPushButton("Back to the report  Esc")
        self._back.setIcon(icon("back"))
        self._back.setProperty("role", "flat")
        self._back.clicked.connect(self.back_asked)
        self._back.hide()
        self._count = label(role="muted")
        self._count.setAccessibleName("Place among the changes")
        self._said = QTimer(self)
        self._said.setSingleShot(True)
        self._said.setInterval(_SAID_MS)
        self._said.timeout.connect(self._tell)
        self._place = (0, 0, 0)
        menu = QMenu(self)
        menu.addAction("HTML report…", self.html_asked.emit)
        menu.addAction("JSON…", self.json_asked.emit)
        menu.addAction("Copy as Markdown", self.markdown_asked.emit)
        menu.addSeparator()
        menu.addAction("Weights map as PNG…", self.picture_asked.emit)
        menu.addAction("Weights table as CSV…", self.table_asked.emit)
        self.export = QToolButton()
        self.export.setText("Export")
        self.export.setIcon(icon("export"))
        self.export.setToolButtonStyle(_BESIDE)
        self.export.setAccessibleName("Export")
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.L, Space.XS, Space.L, Space.XS)
        row.setSpacing(Space.XS)
        row.addWidget(self._back)
        row.addWidget(self._differences)
        row.addWidget(self._all)
        row.addSpacing(Space.S)
        row.addWidget(self.field)
        row.addStretch(1)
        row.addWidget(self._count)
        row.addSpacing(Space.S)
        row.addWidget(self.export)

    def showing(self) -> Showing:
        """What the reader wants to see."""
        return Showing(self._all.isChecked(), self.field.text().strip().casefold())

    def toggle_all(self) -> None:
        """Change between differences and all."""
        (self._differences if self._all.isChecked() else self._all).setChecked(True)
        self._changed()

    def set_alone(self, title: str) -> None:
        """Offer the way back from a section that fills the page."""
        self._back.setVisible(bool(title))

    def show_count(self, at: int, total: int, reviewed: int) -> None:
        """Say where the cursor is among the changes (`at` is 0 where it is on none), and how many are ticked off."""
        self._place = (at, total, reviewed)
        if not self._said.isActive():
            self._tell()

    def count_text(self) -> str:
        """What the count says."""
        return self._count.text()

    def say(self, text: str) -> None:
        """Confirm something for a moment in place of the count."""
        self._count.setText(text)
        self._said.start()

    def _tell(self) -> None:
        at, total, reviewed = self._place
        nouns = "change" if total == 1 else "changes"
        text = f"change {at:,} of {total:,}" if at else f"{total:,} {nouns}" if total else ""
        self._count.setText(f"{text} · {min(reviewed, total):,} reviewed" if text and reviewed else text)

    def _changed(self) -> None:
        self._typing.stop()
        self.showing_changed.emit(self.showing())
