"""Training curves of both versions, one small chart a quantity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout

from diptych import display
from diptych.compare.smoothing import smoothed
from diptych.domain.sheet import Chart, Row, Sheet
from diptych.ui.context import Context
from diptych.ui.courses import Courses
from diptych.ui.models.rows import Showing
from diptych.ui.pane import Pane
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.charting import charting
from diptych.ui.widgets.curvebar import AXES
from diptych.ui.widgets.curves import Curve
from diptych.ui.widgets.label import Elided, label
from diptych.ui.widgets.link import Link
from diptych.workbench.comparing import Comparison

if TYPE_CHECKING:
    from diptych.ui.widgets.plot import Plot

_CHART = 210
_WIDTH = 330
_SHOWN = 6
"""Charts within a report."""


class CurvesPane(Pane):
    """A grid of charts that share their crosshair."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__(context, comparison)
        self.cards: dict[str, _Card] = {}
        self._waiting: list[Chart] = []
        self._stale: list[_Card] = []
        self.bar = Courses(context)
        self.bar.changed.connect(self._choose_course)
        self._plot: type[Plot] | None = None
        self._chosen = ""
        self._loading = False
        self._grid = QGridLayout()
        self._grid.setSpacing(Space.L)
        self._grid.setContentsMargins(Space.L, Space.XS, Space.L, 0)
        self._more = Link(context.theme, "show all charts", context.theme.font())
        self._more.clicked.connect(self.focus_asked)
        self._more.hide()
        foot = QHBoxLayout()
        foot.setContentsMargins(Space.L, 0, Space.L, 0)
        foot.addWidget(self._more)
        foot.addStretch(1)
        body = QFrame()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        top.setContentsMargins(Space.L, 0, Space.L, Space.S)
        top.addWidget(self.bar)
        inner.addLayout(top)
        inner.addLayout(self._grid)
        inner.addLayout(foot)
        inner.addStretch(1)
        self._body = body
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.hide()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(body)
        self._column.addWidget(self._scroll)
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._build_next)
        self._ends: Mapping[str, float] = {}

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        self.sheet = sheet
        self.comparison = comparison
        for card in self.cards.values():
            self._grid.removeWidget(card)
            card.deleteLater()
        self.cards = {}
        self.bar.setVisible(bool(sheet.charts))
        self.bar.offer(_known(sheet.charts))
        self._ends = _ends(sheet.charts)
        self._arrange()

    def show_rows(self, showing: Showing) -> None:
        super().show_rows(showing)
        self._arrange()

    def stand_alone(self, alone: bool) -> None:
        super().stand_alone(alone)
        if alone:
            self._scroll.setWidget(self._body)
            self._scroll.show()
            self._body.show()
        elif self._scroll.widget() is not None:
            body = self._scroll.takeWidget()
            self._scroll.hide()
            self._column.insertWidget(0, body)
            body.show()
        self._arrange()

    def changes(self) -> list[str]:
        rows = {row.key: row for row in self.sheet.rows} if self.sheet is not None else {}
        return [chart.key for chart in self._visible() if chart.key in rows and rows[chart.key].differs]

    def select(self, key: str) -> bool:
        if key not in {chart.key for chart in self._visible()}:
            return False
        self._choose(key)
        card = self.cards.get(key)
        if card is not None:
            card.plot.setFocus()
        return True

    def current(self) -> Row | None:
        if self.sheet is None:
            return None
        return next((row for row in self.sheet.rows if row.key == self._chosen), None)

    def cursor_rect(self) -> QRect:
        card = self.cards.get(self._chosen)
        return QRect(card.mapTo(self, card.rect().topLeft()), card.size()) if card is not None else self.rect()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn:
            key = next((key for key, card in self.cards.items() if card.plot.focusProxy() is watched), "")
            if key:
                self._choose(key)
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _visible(self) -> list[Chart]:
        if self.sheet is None:
            return []
        rows = {row.key: row for row in self.sheet.rows}
        return [c for c in self.sheet.charts if c.key not in rows or self.showing.admits(rows[c.key])]

    def _arrange(self) -> None:
        charts = self._visible()
        shown = charts if self.alone else charts[:_SHOWN]
        self._more.setVisible(len(shown) < len(charts))
        self._more.set_text(f"show all {len(charts)} charts  ↵")
        self._waiting = [chart for chart in shown if chart.key not in self.cards]
        keys = {chart.key for chart in shown}
        for key, card in self.cards.items():
            card.setVisible(key in keys)
        if self._waiting and self._plot is None and not self._loading:
            self._loading = True
            self.context.runner.start("Load charts", charting(), done=self._loaded, quiet=True)
        elif self._waiting and self._plot is not None:
            self._timer.start()
        self._place()

    def _loaded(self, plot: Any) -> None:
        self._plot = plot
        self._timer.start()

    def _build_next(self) -> None:
        """Make one chart a turn of the event loop; it is drawn in turns of its own."""
        if self._stale:
            self._show_course(self._stale.pop(0))
            return
        if not self._waiting or self._plot is None:
            self._timer.stop()
            return
        chart = self._waiting.pop(0)
        card = _Card(self.context, self._plot, chart)
        self._show_course(card)
        card.plot.pointed.connect(self._point)
        proxy = card.plot.focusProxy()
        if proxy is not None:
            proxy.installEventFilter(self)
        self.cards[chart.key] = card
        self._place()

    def _choose_course(self) -> None:
        """Draw over another axis, or smoother, one chart a turn."""
        self._stale = list(self.cards.values())
        self._timer.start()

    def _show_course(self, card: _Card) -> None:
        card.show_course(self.bar.axis(), self._ends, self.bar.smoothing())

    def _columns(self) -> int:
        return max(1, min(3, self.width() // self.context.theme.px(_WIDTH)))

    def _place(self) -> None:
        columns = self._columns()
        order = [chart.key for chart in self._visible()]
        order = order if self.alone else order[:_SHOWN]
        rows = -(-len(order) // columns)
        gap = self._grid.spacing()
        self._body.setMinimumHeight(rows * (self.context.theme.px(_CHART) + gap))
        shown = [self.cards[key] for key in order if key in self.cards]
        for at, card in enumerate(shown):
            self._grid.addWidget(card, at // columns, at % columns)
        for column in range(3):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def _point(self, x: float | None) -> None:
        for card in self.cards.values():
            card.point_at(x)

    def _choose(self, key: str) -> None:
        self._chosen = key
        for name, card in self.cards.items():
            card.mark(name == key)
        self.row_entered.emit(self.current())


class _Card(QFrame):
    """One chart with its name above and the values under the crosshair."""

    def __init__(self, context: Context, plot: type[Plot], chart: Chart) -> None:
        super().__init__()
        theme = context.theme
        self.plot = plot(theme)
        self._title = Elided(chart.title)
        self._title.setFont(theme.font(bold=True))
        self._values = label(role="caption")
        self._values.setText(_legend(chart))
        self._plain = self._values.text()
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self._title, 1)
        head.addWidget(self._values)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        if chart.note:
            column.addWidget(label(chart.note, "caption"))
        self.setFixedHeight(theme.px(_CHART))
        self._size = theme.font(Size.BODY)
        self._theme = theme
        self._chart = chart
        self._lines = [(line, np.asarray(line.x, float), np.asarray(line.y, float)) for line in chart.lines]
        self._smooth = False

    def show_course(self, axis: str, ends: Mapping[str, float], smoothing: float) -> None:
        """Draw every line over `axis`; `ends` are the last steps of both sides. What was logged stays below."""
        below, above = [], []
        self._smooth = smoothing > 0
        for line, x, y in self._lines:
            if axis == "progress":
                x = x * (100 / (ends.get(line.side, 0) or 1))
            elif axis in line.axes:
                x = np.asarray(line.axes[axis], float)
            left = line.side == "left"
            name, color, marker = ("A", "a", "o") if left else ("B", "b", "s")
            if self._smooth:
                below.append(Curve(name, x, y, color, dashed=not left, faint=True))
                y = smoothed(y, smoothing)
            above.append(Curve(name, x, y, color, marker, dashed=not left))
        shown = {"step": self._chart.x_label, "progress": "% of the steps"}.get(axis, axis)
        self.plot.draw([*below, *above], x_label=shown, title=self._chart.title, legend=False)

    def point_at(self, x: float | None) -> None:
        """Show the crosshair and the values at `x`."""
        self.plot.point_at(x)
        if x is None:
            self._values.setText(self._plain)
            return
        values = self.plot.values_at(x)
        signs = {"A": "●", "B": "■"}
        kind = "smoothed " if self._smooth else ""
        self._values.setText(
            "   ".join(
                f"{signs.get(name, '')} {kind}{display.number(y)} at {display.number(at)}" for name, at, y in values
            )
        )

    def values_text(self) -> str:
        """What stands beside the name: the legend, or the values under the crosshair."""
        return self._values.text()

    def mark(self, chosen: bool) -> None:
        """Show that the cursor is here."""
        self._title.setFont(self._theme.font(Size.BODY, bold=True))
        font = self._title.font()
        font.setUnderline(chosen)
        self._title.setFont(font)


def _known(charts: Collection[Chart]) -> list[str]:
    """The axes that every line may be drawn over."""
    lines = [line for chart in charts for line in chart.lines if line.x]
    return [key for key in AXES if key in ("step", "progress") or (lines and all(key in one.axes for one in lines))]


def _ends(charts: Collection[Chart]) -> Mapping[str, float]:
    """The last step of each side."""
    found: dict[str, float] = {}
    for line in (line for chart in charts for line in chart.lines if line.x):
        found[line.side] = max(found.get(line.side, line.x[-1]), line.x[-1])
    return found


def _legend(chart: Chart) -> str:
    sides = {line.side for line in chart.lines}
    return "   ".join(name for side, name in (("left", "● A solid"), ("right", "■ B dashed")) if side in sides)
