"""Shows the model card of a version, to be edited and kept."""

from __future__ import annotations

from PySide6.QtWidgets import QDialogButtonBox, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from diptych import display
from diptych.reports.card import Card
from diptych.ui.dialogs.written import WrittenDialog
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.markdown import Markdown


class CardDialog(WrittenDialog):
    """The card as Markdown. What stands outside the generated parts, or was edited in them, is never overwritten."""

    def __init__(self, theme: Theme, name: str, card: Card, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Model card of {display.elide(display.visible(name), 60)}")
        self.setMinimumSize(theme.px(720), theme.px(560))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        said = (
            f"Generated from the catalog: {display.listing(card.written, 5)}." if card.written else "Nothing generated."
        )
        if card.kept:
            said += f" Left as you wrote them: {display.listing(card.kept, 5)}."
        layout.addWidget(label(said, "muted", wrap=True))
        self._card = card
        self.field = QPlainTextEdit(card.text)
        self._shown = self.field.toPlainText()
        self.field.setAccessibleName("Model card")
        self.field.setFont(theme.code())
        self.field.setTabChangesFocus(True)
        self.preview = Markdown()
        self.preview.setAccessibleName("Preview")
        tabs = QTabWidget()
        tabs.addTab(self.field, "Text")
        tabs.addTab(self.preview, "Preview")
        tabs.currentChanged.connect(lambda _place: self.preview.show_markdown(self.text()))
        layout.addWidget(tabs, 1)
        layout.addWidget(
            label("Kept in the catalog and pushed as README.md; the file beside the weights is not touched.", "caption")
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        keep = buttons.addButton("Keep", QDialogButtonBox.ButtonRole.AcceptRole)
        keep.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def is_written(self) -> bool:
        return self.field.toPlainText() != self._shown

    def text(self) -> str:
        """The card as it stands in the field; one that was not edited keeps its line ends, which a field does not."""
        text = self.field.toPlainText()
        return self._card.text if text == self._shown else text
