"""Keeps the keys that press a button from the actions of its page."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

_PRESSING = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete)


class Pressing(QObject):
    """Filters the events of a page: Space and Enter press what has the focus, and are actions in `table` alone.

    A filter, and not the page's own `event`: that one hears of everything while the window is made, and PySide then
    makes every class of event.
    """

    def __init__(self, table: QWidget, page: QWidget) -> None:
        super().__init__(page)
        self._table = table

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            pressing = event.key() in _PRESSING
            if pressing and not self._table.hasFocus():
                event.accept()
                return True
        return super().eventFilter(watched, event)
