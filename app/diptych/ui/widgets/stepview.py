"""What pictures over the steps of a run share: one step is marked, the pointer and the keys choose another."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size


class StepView(QWidget):
    """A picture in which every step has a place."""

    chosen = Signal(int)
    """The pointer is on this step (its number among the steps)."""
    opened = Signal()
    """Enter, or a double-click."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.place = 0
        self.steps: tuple[int, ...] = ()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        theme.changed.connect(self.update)

    def show_place(self, place: int, words: str) -> None:
        """Mark a step; `words` say what happened at it."""
        self.place = place
        self.setAccessibleDescription(words)
        self.update()

    def place_at(self, point: QPointF) -> int | None:
        """The step nearest to a point; None where there is none."""
        raise NotImplementedError

    def tip_at(self, point: QPointF) -> str:
        """What is said of a point."""
        place = self.place_at(point)
        return f"step {self.steps[place]:,}" if place is not None else ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._choose(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._choose(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tip_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def begin(self) -> QPainter:
        """A painter with the font of captions, the ring of the focus drawn."""
        painter = QPainter(self)
        painter.setFont(self.theme.font(Size.CAPTION))
        if self.hasFocus():
            painter.setPen(QPen(self.theme.color("focus"), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        return painter

    def _choose(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            place = self.place_at(event.position())
            if place is not None and place != self.place:
                self.chosen.emit(place)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, at most so many."""
    if not high > low or most < 1:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]
