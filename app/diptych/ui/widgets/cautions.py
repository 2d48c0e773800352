"""What to look at before something is done: every line with a sign; many of them scroll."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided

_MOST_AT_ONCE = 5
_SIGN = 16


class Cautions(QScrollArea):
    """The lines, one below the other; hidden while there are none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._line = theme.px(20)
        self.setAccessibleName("What to look at")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_texts(self, texts: Sequence[str]) -> None:
        """Show these lines in place of those before."""
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for text in texts:
            column.addWidget(self._row(text))
        self.setWidget(body)
        self.setFixedHeight(self._line * max(1, min(len(texts), _MOST_AT_ONCE)))
        self.setVisible(bool(texts))

    def texts(self) -> list[str]:
        """The lines."""
        body = self.widget()
        return [one.text() for one in body.findChildren(Elided)] if body is not None else []

    def _row(self, text: str) -> QWidget:
        row = QWidget()
        row.setFixedHeight(self._line)
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(Space.S)
        sign = QLabel()
        sign.setPixmap(icon("warning").pixmap(_SIGN, _SIGN))
        line.addWidget(sign)
        line.addWidget(Elided(text), 1)
        return row
