"""The strip below the library: what is selected, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from diptych import display
from diptych.domain.version import State, Version
from diptych.ui.icons import icon
from diptych.ui.models.columns import RESCANNED, STATE_REASONS
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided, label

_BUTTONS = (
    ("compare", "Compare", "C", "compare"),
    ("rescan", "Scan again", "", "refresh"),
    ("tag", "Tag", "T", "tag"),
    ("note", "Note", "N", "note"),
    ("push", "Push", "P", "push"),
    ("reveal", "Reveal in folder", "", "folder"),
    ("remove", "Remove", "Del", "remove"),
)
_UNSENT = RESCANNED | {State.NO_WEIGHTS}
"""States in which a push is not what one thinks of first; the context menu has it."""


class SelectionBar(QWidget):
    """Always there, so that the table never changes its height."""

    asked = Signal(str)
    """The last part of an action's id."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "raised")
        self.setAccessibleName("Selection")
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.L, Space.S, Space.S, Space.S)
        row.setSpacing(Space.S)
        self._text = Elided()
        self._sides = QWidget()
        sides = QHBoxLayout(self._sides)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(Space.S)
        self._marks = (label("A ●"), label("B ■"))
        self._names = (Elided(), Elided())
        for side, mark, name in zip(("a", "b"), self._marks, self._names, strict=True):
            mark.setProperty("side", side)
            sides.addWidget(mark)
            sides.addWidget(name, 1)
        row.addWidget(self._text, 1)
        row.addWidget(self._sides, 1)
        self.buttons: dict[str, QPushButton] = {}
        self._wide = True
        for key, text, keys, symbol in _BUTTONS:
            button = QPushButton(f"{text}  {keys}" if keys else text)
            button.setObjectName(key)
            button.setAccessibleName(text)
            button.setProperty("role", "primary" if key == "compare" else "flat")
            if key != "compare":
                button.setIcon(icon(symbol))
            button.clicked.connect(self._clicked)
            self.buttons[key] = button
            row.addWidget(button)
        self.show_selection(0, None, (None, None))

    def show_selection(self, count: int, one: Version | None, sides: Sequence[Version | None]) -> None:
        """Say what is selected (`one`: the only one) and what is A and B, and allow what can be done with it."""
        self._sides.setVisible(any(sides))
        self._text.setVisible(not any(sides))
        for mark, name, version in zip(self._marks, self._names, sides, strict=True):
            name.set_text(version.name if version else "mark another version with Space")
            mark.setEnabled(version is not None)
        if not count:
            self._text.set_text("Select two versions, or mark them with Space, then press C")
        elif one is not None:
            reason = STATE_REASONS.get(one.state, "") if one.state in RESCANNED else ""
            self._text.set_text(f"{one.name}   {reason}".rstrip())
        else:
            self._text.set_text(f"{display.plural(count, 'version')} selected")
        both = all(sides)
        self.buttons["compare"].setEnabled(both or count in (1, 2))
        self.buttons["compare"].setText("Compare with…  C" if count == 1 and not both else "Compare  C")
        allowed = {
            "rescan": one is not None and one.state in RESCANNED,
            "tag": count > 0,
            "note": one is not None,
            "push": one is not None and one.state not in _UNSENT,
            "reveal": one is not None and one.path is not None and self._wide,
            "remove": count > 0,
        }
        for key, shown in allowed.items():
            self.buttons[key].setVisible(shown)

    def text(self) -> str:
        """What is said."""
        return self._text.text()

    def sides(self) -> tuple[str, ...]:
        """The names said to be A and B; none while nothing is."""
        return tuple(name.text() for name in self._names) if not self._sides.isHidden() else ()

    def set_wide(self, wide: bool) -> None:
        """Whether there is room for what the context menu offers too."""
        self._wide = wide

    def _clicked(self) -> None:
        self.asked.emit(self.sender().objectName())
