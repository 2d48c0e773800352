"""Asked when the catalog cannot be opened: start with an empty one, or leave everything as it is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton

from diptych.display import visible
from diptych.errors import Damaged, DiptychError


class UnusableCatalog(QMessageBox):
    """Says what is wrong. A damaged file may be set aside, kept under another name; a newer one may not."""

    def __init__(self, error: DiptychError) -> None:
        super().__init__()
        self.setWindowTitle("Diptych")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setIcon(QMessageBox.Icon.Warning)
        self.setText(visible(error.message))
        self.setInformativeText(visible(error.hint))
        self.set_aside: QPushButton | None = None
        if isinstance(error, Damaged):
            self.set_aside = self.addButton("Set it aside and start empty", QMessageBox.ButtonRole.AcceptRole)
        leave = self.addButton("Quit", QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(leave)
        self.setEscapeButton(leave)

    def asked_to_start_empty(self) -> bool:
        """Wait for the answer."""
        self.exec()
        return self.set_aside is not None and self.clickedButton() is self.set_aside
