"""The values of one tensor on a page: its name, where one is in it, a field to go elsewhere, and the numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from diptych import display
from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.label import Elided, label
from diptych.ui.widgets.numbers import NumberGrid, Numbers

_INDEX = re.compile(r"-?\d{1,15}")


class ValueView(QWidget):
    """Shows parts of matrices as they are brought, and says which are wanted."""

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape: tuple[int, ...] = ()
        self.setAccessibleName("Values")
        back = QPushButton("Back  Esc")
        back.setIcon(icon("back"))
        back.setProperty("role", "flat")
        back.setAccessibleName("Back to the map")
        back.clicked.connect(self.closed)
        self._title = Elided()
        self._title.setFont(theme.font(Size.BODY, bold=True))
        self._where = label(role="muted")
        self._where.setAccessibleName("Place in the tensor")
        self.field = QLineEdit()
        self.field.setPlaceholderText("Go to row, column  g")
        self.field.setAccessibleName("Go to an index of the tensor")
        self.field.setFixedWidth(theme.px(170))
        self.field.returnPressed.connect(self._go)
        self.grid = NumberGrid(theme, (("● A", "a"), ("■ B", "b"), ("B − A", "text")))
        self.grid.closed.connect(self.closed)
        self._exact = label(role="muted", selectable=True)
        self._exact.setAccessibleName("Value under the cursor")
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        head.addWidget(back)
        head.addWidget(self._title, 1)
        head.addWidget(self._where)
        head.addWidget(self.field)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, 0, Space.L, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.grid, 1)
        column.addWidget(self._exact)
        self.grid.looked.connect(self._tell_place)
        self.setFocusProxy(self.grid)

    def height_for(self, rows: int) -> int:
        """The height that shows so many rows of numbers."""
        around = self.field.sizeHint().height() + self._exact.sizeHint().height() + 2 * Space.S
        return self.grid.height_for(rows) + around

    def begin(self, title: str) -> None:
        """Show the name of a tensor, and ask for its first page."""
        self._shape = ()
        self._title.set_text(title)
        self.field.clear()
        self._where.setText("")
        self.say("Reading values…")
        self.grid.begin()

    def show_page(
        self, shape: Sequence[int], size: tuple[int, int], numbers: Numbers, captions: Sequence[str] = ()
    ) -> None:
        """Show a part of tensors of this shape, which lie flat as a matrix of `size`."""
        self._shape = tuple(shape)
        self.grid.set_captions(captions)
        self.grid.show_numbers(size, numbers)
        self._tell_place()

    def say(self, text: str) -> None:
        """The line below the numbers: the value under the cursor exactly, or what went wrong."""
        self._exact.setText(text)
        self.grid.setAccessibleDescription(text)

    def said(self) -> str:
        """What the line below the numbers says."""
        return self._exact.text()

    def index_text(self) -> str:
        """The index of the cursor as the tensor counts (`[3, 17, 40]`)."""
        row, column = self.grid.cursor_at()
        if len(self._shape) < 2:
            return f"[{row}]"
        index = [column]
        for length in reversed(self._shape[:-1]):
            row, at = divmod(row, max(length, 1))
            index.insert(0, at)
        return str(index)

    def go_to(self, text: str) -> str:
        """Put the cursor on an index: as many numbers as the tensor has dimensions, or row and column, or a flat one.

        Negative numbers count from the end. The result says what is wrong, or is empty.
        """
        index = [int(number) for number in _INDEX.findall(text)]
        rows, columns = self.grid.size_of()
        if not rows * columns:
            return "There are no values to go to."
        for shape in dict.fromkeys((self._shape, (rows, columns), (rows * columns,))):
            if len(index) == len(shape):
                return self._put(index, shape, columns)
        return f"An index has {display.listing([str(length) for length in sorted({1, 2, len(self._shape)})])} numbers."

    def start_going(self) -> None:
        """Type an index."""
        self.field.setFocus()
        self.field.selectAll()

    def _put(self, index: Sequence[int], shape: Sequence[int], columns: int) -> str:
        at = 0
        for number, length in zip(index, shape, strict=True):
            place = number + length if number < 0 else number
            if not 0 <= place < length:
                return f"{number:,} is not within {length:,}."
            at = at * length + place
        self.grid.set_cursor(*divmod(at, columns))
        return ""

    def _go(self) -> None:
        fault = self.go_to(self.field.text())
        if fault:
            self.say(fault)
        else:
            self.grid.setFocus()

    def _tell_place(self) -> None:
        rows, columns = self.grid.in_view()
        whole = self.grid.size_of()
        if not rows or not columns:
            return
        parts = [
            f"{name} {part.start:,}–{part.stop - 1:,} of {length:,}"
            for name, part, length in zip(("rows", "columns"), (rows, columns), whole, strict=True)
            if length > 1 or name == "rows"
        ]
        self._where.setText(" · ".join(parts))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.field.hasFocus():
                self.grid.setFocus()
            else:
                self.closed.emit()
        elif event.key() == Qt.Key.Key_G and not event.modifiers():
            self.start_going()
        else:
            super().keyPressEvent(event)
