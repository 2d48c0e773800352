"""A panel that opens beside a map: one thing, its numbers, its histograms."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.decay import Decay
from diptych.ui.widgets.histogram import Histogram
from diptych.ui.widgets.label import Elided, label
from diptych.ui.widgets.link import Link

WIDTH = 312


class Drawer(QFrame):
    """Shows one thing at a time; Escape closes it."""

    closed = Signal()
    spectrum_asked = Signal()
    values_asked = Signal()
    cancel_asked = Signal()
    """Stop what is being read for the drawer."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFixedWidth(theme.px(WIDTH))
        self.setAccessibleName("Tensor")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._title = Elided(mode=Qt.TextElideMode.ElideLeft)  # layer, expert and kind stand at the end of a name
        self._title.setFont(theme.font(Size.BODY, bold=True))
        close = QToolButton()
        close.setIcon(icon("cancel"))
        close.setAccessibleName("Close tensor")
        close.setToolTip("Close  Esc")
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(close)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(Space.L)
        self._facts.setVerticalSpacing(2)
        self._facts.setColumnStretch(1, 1)
        self._state = label(role="muted", wrap=True)
        self.cancel = Link(theme, "Cancel", theme.font())
        self.cancel.setAccessibleName("Cancel reading this tensor")
        self.cancel.clicked.connect(self.cancel_asked)
        working = QHBoxLayout()
        working.addWidget(self._state, 1)
        working.addWidget(self.cancel)
        self.histograms = (
            Histogram(theme, "● A", "a"),
            Histogram(theme, "■ B", "b"),
            Histogram(theme, "change B − A, by powers of two", "muted"),
        )
        self.ask = QPushButton("Spectrum")
        self.ask.setProperty("role", "flat")
        self.ask.setToolTip("How many directions the change has")
        self.ask.clicked.connect(self.spectrum_asked)
        self.values = QPushButton("Values")
        self.values.setProperty("role", "flat")
        self.values.setToolTip("The numbers themselves  v")
        self.values.clicked.connect(self.values_asked)
        asking = QHBoxLayout()
        asking.setSpacing(Space.S)
        asking.addWidget(self.values)
        asking.addWidget(self.ask)
        asking.addStretch(1)
        self.spectrum = Decay(theme, "singular values of the change")
        self._told = label(role="muted", wrap=True, selectable=True)
        self._told.setAccessibleName("Spectrum of the change, in words")
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, 0, Space.L, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addLayout(self._facts)
        for histogram in self.histograms:
            histogram.hide()
            column.addWidget(histogram)
        # below them, so that they stay in their places when all is counted
        column.addLayout(working)
        column.addLayout(asking)
        column.addWidget(self.spectrum)
        column.addWidget(self._told)
        for widget in (self.ask, self.cancel, self.spectrum, self._told):
            widget.hide()
        column.addStretch(1)

    def show_facts(self, title: str, facts: Sequence[tuple[str, str]], state: str = "") -> None:
        """Show a name, its numbers, and a sentence in place of the histograms."""
        self._title.set_text(title)
        self.setAccessibleName(f"Tensor {self._title.text()}")
        while (item := self._facts.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for at, (name, value) in enumerate(facts):
            text = label(value, selectable=True)
            text.setAlignment(Qt.AlignmentFlag.AlignRight)
            named = label(name, "muted")
            named.setProperty("side", {"●": "a", "■": "b"}.get(name[:1], ""))
            self._facts.addWidget(named, at, 0)
            self._facts.addWidget(text, at, 1)
        self.show_state(state)
        self.hide_counts()
        for widget in (self.ask, self.spectrum, self._told):
            widget.hide()

    def show_state(self, text: str, working: bool = False) -> None:
        """Say how the histograms come along, with a way to stop while they do; nothing hides the line."""
        self._state.setText(text)
        self._state.setVisible(bool(text))
        self.cancel.setVisible(working)

    def state(self) -> str:
        """The sentence in place of the histograms."""
        return self._state.text()

    def show_counts(self, which: int, counts: Sequence[int], edges: Sequence[float]) -> None:
        """Show the histogram of A (0), B (1) or the change (2); without any counts its place."""
        self.histograms[which].show_counts(counts, edges)
        self.histograms[which].show()

    def hide_counts(self) -> None:
        """Show no histogram."""
        for histogram in self.histograms:
            histogram.hide()

    def offer_spectrum(self) -> None:
        """Let the user ask for the spectrum of the change; it takes a second, so it does not come by itself."""
        self.ask.setEnabled(True)
        self.ask.show()

    def wait_for_spectrum(self) -> None:
        """Say that the spectrum is being computed."""
        self.ask.setEnabled(False)
        self.say_of_spectrum("Decomposing the change…")

    def show_spectrum(self, values: Sequence[float], rank: int | None, text: str) -> None:
        """Show the singular values, the rank where they drop, and a sentence."""
        self.ask.hide()
        self.spectrum.show_values(values, rank)
        self.spectrum.show()
        self.say_of_spectrum(text)

    def say_of_spectrum(self, text: str) -> None:
        """A sentence below the spectrum, or in its place."""
        self._told.setText(text)
        self._told.show()

    def spectrum_text(self) -> str:
        """The sentence about the spectrum."""
        return self._told.text()

    def facts(self) -> list[str]:
        """The texts of the numbers in view."""
        found = []
        for at in range(self._facts.count()):
            item = self._facts.itemAt(at)
            widget = item.widget() if item is not None else None
            if isinstance(widget, QLabel):
                found.append(widget.text())
        return found

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
