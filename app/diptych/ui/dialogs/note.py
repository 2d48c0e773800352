"""Asks for the note on a version."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from diptych.display import elide, visible
from diptych.ui.dialogs.written import WrittenDialog
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label


class NoteDialog(WrittenDialog):
    """A plain text; Ctrl+Enter saves."""

    keeping = "Save"

    def __init__(self, theme: Theme, name: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Note on {elide(visible(name), 60)}")
        self.setMinimumSize(theme.px(420), theme.px(240))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        self.field = QPlainTextEdit(text)
        self._before = self.text()
        self.field.setAccessibleName("Note")
        self.field.setTabChangesFocus(True)
        self.field.setPlaceholderText("What is worth remembering about this version")
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.button(QDialogButtonBox.StandardButton.Save).setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(self.field)
        layout.addWidget(
            label("Kept in the catalog; the files are not touched. Ctrl+Enter saves.", "caption", wrap=True)
        )
        layout.addWidget(buttons)

    def text(self) -> str:
        """What was written."""
        return self.field.toPlainText().strip()

    def is_written(self) -> bool:
        return self.text() != self._before

    def keyPressEvent(self, event: QKeyEvent) -> None:
        with_control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and with_control:
            self.accept()
            return
        super().keyPressEvent(event)
