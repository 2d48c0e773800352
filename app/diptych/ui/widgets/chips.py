"""Tags as buttons in a row that wraps, and five stars to click."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRect, QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from diptych.display import elide, visible
from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets import paint

CHIP_LETTERS = 24
"""A longer tag is cut in the middle; its tooltip has it whole."""
MOST = 5
"""Words shown as buttons of their own; the rest is counted."""


class Chips(QWidget):
    """Words, each with a cross that asks for its removal, and a button that asks for more."""

    removed = Signal(str)
    added = Signal()

    def __init__(self, name: str, more: str, symbol: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._add = more
        self.setAccessibleName(name)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(Space.XS)
        self._more = QPushButton(more)
        self._more.setIcon(icon(symbol))
        self._more.setAccessibleName(more)
        self._more.setProperty("role", "flat")
        self._more.clicked.connect(self.added)
        self._row.addWidget(self._more)
        self._words: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        """The words shown."""
        return self._words

    def show_words(self, words: Iterable[str]) -> None:
        """Replace the words."""
        self._words = tuple(words)
        while self._row.count() > 1:
            item = self._row.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for place, word in enumerate(self._words[:MOST]):
            self._row.insertWidget(place, self._chip(word))
        rest = len(self._words) - MOST
        self._more.setText(f"{rest} more" if rest > 0 else self._add)
        self._more.setToolTip("\n".join(visible(word) for word in self._words[MOST:]).replace("<", "\u2039"))

    def _chip(self, word: str) -> QToolButton:
        chip = QToolButton()
        chip.setProperty("role", "chip")
        chip.setText(elide(visible(word), CHIP_LETTERS))
        chip.setIcon(icon("cancel"))
        chip.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        chip.setIconSize(QSize(Space.M, Space.M))
        chip.setAccessibleName(f"Remove tag {visible(word)}")
        chip.setToolTip(f"Remove tag {visible(word)}".replace("<", "\u2039"))
        chip.clicked.connect(_Emit(self.removed, word))
        return chip


class _Emit:
    """Emits one word; holds no widget alive."""

    def __init__(self, signal: SignalInstance, word: str) -> None:
        self._signal = signal
        self._word = word

    def __call__(self) -> None:
        self._signal.emit(self._word)


class Stars(QWidget):
    """Nought to five stars, by click, digit or arrow."""

    chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._count = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip("Stars  1–5, 0 for none")
        theme.changed.connect(self.update)
        self.show_count(0)

    def count(self) -> int:
        """How many are shown."""
        return self._count

    def show_count(self, count: int) -> None:
        """Show `count` stars."""
        self._count = count
        self.setAccessibleName(f"{count} of 5 stars")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(paint.stars_width(self._theme) + 2 * Space.XS, self._theme.px(24))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        star = paint.star_at(self._theme, self._area(), event.position().toPoint())
        if star:
            self.chosen.emit(0 if star == self._count else star)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Up):
            self.chosen.emit(min(self._count + 1, paint.STARS))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Down):
            self.chosen.emit(max(self._count - 1, 0))
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color("focus"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        paint.stars(painter, self._theme, self._area(), self._count, lively=True)

    def _area(self) -> QRect:
        return self.rect().adjusted(Space.XS, 0, -Space.XS, 0)
