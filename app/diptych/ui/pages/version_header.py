"""The head of the page of a version: what it is called, where it comes from, what people say about it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.version import State, Version
from diptych.ui.context import Context
from diptych.ui.icons import icon
from diptych.ui.models.columns import KIND_SYMBOLS, RESCANNED, STATE_REASONS, STATE_SYMBOLS, base_text
from diptych.ui.models.tips import plain_tip
from diptych.ui.pages.version_facts import told
from diptych.ui.tokens import ICON, RAIL_ICON, Size, Space
from diptych.ui.widgets.chips import Chips, Stars
from diptych.ui.widgets.label import Elided, label

BASE_LETTERS = 30
"""Of a longer base the tooltip has the whole name."""

NOTE_LETTERS = 48


class VersionHeader(QWidget):
    """Asks; the page does."""

    back_asked = Signal()
    base_asked = Signal()
    compare_asked = Signal()
    push_asked = Signal()
    note_asked = Signal()
    tags_asked = Signal()
    tag_removed = Signal(str)
    stars_asked = Signal(int)
    copy_asked = Signal(str)
    reveal_asked = Signal()
    rescan_asked = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._version: Version | None = None
        theme = context.theme
        self.setProperty("role", "raised")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.back = _tool("back", "Back to the library")
        self.back.clicked.connect(self.back_asked)
        self._symbol = QLabel()
        self.name = Elided()
        self.name.setFont(theme.font(Size.TITLE, bold=True))
        self.stars = Stars(theme)
        self.stars.chosen.connect(self.stars_asked)
        self.compare = QPushButton("Compare with…  C")
        self.compare.setAccessibleName("Compare with…")
        self.compare.setProperty("role", "primary")
        self.compare.clicked.connect(self.compare_asked)
        self.push = QPushButton("Push  P")
        self.push.setIcon(icon("push"))
        self.push.setAccessibleName("Push")
        self.push.clicked.connect(self.push_asked)
        first = QHBoxLayout()
        first.setSpacing(Space.S)
        first.addWidget(self.name, 1)
        first.addWidget(self.stars)
        first.addSpacing(Space.S)
        first.addWidget(self.push)
        first.addWidget(self.compare)
        column = QVBoxLayout()
        column.setSpacing(Space.XS)
        column.addLayout(first)
        column.addLayout(self._second())
        column.addWidget(self._state_line())
        column.addSpacing(Space.XS)
        column.addLayout(self._third())
        whole = QHBoxLayout(self)
        whole.setContentsMargins(Space.S, Space.M, Space.L, Space.S)
        whole.setSpacing(Space.S)
        self._symbol.setFixedHeight(theme.px(Space.XXL))
        whole.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        whole.addWidget(self._symbol, 0, Qt.AlignmentFlag.AlignTop)
        whole.addLayout(column, 1)

    def _second(self) -> QHBoxLayout:
        self.id = QPushButton()
        self.id.setProperty("role", "link")
        self.id.clicked.connect(self._copy_id)
        self.facts = Elided(color=QPalette.ColorRole.PlaceholderText)
        self.facts.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.base = QPushButton()
        self.base.setProperty("role", "link")
        self.base.clicked.connect(self.base_asked)
        self._base_word = label("", "muted")
        self.timelapse = QPushButton("Time-lapse")
        self.timelapse.setProperty("role", "link")
        self.timelapse.setToolTip("How the weights of this run moved  Shift+T")
        self.timelapse.clicked.connect(self._show_timelapse)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        for widget in (self.id, self.facts, self._base_word, self.base, self.timelapse):
            row.addWidget(widget)
        row.addStretch(1)
        return row

    def _state_line(self) -> QWidget:
        """What is wrong with a version that is not whole, and what may end it."""
        self.state = QWidget()
        self._state_word = label("", "danger")
        self._reason = Elided()
        self.rescan = QPushButton("Scan again")
        self.rescan.setIcon(icon("refresh"))
        self.rescan.clicked.connect(self.rescan_asked)
        row = QHBoxLayout(self.state)
        row.setContentsMargins(0, Space.XS, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(self._state_word)
        row.addWidget(self._reason, 1)
        row.addWidget(self.rescan)
        return self.state

    def _third(self) -> QHBoxLayout:
        self.place = Elided(color=QPalette.ColorRole.PlaceholderText)
        self.place.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.reveal = _tool("folder", "Reveal in folder")
        self.reveal.clicked.connect(self.reveal_asked)
        self.copy_path = _tool("copy", "Copy path")
        self.copy_path.clicked.connect(self._copy_path)
        self.tags = Chips("Tags", "Tag  T", "tag")
        self.tags.added.connect(self.tags_asked)
        self.tags.removed.connect(self.tag_removed)
        self.note = QPushButton()
        self.note.setIcon(icon("note"))
        self.note.setProperty("role", "flat")
        self.note.clicked.connect(self.note_asked)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.place, 1)
        row.addWidget(self.copy_path)
        row.addWidget(self.reveal)
        row.addStretch(0)
        row.addSpacing(Space.L)
        row.addWidget(self.tags)
        row.addSpacing(Space.XS)
        row.addWidget(self.note)
        return row

    def show_version(self, version: Version, base_known: bool) -> None:
        """Show the facts of a version; `base_known`: its base can be opened."""
        self._version = version
        theme = self._context.theme
        whole = version.state is State.COMPLETE
        symbol = KIND_SYMBOLS[version.kind] if whole else STATE_SYMBOLS[version.state]
        color = theme.color("danger" if version.state is State.DAMAGED else "muted")
        self._symbol.setPixmap(icon(symbol, color).pixmap(QSize(RAIL_ICON, RAIL_ICON)))
        self._symbol.setToolTip(plain_tip(STATE_REASONS.get(version.state, str(version.kind))))
        self.name.set_text(version.name)
        self.stars.show_count(version.stars)
        self.id.setText(version.short_id)
        self.id.setFont(theme.code())
        self.id.setAccessibleName(f"Copy id {version.id}")
        self.id.setToolTip(
            "Copy the whole id" if version.hashed else "Copy the id; it is final once the files are hashed"
        )
        self.facts.set_text(" · ".join(_facts(version)) + (" ·" if version.base else ""))
        self.state.setVisible(version.state in RESCANNED)
        self._state_word.setText(version.state.value.capitalize())
        problem = f"  {told(version.problems[0], version)}" if version.problems else ""
        self._reason.set_text(STATE_REASONS.get(version.state, "") + problem)
        self.timelapse.setVisible(version.step is not None)
        self._base_word.setText(str(version.base.relation) if version.base else "")
        self.base.setVisible(version.base is not None)
        if version.base is not None:
            self.base.setText(display.elide(base_text(version.base.name), BASE_LETTERS))
            self.base.setEnabled(base_known)
            where = "Open the base" if base_known else "Not in the catalog"
            self.base.setToolTip(plain_tip(f"{where}: {display.visible(version.base.name)}"))
        self.place.set_text(display.path(version.path) if version.path else "")
        for button in (self.reveal, self.copy_path):
            button.setVisible(version.path is not None)
        self.tags.show_words(sorted(version.tags))
        note = display.visible(" ".join(version.note.split()))
        self.note.setText(display.elide(note, NOTE_LETTERS) if note else "Write a note  N")
        self.note.setToolTip(plain_tip(version.note) if note else "Write a note")
        self.note.setAccessibleName(f"Note: {note}" if note else "Write a note")

    def _show_timelapse(self) -> None:
        if self._version is not None:
            self._context.timelapse_asked.emit(self._version.model, self._version.step)

    def _copy_id(self) -> None:
        if self._version is not None:
            self.copy_asked.emit(self._version.id)

    def _copy_path(self) -> None:
        if self._version is not None and self._version.path is not None:
            self.copy_asked.emit(str(self._version.path))


def _facts(version: Version) -> list[str]:
    texts = [str(version.kind)]
    if version.state is not State.COMPLETE and version.state not in RESCANNED:
        texts.append(str(version.state))
    if version.step is not None:
        texts.append(f"step {version.step:,}")
    if version.parameters is not None:
        texts.append(f"{display.count(version.parameters)} parameters")
    texts += [display.visible(text) for text in (version.dtype,) if text]
    if version.bytes:
        texts.append(display.size(version.bytes))
    if version.created is not None:
        texts.append(display.ago(version.created))
    return texts


def _tool(symbol: str, text: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(symbol))
    button.setIconSize(QSize(ICON, ICON))
    button.setToolTip(text)
    button.setAccessibleName(text)
    return button
