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

_OTHERS = (
    ("rescan", "Scan again", "refresh"),
    ("tag", "Tag  T", "tag"),
    ("note", "Note  N", "note"),
    ("push", "Push  P", "push"),
    ("reveal", "Reveal in folder", "folder"),
    ("remove", "Remove  Del", "remove"),
)
"""The buttons behind Compare: what is done, text with key, and icon."""
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
        self._row = row
        self._text = Elided()
        self._sides: _Sides | None = None
        row.addWidget(self._text, 1)
        self.buttons: dict[str, QPushButton] = {}
        """Compare; the others too once something was selected."""
        self._wide = True
        self._add("compare", "Compare  C")
        self.show_selection(0, None, (None, None))

    def _add(self, key: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(key)
        button.setAccessibleName(text.partition("  ")[0])
        button.setProperty("role", "primary" if key == "compare" else "flat")
        button.clicked.connect(self._clicked)
        self.buttons[key] = button
        self._row.addWidget(button)
        return button

    def show_selection(self, count: int, one: Version | None, sides: Sequence[Version | None]) -> None:
        """Say what is selected (`one`: the only one) and what is A and B, and allow what can be done with it."""
        if any(sides) and self._sides is None:
            self._sides = _Sides(self)
            self._row.insertWidget(1, self._sides, 1)
        if self._sides is not None:
            self._sides.setVisible(any(sides))
            self._sides.show_versions(sides)
        self._text.setVisible(not any(sides))
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
        if count and len(self.buttons) == 1:
            for key, text, symbol in _OTHERS:
                self._add(key, text).setIcon(icon(symbol))
        alone = None if any(sides) else one  # two names want the room, and keys and the context menu do the rest
        allowed = {
            "rescan": one is not None and one.state in RESCANNED,
            "tag": count > 0,
            "note": alone is not None,
            "push": alone is not None and alone.state not in _UNSENT,
            "reveal": alone is not None and alone.path is not None and self._wide,
            "remove": count > 0,
        }
        for key, button in self.buttons.items():
            button.setVisible(allowed.get(key, True))

    def text(self) -> str:
        """What is said."""
        return self._text.text()

    def sides(self) -> tuple[str, ...]:
        """The names said to be A and B; none while nothing is."""
        return self._sides.names() if self._sides is not None and not self._sides.isHidden() else ()

    def set_wide(self, wide: bool) -> None:
        """Whether there is room for what the context menu offers too."""
        self._wide = wide

    def _clicked(self) -> None:
        self.asked.emit(self.sender().objectName())


class _Sides(QWidget):
    """What is A and what is B."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        self._marks = (label("A ●"), label("B ■"))
        self._names = (Elided(), Elided())
        for side, mark, name in zip(("a", "b"), self._marks, self._names, strict=True):
            mark.setProperty("side", side)
            row.addWidget(mark)
            row.addWidget(name, 1)

    def show_versions(self, versions: Sequence[Version | None]) -> None:
        for mark, name, version in zip(self._marks, self._names, versions, strict=True):
            name.set_text(version.name if version else "mark another version with Space")
            mark.setEnabled(version is not None)

    def names(self) -> tuple[str, ...]:
        return tuple(name.text() for name in self._names)
