"""The parts of the page of a time-lapse: head, what is missing, the three views, the step in words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPalette
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from diptych import display
from diptych.compare.timelapse import Against
from diptych.job import Tick
from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.label import Elided, hairline, label
from diptych.ui.widgets.steplines import StepLines
from diptych.ui.widgets.stepmap import StepMap
from diptych.ui.widgets.steppath import StepPath
from diptych.ui.widgets.stepview import StepView
from diptych.ui.widgets.switch import switch

_NAMES = {Against.PREVIOUS: "Previous", Against.FIRST: "First", Against.LAST: "Last"}
_DENSITY = 2
_TOLD = 4
"""Sentences about the whole run that are shown, the most alarming first."""


class Head(QWidget):
    """The run, and what is held against what."""

    against = Signal(object)
    """An `Against`."""
    picture_asked = Signal()
    csv_asked = Signal()
    back_asked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.back = QToolButton()
        self.back.setIcon(icon("back"))
        self.back.setToolTip("Back  Esc")
        self.back.setAccessibleName("Back")
        self.back.clicked.connect(self.back_asked)
        self.name = Elided()
        self.name.setFont(theme.font(Size.TITLE, bold=True))
        self.words = Elided("", Qt.TextElideMode.ElideRight, QPalette.ColorRole.PlaceholderText)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.name)
        words.addWidget(self.words)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.S, Space.S, Space.M, Space.S)
        row.setSpacing(Space.XS)
        row.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addSpacing(Space.L)
        self._caption = label("Movement against", "muted")
        row.addWidget(self._caption)
        group = QButtonGroup(self)
        self._buttons: dict[Against, QPushButton] = {}
        for against, text in _NAMES.items():
            button = switch(text, f"Hold each checkpoint against the {text.lower()} one  A")
            button.setAccessibleName(f"Movement against the {text.lower()} checkpoint")
            button.clicked.connect(lambda _=False, chosen=against: self.against.emit(chosen))
            group.addButton(button)
            row.addWidget(button)
            self._buttons[against] = button
        self._buttons[Against.PREVIOUS].setChecked(True)
        row.addSpacing(Space.S)
        self.table = switch("Table", "The steps as a table  T")
        row.addWidget(self.table)
        menu = QMenu(self)
        menu.addAction("Picture as PNG…", self.picture_asked.emit)
        menu.addAction("Table as CSV…", self.csv_asked.emit)
        self.export = QToolButton()
        self.export.setText("Export")
        self.export.setIcon(icon("export"))
        self.export.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.export.setAccessibleName("Export")
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export.setMenu(menu)
        row.addWidget(self.export)
        self.show_ready(False)

    def show_run(self, model: str, words: str) -> None:
        """Name the run, and say what is known of it."""
        self.name.set_text(model)
        self.words.set_text(f"Time-lapse · {words}" if words else "Time-lapse")

    def show_ready(self, ready: bool) -> None:
        """Offer what needs something to be shown."""
        for widget in (self._caption, *self._buttons.values(), self.table, self.export):
            widget.setVisible(ready)

    def show_against(self, against: Against) -> None:
        """Mark what is held against."""
        self._buttons[against].setChecked(True)

    def next(self) -> Against:
        """What comes after the one that is marked."""
        order = list(_NAMES)
        at = next(place for place, against in enumerate(order) if self._buttons[against].isChecked())
        return order[(at + 1) % len(order)]


class Missing(QWidget):
    """How many checkpoints have no fingerprint, a button that makes them, and how far that has come."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "raised")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.words = Elided("", Qt.TextElideMode.ElideRight)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Fingerprints")
        self.progress.setTextVisible(False)
        self.progress.setFixedSize(160, 6)
        self.make = QPushButton()
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel fingerprinting")
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.L, Space.XS, Space.M, Space.XS)
        row.setSpacing(Space.M)
        row.addWidget(self.words, 1)
        for widget in (self.progress, self.make, self.cancel):
            row.addWidget(widget)
        self.hide()

    def show_state(self, waiting: int, absent: int, size: int, tick: Tick | None, offer: bool) -> None:
        """Show what is missing; `tick` while it is being made, `offer` where no larger button does."""
        making = tick is not None
        parts = []
        if waiting:
            verb = "has" if waiting == 1 else "have"
            read = f"{display.size(size)} to read"
            parts.append(f"{display.plural(waiting, 'checkpoint')} {verb} no fingerprint yet ({read})")
        if absent:
            parts.append(f"{display.plural(absent, 'checkpoint')} left out: no fingerprint, and no weights here")
        if tick is not None:
            parts.insert(0, tick.text or "Fingerprinting")
            self.progress.setRange(0, 1000 if tick.total else 0)
            self.progress.setValue(round(1000 * tick.done / tick.total) if tick.total else 0)
        self.words.set_text(" · ".join(parts))
        self.make.setText(f"Fingerprint {display.plural(waiting, 'checkpoint')}")
        self.make.setVisible(bool(waiting) and not making)
        self.progress.setVisible(making)
        self.cancel.setVisible(making)
        self.setVisible(making or (offer and bool(parts)))


