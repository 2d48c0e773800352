"""A window onto matrices too large to hold: A, B and their difference side by side, one cursor through all three."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.viewport import own_viewport

Number: TypeAlias = "float | complex | int | None"
"""A value; None where there is none."""

_NUMBER = 86
_GAP = 24
_INSET = 10
_LARGE = 2**31 - 1
_NOTCH = 40
"""Rows that a wheel scrolls are its turn divided by this."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A part of the matrices: blocks of numbers by row and column."""

    rows: range
    columns: range
    blocks: Sequence[Sequence[Sequence[Number]]]

    def holds(self, rows: range, columns: range) -> bool:
        """Whether these places are all in this part."""
        return all(
            not part or (part.start >= known.start and part.stop <= known.stop)
            for part, known in ((rows, self.rows), (columns, self.columns))
        )

    def at(self, block: int, row: int, column: int) -> Number:
        """The number at a place of a block; None where this part does not have it."""
        if row not in self.rows or column not in self.columns:
            return None
        return self.blocks[block][row - self.rows.start][column - self.columns.start]


_NOTHING = Numbers(range(0), range(0), ())


class NumberGrid(QAbstractScrollArea):
    """Blocks of the same rows and columns; what is to be seen is asked for by `wanted`."""

    wanted = Signal(object, object)
    """These rows and columns (ranges) are in view and not known."""
    moved = Signal(int, int)
    """The cursor is on this row and column."""
    looked = Signal()
    """Other rows or columns are in view."""
    closed = Signal()

    def __init__(self, theme: Theme, titles: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        """`titles` are the blocks', each with the token of its colour; the last block is the difference."""
        super().__init__(parent)
        own_viewport(self)
        self._theme = theme
        self._titles = titles
        self._captions: Sequence[str] = ()
        self._size = (0, 0)
        self._numbers = _NOTHING
        self._cursor = (0, 0)
        self.setAccessibleName("Values of the tensor")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.verticalScrollBar().valueChanged.connect(self._look)
        self.horizontalScrollBar().valueChanged.connect(self._look)
        theme.changed.connect(self._measure)

    # showing -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Show nothing, and ask for the first page."""
        self._size, self._numbers, self._cursor = (0, 0), _NOTHING, (0, 0)
        self._measure()
        self.wanted.emit(range(self.page_rows()), range(self.page_columns()))

    def set_captions(self, captions: Sequence[str]) -> None:
        """What stands beside the title of each block."""
        self._captions = captions

    def show_numbers(self, size: tuple[int, int], numbers: Numbers) -> None:
        """Take a part of matrices of so many rows and columns."""
        first = size != self._size
        self._size, self._numbers = size, numbers
        if first:
            self._measure()
            self.set_cursor(0, 0)
        self.viewport().update()

    def size_of(self) -> tuple[int, int]:
        """Rows and columns of the whole."""
        return self._size

    def cursor_at(self) -> tuple[int, int]:
        """Row and column of the cursor."""
        return self._cursor

    def set_cursor(self, row: int, column: int) -> None:
        """Move the cursor, as far as there are values, and bring it into view."""
        rows, columns = self._size
        self._cursor = (min(max(row, 0), max(rows - 1, 0)), min(max(column, 0), max(columns - 1, 0)))
        for bar, at, page in (
            (self.verticalScrollBar(), self._cursor[0], self.page_rows()),
            (self.horizontalScrollBar(), self._cursor[1], self.page_columns()),
        ):
            bar.setValue(min(max(bar.value(), at - page + 1), at))
        self.moved.emit(*self._cursor)
        self.viewport().update()

    def in_view(self) -> tuple[range, range]:
        """The rows and columns in view."""
        top, left = self.verticalScrollBar().value(), self.horizontalScrollBar().value()
        rows, columns = self._size
        return range(top, min(top + self.page_rows(), rows)), range(left, min(left + self.page_columns(), columns))

    def page_rows(self) -> int:
        """How many rows are seen at once."""
        return max((self.viewport().height() - self._head()) // self._row(), 1)

    def page_columns(self) -> int:
        """How many columns of each block are seen at once."""
        room = self.viewport().width() - self._gutter() - (len(self._titles) - 1) * self._theme.px(_GAP)
        return max(room // (len(self._titles) * self._theme.px(_NUMBER)), 1)

    def height_for(self, rows: int) -> int:
        """The height that shows so many rows."""
        return self._head() + rows * self._row() + self.horizontalScrollBar().sizeHint().height()

    # moving --------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, column = self._cursor
        rows, columns = self._size
        whole = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        across = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        page = self.page_columns() if across else self.page_rows()
        keys = {
            Qt.Key.Key_Left: (row, column - 1), Qt.Key.Key_Right: (row, column + 1),
            Qt.Key.Key_Up: (row - 1, column), Qt.Key.Key_Down: (row + 1, column),
            Qt.Key.Key_PageUp: (row, column - page) if across else (row - page, column),
            Qt.Key.Key_PageDown: (row, column + page) if across else (row + page, column),
            Qt.Key.Key_Home: (0 if whole else row, 0),
            Qt.Key.Key_End: (rows - 1 if whole else row, columns - 1),
        }  # fmt: skip
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        elif event.key() in keys:
            self.set_cursor(*keys[Qt.Key(event.key())])
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x, y = round(event.position().x()), round(event.position().y())
        rows, columns = self.in_view()
        for block in range(len(self._titles)):
            across = (x - self._block(block)) // self._theme.px(_NUMBER)
            down = (y - self._head()) // self._row()
            if 0 <= across < len(columns) and 0 <= down < len(rows):
                self.set_cursor(rows.start + down, columns.start + across)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta()
        sideways = abs(turn.x()) > abs(turn.y())
        bar = self.horizontalScrollBar() if sideways else self.verticalScrollBar()
        bar.setValue(bar.value() - round((turn.x() if sideways else turn.y()) / _NOTCH))
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def _measure(self) -> None:
        """Let the bars reach as far as there is more than is seen."""
        rows, columns = self._size
        for bar, whole, page in (
            (self.verticalScrollBar(), rows, self.page_rows()),
            (self.horizontalScrollBar(), columns, self.page_columns()),
        ):
            bar.setRange(0, min(max(whole - page, 0), _LARGE))
            bar.setPageStep(page)
        self._look()

    def _look(self) -> None:
        rows, columns = self.in_view()
        if self._size != (0, 0) and not self._numbers.holds(rows, columns):
            self.wanted.emit(rows, columns)
        self.looked.emit()
        self.viewport().update()

    # painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        theme = self._theme
        rows, columns = self.in_view()
        small, body = theme.font(Size.CAPTION), theme.font(Size.BODY)
        width, height, head = theme.px(_NUMBER), self._row(), self._head()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for block, (title, token) in enumerate(self._titles):
            x = self._block(block)
            painter.setFont(theme.font(Size.BODY, bold=True))
            painter.setPen(theme.color(token))
            line = QRect(x, 0, max(len(columns), 1) * width - _INSET, head // 2)
            painter.drawText(line, right, title)
            line.setRight(line.right() - painter.fontMetrics().horizontalAdvance(title) - _INSET)
            painter.setFont(small)
            painter.setPen(theme.color("muted"))
            painter.drawText(line, right, self._captions[block] if block < len(self._captions) else "")
            for at, column in enumerate(columns):
                painter.drawText(QRect(x + at * width, head // 2, width - _INSET, head // 2), right, f"{column:,}")
        painter.setPen(QPen(theme.color("hairline"), 1))
        painter.drawLine(0, head - 1, self.viewport().width(), head - 1)
        for at, row in enumerate(rows):
            y = head + at * height
            painter.setFont(small)
            painter.setPen(theme.color("muted"))
            painter.drawText(QRect(0, y, self._gutter() - 2 * _INSET, height), right, f"{row:,}")
            painter.setFont(body)
            for across, column in enumerate(columns):
                numbers = [self._numbers.at(block, row, column) if self._numbers.blocks else None
                           for block in range(len(self._titles))]  # fmt: skip
                for block, number in enumerate(numbers):
                    rect = QRect(self._block(block) + across * width, y, width, height)
                    self._paint_number(painter, rect, number, _is_quiet(numbers), (row, column) == self._cursor)

    def _paint_number(self, painter: QPainter, rect: QRect, number: Number, quiet: bool, current: bool) -> None:
        theme = self._theme
        if current:
            painter.fillRect(rect.adjusted(2, 1, -2, -1), theme.color("selected"))
            painter.setPen(QPen(theme.color("focus" if self.hasFocus() else "faint"), 1))
            painter.drawRect(rect.adjusted(2, 1, -3, -2))
        odd = isinstance(number, float) and not math.isfinite(number)
        painter.setPen(theme.color("danger" if odd else "muted" if quiet else "text"))
        shown = rect.adjusted(0, 0, -_INSET, 0)
        painter.drawText(shown, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short(number))

    def _block(self, block: int) -> int:
        """Where a block begins."""
        across = min(self.page_columns(), max(self._size[1], 1))
        return self._gutter() + block * (across * self._theme.px(_NUMBER) + self._theme.px(_GAP))

    def _gutter(self) -> int:
        digits = len(f"{max(self._size[0] - 1, 0):,}")
        return self._theme.px(2 * _INSET + 8 + 7 * max(digits, 3))

    def _head(self) -> int:
        return 2 * self._theme.px(Size.CAPTION + 10)

    def _row(self) -> int:
        return self._theme.px(22)


def short(number: Number) -> str:
    """A number on six decimals, so that points stand below one another; very large and small ones by their power."""
    if number is None:
        return ""
    if isinstance(number, complex):
        return f"{number:.3g}"
    if isinstance(number, int):
        return f"{number:,}".replace("-", "−")
    if number == 0:
        return "0"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
    text = f"{number:.6f}" if 1e-4 <= abs(number) < 1e3 else f"{number:.3e}"
    return text.replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def _is_quiet(numbers: Sequence[Number]) -> bool:
    """Whether the difference is none, so that there is nothing to look at."""
    return numbers[-1] == 0
