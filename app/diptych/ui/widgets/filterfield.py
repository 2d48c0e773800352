"""A search field that asks while one types, completes the word under the cursor and says what is wrong below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space

if TYPE_CHECKING:
    from diptych.ui.widgets.suggestions import Suggestions

WAIT_MS = 120
"""How long typing may pause before the question is asked."""
_WANT_VALUE = (":", ">", "<", "=")
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Suggestion(NamedTuple):
    """One way to finish the word under the cursor."""

    text: str
    """What takes the word's place."""
    note: str = ""
    final: bool = True
    """Whether the word is then complete; else one goes on typing (`family:`)."""


class FilterField(QLineEdit):
    """The text is a query; `asked` follows it after a short pause."""

    asked = Signal(str)
    left = Signal()
    """The user is done here: Escape in an empty field, Enter, or the arrow down."""

    def __init__(
        self,
        theme: Theme,
        name: str,
        placeholder: str,
        suggest: Callable[[str], Sequence[Suggestion]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._suggest = suggest
        self._offers: Suggestions | None = None
        self._last = ""
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setClearButtonEnabled(True)
        self._lens = self.addAction(icon("search", theme.color("muted")), QLineEdit.ActionPosition.LeadingPosition)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._paused)
        self.textChanged.connect(self._changed)
        self.textEdited.connect(self._edited)
        theme.changed.connect(self._restyle)

    def set_query(self, text: str) -> None:
        """Put a query in and ask at once."""
        self.setText(text)
        self.ask()

    def show_query(self, text: str) -> None:
        """Put a query in that was asked already."""
        self._last = text.strip()
        self.setText(text)

    def ask(self) -> None:
        """Ask now, unless this was the last question already."""
        self._timer.stop()
        if self.text().strip() != self._last:
            self._last = self.text().strip()
            self.asked.emit(self._last)

    def show_problem(self, wrong: bool) -> None:
        """Draw the field as one whose text cannot be understood."""
        if bool(self.property("problem")) != wrong:
            self.setProperty("problem", "true" if wrong else "")
            self.style().unpolish(self)
            self.style().polish(self)

    def focusNextPrevChild(self, forward: bool) -> bool:
        # Tab takes the first suggestion; without one it goes on to the next widget
        if forward and self._offers is not None and self._offers.shown():
            self._offers.take()
            return True
        return super().focusNextPrevChild(forward)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        offers = self._offers
        if key == Qt.Key.Key_Escape:
            self._escape()
        elif key in _ENTER and offers is not None and offers.shown() and offers.is_chosen():
            offers.take()
        elif key in _ENTER or key == Qt.Key.Key_Down:
            self._offer_nothing()
            self.ask()
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._offer_nothing()
            self.ask()

    def suggestions(self) -> list[str]:
        """What is offered now."""
        return self._offers.offered() if self._offers is not None else []

    def _escape(self) -> None:
        if self._offers is not None and self._offers.shown():
            self._offers.hide()
        elif self.text():
            self.clear()
            self.ask()
        else:
            self.left.emit()

    def _changed(self) -> None:
        self._timer.start()

    def _paused(self) -> None:
        if self._suggest is None or not self.text().endswith(_WANT_VALUE):  # `tag:` is no mistake, but half a word
            self.ask()

    def _edited(self) -> None:
        if self._suggest is None:
            return
        _, word = self._word()
        offers = self._suggest(word) if word else ()
        if not offers or (len(offers) == 1 and offers[0].text == word):
            self._offer_nothing()
            return
        place = self.cursorRect()
        place.setLeft(max(place.left() - self.fontMetrics().horizontalAdvance(word), 0))
        place.setBottom(self.rect().bottom() + Space.XS)
        place.setWidth(min(self._theme.px(360), self.width()))
        self._list().offer(offers, place)

    def _list(self) -> Suggestions:
        """The list below, made when there is something to offer first."""
        from diptych.ui.widgets.suggestions import Suggestions

        if self._offers is None:
            self._offers = Suggestions(self._theme, self)
            self._offers.taken.connect(self._complete)
        return self._offers

    def _offer_nothing(self) -> None:
        if self._offers is not None:
            self._offers.hide()

    def _complete(self, text: str, final: bool) -> None:
        begin, word = self._word()
        rest = self.text()[begin + len(word) :]
        if final and not rest.startswith(" "):
            text += " "
        self.setText(self.text()[:begin] + text + rest)
        self.setCursorPosition(begin + len(text))
        self._offer_nothing()
        if not final:
            self._edited()

    def _word(self) -> tuple[int, str]:
        """Where the word under the cursor begins, and its text up to the cursor. Quotes hold words together."""
        text = self.text()[: self.cursorPosition()]
        begin, quoted = 0, False
        for place, character in enumerate(text):
            if character == '"':
                quoted = not quoted
            elif character == " " and not quoted:
                begin = place + 1
        return begin, text[begin:]

    def _restyle(self) -> None:
        self._lens.setIcon(icon("search", self._theme.color("muted")))
