"""The line at the top of the page that says what happened and offers one remedy."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QWidget

from diptych.ui.context import Alert
from diptych.ui.icons import icon
from diptych.ui.tokens import ICON, Space
from diptych.ui.widgets.label import Elided, label

SHOWN_MS = 8000
"""How long a line stays that only informs; a serious one stays until it is closed."""


class AlertBar(QWidget):
    """Shows the newest alert."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "raised")
        self.setAccessibleName("Message")
        self._alert: Alert | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.L, Space.S, Space.S, Space.S)
        row.setSpacing(Space.S)
        self._symbol = label()
        self._message = Elided()
        self._hint = label(role="muted")
        self._remedy = QPushButton()
        self._remedy.hide()  # shown with a text only
        self._remedy.setAccessibleName("Remedy")
        self._remedy.clicked.connect(self._act)
        close = QToolButton()
        close.setIcon(icon("cancel"))
        close.setAccessibleName("Close message")
        close.clicked.connect(self.hide)
        row.addWidget(self._symbol)
        row.addWidget(self._message, 3)
        row.addWidget(self._hint, 2)
        row.addWidget(self._remedy)
        row.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def show_alert(self, alert: Alert) -> None:
        """Replace what is shown."""
        self._alert = alert
        self._symbol.setPixmap(icon("warning" if alert.serious else "check").pixmap(ICON, ICON))
        self._symbol.setVisible(alert.serious or alert.done)
        self._message.set_text(alert.message)
        self._hint.setText(alert.hint)
        self._hint.setVisible(bool(alert.hint))
        self._remedy.setText(alert.remedy)
        self._remedy.setAccessibleName(alert.remedy or "Remedy")
        self._remedy.setVisible(bool(alert.remedy))
        self.show()
        self._timer.stop()
        if not alert.serious:
            self._timer.start(SHOWN_MS)

    def message(self) -> str:
        """The message in force, or nothing."""
        return "" if self.isHidden() else self._message.text()

    def _act(self) -> None:
        alert = self._alert
        self.hide()
        if alert is not None and alert.act is not None:
            alert.act()
