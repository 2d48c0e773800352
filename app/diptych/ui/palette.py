"""The command palette: type a few letters of an action or a version, press Enter."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from diptych.display import visible
from diptych.ui.actions import Bound
from diptych.ui.context import Context
from diptych.ui.models.partners import called
from diptych.ui.tokens import Space
from diptych.ui.widgets.picker import Choice, ChoiceDelegate

WIDTH, HEIGHT = 560, 380
_VERSIONS = 8
"""How many versions are offered below the actions."""


class CommandPalette(QDialog):
    """Finds actions by their letters in order, and versions by the words of the query language."""

    def __init__(self, context: Context, actions: Sequence[Bound], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Commands")
        self.setProperty("role", "floating")  # it has no frame, and what lies below has the same colour
        self.setWindowFlags(Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self._context = context
        self._actions = [action for action in actions if action.isEnabled()]
        self.resize(context.theme.px(WIDTH), context.theme.px(HEIGHT))
        self.field = QLineEdit()
        self.field.setPlaceholderText("Action or version")
        self.field.setAccessibleName("Action or version")
        self.list = QListWidget()
        self.list.setAccessibleName("Matches")
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(ChoiceDelegate(context.theme, self.list))
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        column.addWidget(self.field)
        column.addWidget(self.list)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run)
        self.list.itemActivated.connect(self._run)
        self.field.installEventFilter(self)
        self._fill("")
        above = parent.window().geometry()
        self.move(above.center().x() - self.width() // 2, above.top() + above.height() // 6)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys move through the list while the field keeps the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    def _fill(self, text: str) -> None:
        self.list.clear()
        ranked = [(_rank(text, action.text()), action) for action in self._actions]
        for _, action in sorted((pair for pair in ranked if pair[0] < _NO), key=lambda pair: pair[0]):
            self._add(_titled(action), action.shortcut().toString(), action)
        if text.strip():
            for version in called(self._context.workbench, text, _VERSIONS):
                self._add(f"Open {visible(version.name)}", version.short_id, version.key)
        if not self.list.count():
            self._add("No action and no version is called so", "", None)
        self.list.setCurrentRow(0)

    def _add(self, text: str, aside: str, chosen: Bound | int | None) -> None:
        item = QListWidgetItem(text)
        item.setData(Qt.ItemDataRole.UserRole, Choice(text=text, note=aside, value=chosen))
        self.list.addItem(item)

    def _run(self) -> None:
        if self.list.currentRow() < 0:
            return
        item = self.list.currentItem()
        chosen = item.data(Qt.ItemDataRole.UserRole).value
        if chosen is None:
            return
        self.accept()
        if isinstance(chosen, Bound):
            chosen.trigger()
        else:
            self._context.version_asked.emit(chosen)


_NO = 3


def _rank(typed: str, text: str) -> int:
    """How well what was typed fits: 0 begins it, 1 begins a word of it, 2 has its letters in order, else `_NO`."""
    wanted, whole = typed.casefold().strip(), text.casefold()
    if whole.startswith(wanted):
        return 0
    if f" {wanted}" in whole:
        return 1
    remaining = iter(whole)
    return 2 if all(letter in remaining for letter in wanted if not letter.isspace()) else _NO


def _titled(action: Bound) -> str:
    """An action of the window with its menu (`Go: Compare`), since that of a page may have the same name."""
    menu, text = action.action.menu.replace("&", ""), action.text().rstrip("…")
    return f"{menu}: {text}" if menu else text
