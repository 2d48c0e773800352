"""A narrow list of places to go: headings, names and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QCursor, QFocusEvent, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QFrame, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from diptych.ui.icons import icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import ICON, Size, Space

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_ENTRY = int(Qt.ItemDataRole.UserRole) + 1


class Entry(NamedTuple):
    """One line of a strip."""

    title: str
    target: str = ""
    """What is asked for when it is chosen."""
    number: str = ""
    symbol: str = ""
    heading: bool = False
    color: str = "text"


class Strip(QListView):
    """Chooses one entry; headings cannot be chosen."""

    chosen = Signal(str)
    """The target of an entry the user went to."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._in_force = ""
        self._entries = _Entries()
        self.setModel(self._entries)
        self.setItemDelegate(_EntryDelegate(theme, self))
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("role", "raised")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setViewportMargins(0, Space.S, 0, Space.S)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Replace what is listed; the chosen entry stays chosen where it is still there."""
        if not self._entries.entries:
            self._entries.replace(entries)
            return
        target = self.current()
        place = self.verticalScrollBar().value()
        self._entries.replace(entries)
        self.point_to(target)
        self.verticalScrollBar().setValue(place)

    def point_to(self, target: str) -> None:
        """Mark the entry with this target as the one in force, or none."""
        self._in_force = target
        row = self._entries.row_of(target)
        index = self._entries.index(row, 0) if row >= 0 else QModelIndex()
        self.setCurrentIndex(index)
        if not index.isValid():
            self.clearSelection()

    def current(self) -> str:
        """Target of the entry in force; empty for none."""
        entry = self.currentIndex().data(_ENTRY)
        return entry.target if isinstance(entry, Entry) else ""

    def entries(self) -> tuple[Entry, ...]:
        """What is listed."""
        return self._entries.entries

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The cursor goes back to what is in force, so that the mark never names what was not chosen."""
        super().focusOutEvent(event)
        self.point_to(self._in_force)

    def _choose(self, index: QModelIndex) -> None:
        entry = index.data(_ENTRY)
        if isinstance(entry, Entry) and not entry.heading:
            self.chosen.emit(entry.target)

    def _restyle(self) -> None:
        palette = self.palette()
        palette.setColor(palette.ColorRole.Base, self._theme.color("raised"))
        self.setPalette(palette)
        self.scheduleDelayedItemsLayout()


class _Entries(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[Entry, ...] = ()

    def replace(self, entries: Sequence[Entry]) -> None:
        self.beginResetModel()
        self.entries = tuple(entries)
        self.endResetModel()

    def row_of(self, target: str) -> int:
        for row, entry in enumerate(self.entries):
            if entry.target == target and not entry.heading:
                return row
        return -1

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid() or self.entries[index.row()].heading:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == _ENTRY:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.title}, {entry.number}" if entry.number else entry.title
        return None


class _EntryDelegate(QStyledItemDelegate):
    def __init__(self, theme: Theme, view: Strip) -> None:
        super().__init__(view)
        self._theme = theme
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        entry: Entry = index.data(_ENTRY)
        above = Space.M if entry.heading and index.row() else 0
        return QSize(self._theme.px(120), self._theme.row + above)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        entry: Entry = index.data(_ENTRY)
        theme = self._theme
        rect: QRect = option.rect
        painter.save()
        if entry.heading:
            painter.setFont(theme.font(Size.CAPTION))
            painter.setPen(theme.color("muted"))
            area = rect.adjusted(Space.L, 0, -Space.S, -Space.XS)
            painter.drawText(area, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, entry.title)
            painter.restore()
            return
        view = self._view
        selected = view.selectionModel().isSelected(index)
        hovered = view.underMouse() and rect.contains(view.viewport().mapFromGlobal(QCursor.pos()))
        box = rect.adjusted(Space.S, 1, -Space.S, -1)
        if selected or hovered:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected" if selected else "hover"))
            painter.drawRoundedRect(box, Space.XS, Space.XS)
        if selected and view.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.drawRoundedRect(box.adjusted(0, 0, -1, -1), Space.XS, Space.XS)
        area = box.adjusted(Space.S, 0, -Space.S, 0)
        if entry.symbol:
            place = QRect(area.left(), area.center().y() - ICON // 2 + 1, ICON, ICON)
            icon(entry.symbol, theme.color("muted")).paint(painter, place)
            area.setLeft(area.left() + ICON + Space.S)
        font = theme.font(bold=selected)
        painter.setFont(font)
        small = theme.font(Size.CAPTION)
        room = QFontMetrics(small).horizontalAdvance(entry.number) + Space.S if entry.number else 0
        painter.setPen(theme.color(entry.color))
        text = painter.fontMetrics().elidedText(entry.title, Qt.TextElideMode.ElideMiddle, area.width() - room)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.setFont(small)
        painter.setPen(theme.color("muted"))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, entry.number)
        painter.restore()
