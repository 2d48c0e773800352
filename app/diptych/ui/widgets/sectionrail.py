"""The list of a report's sections with their counts."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.viewport import own_viewport

_ROOT = QModelIndex()
WIDTH = 192
_ENTRY_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One section on the rail."""

    key: str
    title: str
    badge: str = ""
    quiet: bool = True
    """Nothing differs, or nothing is known yet."""
    spoken: str = ""


class SectionRail(QListView):
    """Choosing an entry shows its section."""

    chosen = Signal(str)
    opened = Signal(str)
    """Enter: give the section the whole page."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        own_viewport(self)
        self.theme = theme
        self._entries = _EntriesModel(self)
        self.setModel(self._entries)
        self._delegate = _EntryDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Sections")
        self.setFixedWidth(theme.px(WIDTH))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._clicked)
        theme.changed.connect(self.viewport().update)

    def set_entries(self, entries: list[Entry]) -> None:
        """Show these sections; the same keys keep their place."""
        self._entries.show(entries)

    def entries(self) -> list[Entry]:
        """The sections in view."""
        return list(self._entries.entries)

    def mark(self, key: str) -> None:
        """Show which section is being read, without choosing it."""
        index = self._entries.find(key)
        if index.isValid() and not self.selectionModel().isSelected(index):
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        entry = self.currentIndex().data(_ENTRY_ROLE)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(entry, Entry):
            self.opened.emit(entry.key)
        elif event.text() and event.text().isprintable():
            event.ignore()
        else:
            before = self.currentIndex()
            super().keyPressEvent(event)
            if self.currentIndex() != before:
                self._clicked(self.currentIndex())

    def _clicked(self, index: QModelIndex) -> None:
        entry = index.data(_ENTRY_ROLE)
        if isinstance(entry, Entry):
            self.chosen.emit(entry.key)


class _EntriesModel(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        if [entry.key for entry in entries] != [entry.key for entry in self.entries]:
            self.beginResetModel()
            self.entries = entries
            self.endResetModel()
        elif entries != self.entries:
            self.entries = entries
            self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))

    def find(self, key: str) -> QModelIndex:
        at = next((at for at, entry in enumerate(self.entries) if entry.key == key), -1)
        return self.index(at) if at >= 0 else QModelIndex()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        entry = self.entries[index.row()]
        if role == _ENTRY_ROLE:
            return entry
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{entry.title}: {entry.spoken}" if entry.spoken else entry.title
        return None


class _EntryDelegate(QStyledItemDelegate):
    def __init__(self, rail: SectionRail) -> None:
        super().__init__(rail)
        self._rail = rail

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(64, self._rail.theme.px(30))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry = index.data(_ENTRY_ROLE)
        if not isinstance(entry, Entry):
            return
        theme = self._rail.theme
        rect: QRect = option.rect.adjusted(theme.px(8), 1, -theme.px(4), -1)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if selected or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("selected" if selected else "hover"))
            painter.drawRoundedRect(rect, 5, 5)
        if selected and self._rail.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.drawRoundedRect(rect.adjusted(0, 0, -1, -1), 5, 5)
        inner = rect.adjusted(theme.px(8), 0, -theme.px(8), 0)
        painter.setFont(theme.font(Size.CAPTION))
        painter.setPen(theme.color("muted" if entry.quiet else "text"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, entry.badge)
        room = inner.adjusted(0, 0, -painter.fontMetrics().horizontalAdvance(entry.badge) - theme.px(6), 0)
        painter.setFont(theme.font(bold=selected))
        painter.setPen(theme.color("muted" if entry.quiet and not selected else "text"))
        title = painter.fontMetrics().elidedText(entry.title, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
        painter.restore()
