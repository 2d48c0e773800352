"""Dialogs that hold a text of the user's: Escape or a closed window does not throw it away unasked."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QMessageBox


class WrittenDialog(QDialog):
    """Ends at once while nothing was written, else asks what is to become of it."""

    keeping = "Keep"
    """The word on the button that keeps the text."""

    def is_written(self) -> bool:
        """Whether the text is another than the dialog began with."""
        raise NotImplementedError

    def reject(self) -> None:
        if not self.is_written():
            super().reject()
            return
        question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Question)
        question.setText("What you wrote is not kept yet.")
        keep = question.addButton(self.keeping, QMessageBox.ButtonRole.AcceptRole)
        discard = question.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        back = question.addButton("Go on writing", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(keep)
        question.setEscapeButton(back)
        question.exec()
        pressed = question.clickedButton()
        question.deleteLater()
        if pressed is keep:
            self.accept()
        elif pressed is discard:
            super().reject()
