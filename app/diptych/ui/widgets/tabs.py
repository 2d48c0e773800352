"""Tabs whose names give way in the middle, where two comparisons differ least."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QTabBar, QWidget

from diptych.display import visible
from diptych.ui.theme import Theme


class Tabs(QTabBar):
    """A closable tab a comparison; hidden while there is only one."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName(name)
        self.setTabsClosable(True)
        self.setMovable(False)
        self.setExpanding(False)
        self.setDrawBase(False)
        self.setAutoHide(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUsesScrollButtons(True)

    def set_text(self, index: int, text: str) -> None:
        """Name a tab; the tooltip has the whole."""
        safe = visible(text)
        self.setTabText(index, safe.replace("&", "&&"))
        self.setTabToolTip(index, safe.replace("<", "\u2039").replace(">", "\u203a"))

    def tabSizeHint(self, index: int) -> QSize:
        hint = super().tabSizeHint(index)
        return QSize(min(hint.width(), self._theme.px(280)), hint.height())
