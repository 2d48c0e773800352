"""What curves are drawn over, and how much they are smoothed."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSlider, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.switch import switch

AXES = {
    "step": ("Step", "Steps of the optimizer"),
    "epoch": ("Epoch", "Times that the data were seen"),
    "tokens": ("Tokens", "Tokens that were seen"),
    "progress": ("Progress", "Share of the steps of each run, for runs of different lengths"),
}
"""What a curve may be drawn over: the name of a button, and what it means."""
_MOST = 99


class CurveBar(QWidget):
    """Buttons for the axis and a slider for the smoothing."""

    changed = Signal()
    """Another axis or another smoothing was chosen."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wanted = "step"
        """The axis that was chosen; another is drawn over where that is not known."""
        self._buttons = {key: switch(*words) for key, words in AXES.items()}
        group = QButtonGroup(self)
        group.buttonClicked.connect(self._chose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XS)
        over = label("Over", "muted")
        row.addWidget(over)
        for button in self._buttons.values():
            group.addButton(button)
            row.addWidget(button)
        row.addSpacing(Space.L)
        row.addWidget(label("Smoothing", "muted"))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _MOST)
        self.slider.setPageStep(10)
        self.slider.setFixedWidth(theme.px(120))
        self.slider.setAccessibleName("Smoothing")
        self.slider.setToolTip("Share of the mean so far that each point keeps; what was logged stays visible below")
        self.slider.valueChanged.connect(self._slid)
        row.addWidget(self.slider)
        self._value = label("", "caption")
        self._value.setMinimumWidth(self._value.fontMetrics().horizontalAdvance("0.00 "))
        row.addWidget(self._value)
        row.addStretch(1)
        self._tell()

    def offer(self, known: Collection[str]) -> None:
        """Offer the axes that are `known`: the one that is wanted if it is among them, else the first."""
        for key, button in self._buttons.items():
            button.setVisible(key in known)
        self._buttons[self.wanted if self.wanted in known else "step"].setChecked(True)

    def choose(self, axis: str, smoothing: float) -> None:
        """Show what was chosen before, telling nobody."""
        self.wanted = axis if axis in AXES else "step"
        self._buttons[self.wanted].setChecked(True)
        self.slider.blockSignals(True)
        self.slider.setValue(round(smoothing * 100))
        self.slider.blockSignals(False)
        self._tell()

    def axis(self) -> str:
        """The key of the chosen axis."""
        return next((key for key, button in self._buttons.items() if button.isChecked()), "step")

    def smoothing(self) -> float:
        """The weight of the mean so far, 0 (none) to 0.99."""
        return self.slider.value() / 100

    def _chose(self) -> None:
        self.wanted = self.axis()
        self.changed.emit()

    def _slid(self) -> None:
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        self._value.setText(f"{self.smoothing():.2f}" if self.slider.value() else "off")
