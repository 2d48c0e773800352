"""The sections of a comparison under one another in one scrolling report, or one of them on the whole page."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from diptych.ui.pages.compare_section import Section
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.viewport import own_viewport

MEASURE = 1320
"""The report grows no wider: beyond it the eye loses the line."""
_NO_LIMIT = 16777215


class Report(QScrollArea):
    """Scrolls the sections; only a section that stands alone scrolls by itself."""

    reading = Signal(str)
    """Scrolling by hand came to this section."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.sections: dict[str, Section] = {}
        self.alone = ""
        """The section that fills the page, or nothing."""
        self._before = 0
        self._by_hand = True
        own_viewport(self, QPalette.ColorRole.NoRole)
        outer = QWidget(self)
        self.setWidget(outer)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.body = QWidget(outer)
        """What the sections stand in; make them there, and Qt styles them once."""
        self.body.setMaximumWidth(theme.px(MEASURE))
        row = QHBoxLayout(outer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.body, 1)
        row.addStretch(0)
        self._column = QVBoxLayout(self.body)
        self._column.setContentsMargins(0, Space.S, 0, 0)
        self._column.setSpacing(Space.L)
        self._foot = QWidget(self.body)
        self._foot.setFixedHeight(theme.px(Space.XXL))
        self._column.addWidget(self._foot)
        self._column.addStretch(0)

    def add(self, section: Section) -> None:
        """Put a section below the others."""
        self._column.insertWidget(len(self.sections), section)
        self.sections[section.key] = section

    def show_alone(self, key: str) -> None:
        """Give a section the whole page."""
        if not self.alone:
            self._before = self.place()
        else:
            self._column.setStretchFactor(self.sections[self.alone], 0)
        for name, section in self.sections.items():
            section.setVisible(name == key)
            section.stand_alone(name == key)
        self.alone = key
        self._column.setStretchFactor(self.sections[key], 1)
        self._foot.setFixedHeight(0)
        self._fit()

    def show_all(self) -> None:
        """Go back to the report, where it was left."""
        self._column.setStretchFactor(self.sections[self.alone], 0)
        self.alone = ""
        self.body.setMinimumHeight(0)
        self.body.setMaximumHeight(_NO_LIMIT)
        for section in self.sections.values():
            section.stand_alone(False)
            section.show()
        self._foot.setFixedHeight(self._theme.px(Space.XXL))
        self.go_to(self._before)

    def place(self) -> int:
        """How far the report is scrolled."""
        return self.verticalScrollBar().value()

    def go_to(self, place: int) -> None:
        """Scroll to a place once the sections have their heights."""
        QTimer.singleShot(0, self, lambda: self._set_place(place))

    def show_section(self, key: str) -> None:
        """Scroll to the title of a section."""
        if not self.alone:
            self._set_place(max(self.sections[key].y() - Space.S, 0))

    def show_cursor(self, key: str) -> None:
        """Scroll until the cursor of a section is in view, once it has moved."""
        QTimer.singleShot(0, self, lambda: self._follow(key))

    def in_view(self) -> str:
        """The section that is being read."""
        if self.alone:
            return self.alone
        top = self.place() + Space.XL
        above = [key for key, section in self.sections.items() if section.y() <= top]
        return above[-1] if above else next(iter(self.sections), "")

    def _follow(self, key: str) -> None:
        if self.alone:
            return
        pane = self.sections[key].pane
        rect = QRect(pane.mapTo(self.body, pane.cursor_rect().topLeft()), pane.cursor_rect().size())
        height = self.viewport().height()
        margin = self._theme.row * 2
        if rect.top() - margin < self.place() or rect.height() > height:
            self._set_place(max(rect.top() - margin * 2, 0))
        elif rect.bottom() + margin > self.place() + height:
            self._set_place(rect.bottom() + margin - height)

    def _set_place(self, place: int) -> None:
        self._by_hand = False
        self.verticalScrollBar().setValue(place)
        self._by_hand = True

    def _scrolled(self) -> None:
        if not self.alone and self._by_hand:
            self.reading.emit(self.in_view())

    def _fit(self) -> None:
        if self.alone:
            self.body.setFixedHeight(self.viewport().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
