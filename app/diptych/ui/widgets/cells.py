"""What a cell of a table says and how it is painted. A model answers `CELL` with a `Cell`; one delegate paints all."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QIcon, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import ICON, Size, Space
from diptych.ui.widgets import paint

CELL = int(Qt.ItemDataRole.UserRole) + 1
FRACTION = "0000"
"""Room kept behind the decimal point, so that points stand under one another."""


class Align(IntEnum):
    """Where a text stands in its cell."""

    LEFT = 0
    RIGHT = 1
    POINT = 2
    """The decimal point of every row stands at the same place."""
    CENTER = 3


class Cell(NamedTuple):
    """One cell. Whatever is painted is also in `text`, for copying and for screen readers, unless `silent`."""

    text: str = ""
    align: Align = Align.LEFT
    color: str = "text"
    """A token of the palette."""
    bold: bool = False
    code: bool = False
    """In the font of digests and paths."""
    after: str = ""
    """Said more quietly behind the text."""
    shorter: tuple[str, ...] = ()
    """The same number with fewer digits, for where it does not fit: a number is never cut."""
    symbol: str = ""
    """Name of an icon before the text."""
    alarm: bool = False
    """The icon and what stands behind the text tell of something wrong."""
    indent: int = 0
    """Levels of a tree."""
    fold: bool | None = None
    """Whether the rows below are shown; None where there are none to show."""
    chips: tuple[str, ...] = ()
    stars: int | None = None
    curve: tuple[float, ...] = ()
    """A small curve before the text, where there is room for both."""
    badges: tuple[str, ...] = ()
    """Words in quiet boxes behind the text."""
    rating: int = 0
    """Stars, as one star and a figure behind the text."""
    silent: bool = False
    """The text is read, not painted."""


EMPTY = Cell()
_Index = QModelIndex | QPersistentModelIndex
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_CENTER = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignHCenter
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class CellDelegate(QStyledItemDelegate):
    """Paints cells and hears the clicks on their parts."""

    folded = Signal(QModelIndex)
    """The triangle of a row was clicked."""
    starred = Signal(QModelIndex, int)
    """A star was clicked."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons: dict[tuple[str, str], QIcon] = {}
        self.hovered = -1
        """The row under the pointer."""
        self._fonts: dict[tuple[bool, bool], tuple[QFont, QFontMetrics]] = {}
        self._line = QPen()
        self._room = 0
        self._restyle()
        theme.changed.connect(self._restyle)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        cell = index.data(CELL)
        if not isinstance(cell, Cell):
            cell = EMPTY
        rect: QRect = option.rect
        self._background(painter, option, rect, index)
        if cell is EMPTY:
            return
        painter.save()
        area = rect.adjusted(Space.S, 0, -Space.S, 0)
        area = self._lead(painter, cell, area)
        if cell.stars is not None:
            lively = self._lively(option, index)
            paint.stars(painter, self._theme, area, cell.stars, lively)
        elif cell.chips:
            paint.chips(painter, self._theme, area, cell.chips, self._font(False, False))
        elif not cell.silent:
            self._text(painter, cell, area)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """The width that shows the whole text, for double-clicks on a header's edge."""
        cell = index.data(CELL)
        if not isinstance(cell, Cell):
            return QSize(Space.XL, self._theme.row)
        metrics = self._fonts[cell.bold, cell.code][1]
        width = metrics.horizontalAdvance(cell.text) + 2 * Space.S + cell.indent * Space.L
        width += ICON + Space.S if cell.symbol else 0
        width += Space.L if cell.fold is not None else 0
        width += metrics.horizontalAdvance("  " + cell.after) if cell.after else 0
        return QSize(width, self._theme.row)

    def editorEvent(self, event: QEvent, model: object, option: QStyleOptionViewItem, index: _Index) -> bool:
        if event.type() != QEvent.Type.MouseButtonRelease or not isinstance(event, QMouseEvent):
            return False
        cell = index.data(CELL)
        if not isinstance(cell, Cell) or event.button() != Qt.MouseButton.LeftButton or event.modifiers():
            return False
        rect: QRect = option.rect
        return self._clicked(cell, rect, event.position().toPoint(), index.model().index(index.row(), index.column()))

    def _clicked(self, cell: Cell, rect: QRect, point: QPoint, index: QModelIndex) -> bool:
        left = rect.left() + Space.S
        if cell.fold is not None and point.x() < left + cell.indent * Space.L + Space.L + Space.XS:
            self.folded.emit(index)
            return True
        if cell.stars is not None:
            star = paint.star_at(self._theme, rect.adjusted(Space.S, 0, -Space.S, 0), point)
            if star:
                self.starred.emit(index, 0 if star == cell.stars else star)
                return True
        return False

    def _background(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, index: _Index) -> None:
        view = option.widget
        current = isinstance(view, QTableView) and view.hasFocus() and view.currentIndex().row() == index.row()
        if _selected(option, index):
            paint.fill(painter, rect, self._theme.color("selected"))
        elif current:
            paint.fill(painter, rect, self._theme.color("hover"))
        painter.setPen(self._line)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if current and isinstance(view, QTableView) and _first(view, index):
            paint.row_focus(painter, self._theme, rect)

    def _lead(self, painter: QPainter, cell: Cell, area: QRect) -> QRect:
        """Paint what stands before the text and return the room left for it."""
        area = area.adjusted(cell.indent * Space.L, 0, 0, 0)
        if cell.fold is not None:
            name = "expanded" if cell.fold else "collapsed"
            box = QRect(area.left() - 2, area.center().y() - 6, 12, 12)
            self._icon(name, "muted").paint(painter, box)
            area.setLeft(area.left() + Space.L)
        if cell.symbol:
            box = QRect(area.left(), area.center().y() - ICON // 2 + 1, ICON, ICON)
            self._icon(cell.symbol, "danger" if cell.alarm else cell.color).paint(painter, box)
            area.setLeft(area.left() + ICON + Space.XS + 2)
        if len(cell.curve) > 1:
            metrics = self._fonts[cell.bold, False][1]
            number = max(metrics.horizontalAdvance("0." + FRACTION), metrics.horizontalAdvance(cell.text)) + Space.S
            width = min(Space.XXL + Space.XS, area.width() - number)
            if width >= Space.L:
                box = QRect(area.left(), area.top() + 7, width, area.height() - 14)
                paint.curve(painter, self._theme, box, cell.curve)
                area.setLeft(area.left() + width + Space.XS)
        return area

    def _text(self, painter: QPainter, cell: Cell, area: QRect) -> None:
        font, metrics = self._fonts[cell.bold, cell.code]
        painter.setFont(font)
        painter.setPen(self._theme.color(cell.color))
        if cell.align is Align.POINT:
            self._number(painter, _fitting(cell, metrics, area.width()), metrics, area)
        elif cell.align is Align.RIGHT:
            text = _cut(_fitting(cell, metrics, area.width()), metrics, area.width())
            painter.drawText(area, _RIGHT, text)
        elif cell.align is Align.CENTER:
            painter.drawText(area, _CENTER, cell.text)
        else:
            self._words(painter, cell, metrics, area)

    def _words(self, painter: QPainter, cell: Cell, metrics: QFontMetrics, area: QRect) -> None:
        """Text from the left, and what is said more quietly behind it."""
        quiet, quiet_metrics = self._fonts[False, False]
        behind = f"  {cell.after}" if cell.after else ""
        after = quiet_metrics.horizontalAdvance(behind) if behind else 0
        room = area.width() - min(after, area.width() * 3 // 5)
        room -= self._tail_width(cell)
        text = _cut(cell.text, metrics, room)
        painter.drawText(area, _LEFT, text)
        if not (behind or cell.rating or cell.badges):
            return
        area.setLeft(area.left() + metrics.horizontalAdvance(text))
        if behind:
            painter.setFont(quiet)
            painter.setPen(self._theme.color("danger" if cell.alarm else "muted"))
            painter.drawText(area, _LEFT, quiet_metrics.elidedText(behind, Qt.TextElideMode.ElideRight, area.width()))
            area.setLeft(area.left() + min(after, area.width()))
        area.setLeft(area.left() + Space.S)
        if cell.rating:
            area.setLeft(area.left() + paint.rating(painter, self._theme, area, cell.rating) + Space.XS)
        if cell.badges:
            paint.chips(painter, self._theme, area, cell.badges, quiet)

    def _tail_width(self, cell: Cell) -> int:
        """The least room for rating and badges: names come first, badges shrink to their number."""
        stars = paint.rating_width(self._theme) + Space.S if cell.rating else 0
        return stars + (Space.XL if cell.badges else 0)

    def _number(self, painter: QPainter, text: str, metrics: QFontMetrics, area: QRect) -> None:
        whole, point, fraction = text.partition(".")
        room = self._room
        behind = metrics.horizontalAdvance(point + fraction)
        before = QRect(area.left(), area.top(), area.width() - room, area.height())
        if behind > room + Space.XS or metrics.horizontalAdvance(whole) > before.width():
            painter.drawText(area, _RIGHT, metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width()))
            return
        painter.drawText(before, _RIGHT, whole)
        after = QRect(before.right() + 1, area.top(), room + Space.XS, area.height())
        painter.drawText(after, _LEFT, point + fraction)

    def _lively(self, option: QStyleOptionViewItem, index: _Index) -> bool:
        return index.row() == self.hovered or _selected(option, index)

    def _icon(self, name: str, color: str) -> QIcon:
        made = self._icons.get((name, color))
        if made is None:
            made = self._icons[name, color] = icon(name, self._theme.color(color))
        return made

    def _font(self, bold: bool, code: bool) -> QFont:
        return self._fonts[bold, code][0]

    def _restyle(self) -> None:
        self._icons.clear()
        for bold in (False, True):
            text, code = self._theme.font(Size.BODY, bold), self._theme.code()
            self._fonts[bold, False] = text, QFontMetrics(text)
            self._fonts[bold, True] = code, QFontMetrics(code)
        self._line = QPen(self._theme.color("hairline"), 1)
        self._room = self._fonts[False, False][1].horizontalAdvance("." + FRACTION)


def _fitting(cell: Cell, metrics: QFontMetrics, room: int) -> str:
    """The longest form of a number that fits; the shortest where none does."""
    forms = (cell.text, *cell.shorter)
    return next((text for text in forms if metrics.horizontalAdvance(text) <= room), forms[-1])


def _cut(text: str, metrics: QFontMetrics, room: int) -> str:
    """`text`, cut in the middle where it does not fit."""
    if metrics.horizontalAdvance(text) <= room:
        return text
    return metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)


def _selected(option: QStyleOptionViewItem, index: _Index) -> bool:
    """What the option's state says too, but in terms of `QStyle`, whose five hundred names take 4 ms to make."""
    view = option.widget
    return isinstance(view, QAbstractItemView) and view.selectionModel().isSelected(index)


def _first(view: QTableView, index: _Index) -> bool:
    """Whether the cell is the first one of its row."""
    return view.horizontalHeader().visualIndex(index.column()) == 0
