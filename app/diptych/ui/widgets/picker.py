"""A popup to type into and choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from diptych.display import elide, visible
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space

WIDTH = 420
_ROWS = 10
_NAME = 64
_KEYS = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)


@dataclass(frozen=True)
class Choice:
    """One thing to choose."""

    text: str
    note: str
    value: object


class Picker(QFrame):
    """Emits what was typed, shows the choices it is given, emits what was picked."""

    typed = Signal(str)
    picked = Signal(object)

    def __init__(self, theme: Theme, prompt: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("picker")
        self.setProperty("role", "floating")
        self.setAccessibleName(prompt)
        self._theme = theme
        self.field = QLineEdit()
        self.field.setPlaceholderText(prompt)
        self.field.setAccessibleName(prompt)
        self.field.textChanged.connect(self.typed)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName("Versions")
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self._delegate = ChoiceDelegate(theme, self.list)
        self.list.setItemDelegate(self._delegate)
        self.list.setFixedHeight(_ROWS * theme.row)
        self.list.itemActivated.connect(self._pick)
        self.list.itemClicked.connect(self._pick)
        self.setFixedWidth(theme.px(WIDTH))
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(self.field)
        column.addWidget(self.list)

    def open_below(self, widget: QWidget) -> None:
        """Open under `widget`, empty."""
        self.move(widget.mapToGlobal(QPoint(0, widget.height())))
        self.list.clear()
        self.show()
        self.field.setFocus()
        self.field.clear()
        self.typed.emit("")

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Replace the list."""
        self.list.clear()
        for choice in choices:
            text = elide(visible(choice.text), _NAME)
            item = QListWidgetItem(f"{text}  {visible(choice.note)}" if choice.note else text)
            item.setData(Qt.ItemDataRole.UserRole, choice)
            self.list.addItem(item)
        if choices:
            self.list.setCurrentRow(0)
        else:
            nothing = QListWidgetItem("No version is called so")
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            nothing.setData(Qt.ItemDataRole.UserRole, Choice(nothing.text(), "", None))
            self.list.addItem(nothing)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in _KEYS:
                self.list.event(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._pick(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _pick(self, item: QListWidgetItem | None) -> None:
        choice = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        if isinstance(choice, Choice):
            self.close()
            self.picked.emit(choice.value)


class ChoiceDelegate(QStyledItemDelegate):
    """The name at the left, what is said about it at the right."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(64, self._theme.row)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        choice = index.data(Qt.ItemDataRole.UserRole)
        if not isinstance(choice, Choice):
            return
        theme = self._theme
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.color("selected"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        inner = rect.adjusted(Space.S, 0, -Space.S, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font(Size.CAPTION))
        painter.setPen(theme.color("muted"))
        note = visible(choice.note)
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, note)
        inner.setRight(inner.right() - painter.fontMetrics().horizontalAdvance(note) - Space.M)
        painter.setFont(theme.font())
        painter.setPen(theme.color("text"))
        text = painter.fontMetrics().elidedText(visible(choice.text), Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()