class Body(QWidget):
    """The map above, the distances and the path below."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.told = [Elided("", Qt.TextElideMode.ElideRight, QPalette.ColorRole.PlaceholderText) for _ in range(_TOLD)]
        told = QVBoxLayout()
        told.setContentsMargins(Space.S, 0, Space.S, 0)
        told.setSpacing(0)
        for line in self.told:
            line.setSizePolicy(line.sizePolicy().horizontalPolicy(), QSizePolicy.Policy.Fixed)
            told.addWidget(line)
        self.map = StepMap(theme, "Movement of every layer at every step")
        self.lines = StepLines(theme, "Distance from the start and to the end")
        self.path = StepPath(theme, "Path of the weights in a plane")
        below = QHBoxLayout()
        below.setSpacing(Space.XL)
        below.addLayout(_titled("Distance", "‖ΔW‖ ∕ ‖W₀‖", self.lines), 3)
        below.addLayout(_titled("Path", "both axes in ‖W₀‖", self.path), 2)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(Space.S, Space.M, Space.S, Space.S)
        whole.setSpacing(Space.S)
        whole.addLayout(told)
        whole.addLayout(_titled("Movement of layers", "", self.map), 3)
        whole.addLayout(below, 2)

    @property
    def views(self) -> tuple[StepView, StepView, StepView]:
        """All three."""
        return self.map, self.lines, self.path

    def show_told(self, sentences: Sequence[str]) -> None:
        """Say what a reader should know of the whole."""
        for place, line in enumerate(self.told):
            said = sentences[place] if place < len(sentences) else ""
            line.set_text(f"{said[:1].upper()}{said[1:]}")
            line.setVisible(bool(said))


class Foot(QWidget):
    """The step in words."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step = Elided("", Qt.TextElideMode.ElideRight)
        self.step.setFont(theme.font(Size.BODY, bold=True))
        self.layers = Elided("", Qt.TextElideMode.ElideRight)
        self.source = Elided("", Qt.TextElideMode.ElideRight, QPalette.ColorRole.PlaceholderText)
        self.compare = QPushButton("Compare with previous  Enter")
        self.compare.setAccessibleName("Compare with previous step")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.step)
        words.addWidget(self.layers)
        words.addWidget(self.source)
        row = QHBoxLayout()
        row.setContentsMargins(Space.L, Space.S, Space.M, Space.S)
        row.setSpacing(Space.L)
        row.addLayout(words, 1)
        row.addWidget(self.compare)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(hairline())
        whole.addLayout(row)
        self.hide()

    def show_step(self, words: str, layers: str, source: str, has_previous: bool) -> None:
        """Say what happened."""
        self.step.set_text(words)
        self.layers.set_text(layers)
        self.source.set_text(source)
        self.compare.setEnabled(has_previous)


class Nothing(QWidget):
    """One sentence, one action."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = label("", "section", wrap=True)
        self.hint = label("", "muted", wrap=True)
        self.act = QPushButton()
        self.act.setProperty("role", "primary")
        whole = QVBoxLayout(self)
        whole.setSpacing(Space.M)
        whole.addStretch(2)
        for widget in (self.words, self.hint):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            whole.addWidget(widget)
        whole.addWidget(self.act, 0, Qt.AlignmentFlag.AlignHCenter)
        whole.addStretch(3)

    def show_words(self, words: str, hint: str, button: str) -> None:
        """Say what is the matter and offer `button`, unless that is empty."""
        self.words.setText(words)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.act.setText(button)
        self.act.setVisible(bool(button))


def column(page: QWidget, widgets: Sequence[QWidget], stretched: QWidget) -> None:
    """Put widgets under one another without gaps."""
    whole = QVBoxLayout(page)
    whole.setContentsMargins(0, 0, 0, 0)
    whole.setSpacing(0)
    for widget in widgets:
        whole.addWidget(widget, int(widget is stretched))


def picture_of(body: QWidget, theme: Theme, title: str) -> QImage:
    """What a widget shows under a title, at twice the density."""
    edge, head = int(Space.L), theme.px(Space.XXL)
    size = body.size()
    image = QImage(
        (size.width() + 2 * edge) * _DENSITY, (size.height() + head + 2 * edge) * _DENSITY, QImage.Format.Format_RGB32
    )
    image.setDevicePixelRatio(_DENSITY)
    image.fill(theme.color("surface"))
    painter = QPainter(image)
    painter.setFont(theme.font(Size.BODY, bold=True))
    painter.setPen(theme.color("text"))
    place = QRect(edge + Space.L, edge, size.width() - 2 * Space.L, head)
    text = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, place.width())
    painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
    body.render(painter, QPoint(edge, edge + head))
    painter.end()
    return image


def _titled(title: str, unit: str, widget: QWidget) -> QBoxLayout:
    box = QVBoxLayout()
    box.setSpacing(Space.XS)
    head = QWidget()
    head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    row = QHBoxLayout(head)
    row.setContentsMargins(Space.S, 0, 0, 0)
    row.setSpacing(Space.S)
    for words in (label(title, "section"), label(unit, "caption")):
        row.addWidget(words)
    row.addStretch(1)
    box.addWidget(head)
    box.addWidget(widget, 1)
    return box
