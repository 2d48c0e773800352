"""Tabs whose names give way in the middle, where two comparisons differ least."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QTabBar, QToolButton, QWidget

from diptych.display import visible
from diptych.ui.icons import icon
from diptych.ui.theme import Theme

_LEAST = 200


class Tabs(QTabBar):
    """A closable tab a comparison; hidden while there is only one."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName(name)
        self.setMovable(False)
        self.setExpanding(False)
        self.setDrawBase(False)
        self.setAutoHide(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUsesScrollButtons(True)

    def add(self, data: object) -> int:
        """Add a tab with a button that closes it; returns its index."""
        index = self.addTab("")
        self.setTabData(index, data)
        close = QToolButton()
        close.setIcon(icon("cancel"))
        close.setIconSize(QSize(12, 12))
        close.setFixedSize(24, 24)
        close.setAccessibleName("Close tab")
        close.setToolTip("Close  Ctrl+W")
        close.clicked.connect(lambda: self._close(close))
        self.setTabButton(index, QTabBar.ButtonPosition.RightSide, close)
        return index

    def _close(self, button: QToolButton) -> None:
        right = QTabBar.ButtonPosition.RightSide
        index = next((at for at in range(self.count()) if self.tabButton(at, right) is button), -1)
        if index >= 0:
            self.tabCloseRequested.emit(index)

    def set_text(self, index: int, text: str, whole: str) -> None:
        """Name a tab; the tooltip has the whole."""
        self.setTabText(index, visible(text).replace("&", "&&"))
        self.setTabToolTip(index, visible(whole).replace("<", "\u2039").replace(">", "\u203a"))

    def tabSizeHint(self, index: int) -> QSize:
        hint = super().tabSizeHint(index)
        return QSize(min(hint.width(), self._theme.px(380)), hint.height())

    def minimumTabSizeHint(self, index: int) -> QSize:
        """As narrow as a name can still be told from the next; where that is not enough, the tabs scroll."""
        hint = self.tabSizeHint(index)
        return QSize(min(hint.width(), self._theme.px(_LEAST)), hint.height())
