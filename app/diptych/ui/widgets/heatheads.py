"""The names along the edges of a heat map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHeaderView, QTableView

from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.heatpaint import thinned

HEIGHT = 20
LEAST = 3
"""Below this width a column is not seen."""
_OVER = 20
"""How far a name may stand over its neighbours on either side, which have none."""
_LABEL = 84
_LONGEST = 200


class Layers(QHeaderView):
    """Names of the layers; where they are too many, every fifth or tenth."""

    def __init__(self, theme: Theme, view: QTableView, names: Callable[[], Sequence[str]]) -> None:
        super().__init__(Qt.Orientation.Horizontal, view)
        self._theme = theme
        self._names = names
        self._shown: list[str] = []
        self.setMinimumSectionSize(LEAST)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSectionsClickable(False)
        self.setFixedHeight(self.height_of())

    def height_of(self) -> int:
        """The height it takes."""
        return self._theme.px(HEIGHT)

    def thin(self) -> None:
        """Choose the names that have room, since the columns have another width."""
        names = self._names()
        self.setFont(self._theme.font(Size.CAPTION))
        widths = [self.sectionSize(at) for at in range(self.count())]
        self._shown = thinned(names, widths, self.fontMetrics())
        self.viewport().update()

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        text = self._shown[section] if section < len(self._shown) else ""
        if not text:
            return
        painter.save()
        painter.setFont(self._theme.font(Size.CAPTION))
        painter.setPen(self._theme.color("muted"))
        painter.setClipping(False)
        place = rect.adjusted(-_OVER, 0, _OVER, 0)
        beyond = place.center().x() + self.fontMetrics().horizontalAdvance(text) // 2 + 1 - self.viewport().width()
        painter.drawText(place.translated(-max(beyond, 0), 0), Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()

    def sizeHint(self) -> QSize:
        return QSize(0, self.height_of())


class Modules(QHeaderView):
    """Names of the modules."""

    def __init__(self, theme: Theme, view: QTableView, names: Callable[[], Sequence[str]]) -> None:
        super().__init__(Qt.Orientation.Vertical, view)
        self._theme = theme
        self._names = names
        self.setMinimumSectionSize(LEAST)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSectionsClickable(False)

    def label_width(self) -> int:
        """Room for the longest name within limits."""
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name in self._names()), default=0)
        return min(max(widest + self._theme.px(16), self._theme.px(_LABEL)), self._theme.px(_LONGEST))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        names = self._names()
        if section >= len(names):
            return
        painter.save()
        painter.setFont(self._theme.font(Size.CAPTION))
        painter.setPen(self._theme.color("text"))
        text = painter.fontMetrics().elidedText(names[section], Qt.TextElideMode.ElideMiddle, rect.width() - 12)
        painter.drawText(rect.adjusted(0, 0, -10, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        painter.restore()
