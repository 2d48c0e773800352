"""The panel that says which version is on a side; it opens a picker and takes drops."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QEnterEvent, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from diptych.display import visible
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space

_HEIGHT = 52
_EDGE = 3


class SideHeader(QAbstractButton):
    """Sign, letter, name and facts of one side."""

    dropped = Signal(object)
    """A folder or file (`Path`) was dropped on this side."""

    def __init__(self, theme: Theme, letter: str, sign: str, token: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._letter, self._sign, self._token = letter, sign, token
        self._name = ""
        self._facts = ""
        self._within = False
        self._target = False
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_version(self, name: str, facts: str, whole: str) -> None:
        """Show a name, one line of facts, and everything in the tooltip."""
        self._name, self._facts = visible(name), visible(facts)
        self.setAccessibleName(f"Version {self._letter}: {self._name}")
        self.setAccessibleDescription(f"{self._facts}. Press to choose another version.")
        self.setToolTip(visible(whole, keep_newlines=True).replace("<", "\u2039").replace(">", "\u203a"))
        self.update()

    def name(self) -> str:
        """The name in view, whole."""
        return self._name

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(320), self._theme.px(_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(160), self._theme.px(_HEIGHT))

    def enterEvent(self, event: QEnterEvent) -> None:
        self._within = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._within = False
        self.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self._target = True
            self.update()

    def dragLeaveEvent(self, event: object) -> None:
        self._target = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._target = False
        self.update()
        path = next((url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()), "")
        if path:
            event.acceptProposedAction()
            self.dropped.emit(Path(path))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        rect = self.rect()
        if self._target:
            painter.fillRect(rect, theme.color(f"{self._token}_row"))
        elif self._within or self.isDown():
            painter.fillRect(rect, theme.color("hover"))
        painter.fillRect(QRect(0, 0, rect.width(), _EDGE), theme.color(self._token))
        inner = rect.adjusted(Space.L, _EDGE + theme.px(5), -Space.L, -theme.px(5))
        half = inner.height() // 2
        top = QRect(inner.x(), inner.y(), inner.width(), half)
        painter.setFont(theme.font(Size.SECTION, bold=True))
        metrics = QFontMetrics(painter.font())
        mark = f"{self._sign} {self._letter}"
        painter.setPen(theme.color(self._token))
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, mark)
        left = metrics.horizontalAdvance("■ B") + theme.px(10)
        painter.setPen(theme.color("text"))
        chevron = theme.px(18)
        room = top.adjusted(left, 0, -chevron, 0)
        shown = metrics.elidedText(self._name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.setPen(theme.color("muted"))
        painter.drawText(
            QRect(room.x() + metrics.horizontalAdvance(shown), top.y(), chevron, top.height()),
            Qt.AlignmentFlag.AlignCenter, "▾",
        )  # fmt: skip
        painter.setFont(theme.font(Size.CAPTION))
        below = QRect(inner.x() + left, inner.y() + half, inner.width() - left, inner.height() - half)
        facts = QFontMetrics(painter.font()).elidedText(self._facts, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, facts)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.drawRoundedRect(rect.adjusted(2, _EDGE + 1, -3, -3), 4, 4)
