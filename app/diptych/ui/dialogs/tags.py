"""Asks which tags several versions should carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from diptych.display import plural, visible
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.tallrows import TallRows


class TagsDialog(QDialog):
    """One check box for each tag in use: on, off, or in between where only some of the versions have it."""

    def __init__(
        self,
        theme: Theme,
        count: int,
        carried: Mapping[str, int],
        known: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        """`carried`: how many of the `count` versions have each tag; `known`: tags of the library, most used first."""
        super().__init__(parent)
        self.setWindowTitle(f"Tags of {plural(count, 'version')}")
        self.setMinimumSize(theme.px(340), theme.px(360))
        self._count = count
        self._carried = dict(carried)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Add a tag and press Enter")
        self.field.setAccessibleName("New tag")
        completer = QCompleter(list(known), self.field)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.field.setCompleter(completer)
        self.list = QListWidget()
        self.list.setAccessibleName("Tags")
        self.list.setItemDelegate(TallRows(theme, self.list))
        self.list.setUniformItemSizes(True)
        for tag in dict.fromkeys([*sorted(carried), *known]):
            self._item(tag, carried.get(tag, 0))
        self._hint = label(
            "Space turns a tag on or off. A grey box: only some of the versions have it.", "caption", wrap=True
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        save = buttons.button(QDialogButtonBox.StandardButton.Ok)
        save.setText("Apply")
        save.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        for widget in (self.field, self.list, self._hint, buttons):
            layout.addWidget(widget)
        self.field.setFocus()

    def accept(self) -> None:
        """Apply, with what still stands in the field."""
        self._take()
        super().accept()

    def added(self) -> list[str]:
        """Tags to put on every version."""
        return [tag for tag, state in self._states() if state is Qt.CheckState.Checked and self._was(tag) < self._count]

    def removed(self) -> list[str]:
        """Tags to take off."""
        return [tag for tag, state in self._states() if state is Qt.CheckState.Unchecked and self._was(tag)]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        typing = self.field.hasFocus() and self.field.text().strip()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and typing:
            self._take()
            return
        super().keyPressEvent(event)

    def _was(self, tag: str) -> int:
        return self._carried.get(tag, 0)

    def _take(self) -> None:
        """Turn what was typed into a tag."""
        text = " ".join(self.field.text().split())
        self.field.clear()
        if not text:
            return
        for row in range(self.list.count()):
            item = self.list.item(row)
            if str(item.data(Qt.ItemDataRole.UserRole)).casefold() == text.casefold():
                item.setCheckState(Qt.CheckState.Checked)
                self.list.scrollToItem(item)
                return
        self._item(text, self._count, place=0)

    def _item(self, tag: str, carried: int, place: int | None = None) -> None:
        item = QListWidgetItem(visible(tag))
        item.setData(Qt.ItemDataRole.UserRole, tag)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        some = Qt.CheckState.PartiallyChecked if carried else Qt.CheckState.Unchecked
        item.setCheckState(Qt.CheckState.Checked if carried >= self._count else some)
        self.list.insertItem(self.list.count() if place is None else place, item)

    def _states(self) -> list[tuple[str, Qt.CheckState]]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [(str(item.data(Qt.ItemDataRole.UserRole)), item.checkState()) for item in items]
