"""The navigation rail: icon and name, icon alone where the window is narrow."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QToolButton, QVBoxLayout, QWidget

from diptych.ui.icons import icon
from diptych.ui.tokens import RAIL_ICON, Space

WIDE = 148
NARROW = 52


class Rail(QWidget):
    """The list of pages."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "raised")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, QToolButton] = {}
        self._titles: dict[str, str] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(Space.S, Space.M, Space.S, Space.M)
        self._layout.setSpacing(Space.XS)
        self._layout.addStretch(1)
        self.set_narrow(False)

    def add(self, key: str, title: str, symbol: str, tip: str, at_end: bool = False) -> None:
        """Add a page; `at_end` puts it at the foot of the rail."""
        button = QToolButton()
        button.setIcon(icon(symbol))
        button.setIconSize(QSize(RAIL_ICON, RAIL_ICON))
        button.setText(title)
        button.setAccessibleName(title)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setMinimumHeight(36)
        button.clicked.connect(lambda: self.chosen.emit(key))
        self._group.addButton(button)
        self._buttons[key] = button
        self._titles[key] = title
        position = self._layout.count() if at_end else len(self._buttons) - 1
        self._layout.insertWidget(position, button)

    def select(self, key: str) -> None:
        """Show which page is in front; a page that is not on the rail leaves it as it is."""
        if key in self._buttons:
            self._buttons[key].setChecked(True)

    def set_badge(self, key: str, count: int) -> None:
        """Show a number behind the name of a page, or none for 0."""
        title = self._titles[key]
        self._buttons[key].setText(f"{title}  {count}" if count else title)

    def set_narrow(self, narrow: bool) -> None:
        """Show icons alone."""
        self.setFixedWidth(NARROW if narrow else WIDE)
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for button in self._buttons.values():
            button.setToolButtonStyle(style)
            button.setFixedWidth((NARROW if narrow else WIDE) - 2 * Space.S)
