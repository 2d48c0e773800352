"""What the colours and signs of a heat map mean."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.cividis import cividis
from diptych.ui.widgets.heatmodel import HeatModel


class Legend(QWidget):
    """What the colours and signs of a heat map mean."""

    def __init__(self, theme: Theme, heat: HeatModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._heat = heat
        self._meaning = ""
        self._signs: list[tuple[str, str]] = []
        self.setFixedHeight(theme.px(28))
        heat.dataChanged.connect(self.update)
        heat.modelReset.connect(self.update)
        theme.changed.connect(self.update)

    def explain(self, meaning: str, signs: list[tuple[str, str]]) -> None:
        """Say what the colour measures, and what each sign in use stands for."""
        self._meaning, self._signs = meaning, signs
        words = ", ".join(f"{sign} {name}" for sign, name in signs)
        self.setAccessibleName(f"Colour shows {meaning} on a logarithmic scale; {words}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paint_at(QPainter(self), QPoint(0, 0))

    def needed(self) -> int:
        """The width that it fills."""
        image = QImage(1, 1, QImage.Format.Format_RGB32)
        return self.paint_at(QPainter(image), QPoint(0, 0))

    def paint_at(self, painter: QPainter, place: QPoint) -> int:
        """Paint it with its upper left corner at a place, and return where it ends."""
        theme = self._theme
        painter.setFont(theme.font(Size.CAPTION))
        metrics = painter.fontMetrics()
        middle = place.y() + self.height() // 2
        x = place.x()

        def write(text: str, color: str = "muted") -> None:
            nonlocal x
            painter.setPen(theme.color(color))
            painter.drawText(x, middle + metrics.ascent() // 2 - 1, text)
            x += metrics.horizontalAdvance(text)

        scale = self._heat.scale
        write(self._meaning)
        x += theme.px(12)
        write(f"{10**scale.low:.0e}".replace("e-0", "e-").replace("e+00", ""))
        x += theme.px(6)
        width = theme.px(140)
        for step in range(width):
            painter.fillRect(x + step, middle - 5, 1, 10, cividis(step / width))
        x += width + theme.px(6)
        write(f"{10**scale.high:.0e}".replace("e-0", "e-").replace("e+00", ""))
        x += theme.px(24)
        for sign, name in self._signs:
            write(sign, "text")
            x += theme.px(5)
            write(name)
            x += theme.px(14)
        return x
