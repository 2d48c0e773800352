"""The curves of one version. matplotlib is brought in by a worker, so that the window does not stop for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from diptych import display
from diptych.compare.smoothing import smoothed
from diptych.domain.evidence import Series
from diptych.ui.context import Context
from diptych.ui.courses import Courses
from diptych.ui.tokens import Space
from diptych.ui.widgets.charting import charting
from diptych.ui.widgets.curves import Curve
from diptych.ui.widgets.label import label

if TYPE_CHECKING:
    from diptych.ui.widgets.plot import Plot

FIRST = 4
"""Charts shown before one asks for more."""
HEIGHT = 200
CAPTION = 24
"""Room for the name above a chart, kept free while charts are prepared so that nothing below moves."""
_GOOD = ("loss", "eval_loss", "eval_", "learning_rate", "grad_norm")
"""What people look at first, by the beginning of the name."""


class Curves(QWidget):
    """Charts in two columns, one for each series."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._series: tuple[Series, ...] = ()
        self._waiting: list[Series] = []
        self._plot: type[Plot] | None = None
        self._next = QTimer(self)
        self._next.setInterval(0)
        self._next.timeout.connect(self._draw_next)
        self.plots: list[Plot] = []
        self._stale: list[int] = []
        self._arrays: dict[tuple[int, str], NDArray[np.float64]] = {}
        self.bar = Courses(context)
        self.bar.changed.connect(self._choose_course)
        self.bar.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, 0, Space.S, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.bar)
        self._grid = QGridLayout()
        column.addLayout(self._grid, 1)
        self._grid.setHorizontalSpacing(Space.XL)
        self._grid.setVerticalSpacing(Space.XS)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self._more: QPushButton | None = None

    def show_series(self, series: Sequence[Series]) -> None:
        """Show other curves; they appear when the charts can be drawn."""
        self._next.stop()
        self._clear()
        self.plots, self._stale, self._arrays = [], [], {}
        self.setMinimumHeight(0)
        self._series = tuple(sorted((one for one in series if len(one.steps) > 1), key=_rank))
        self.bar.setVisible(bool(self._series))
        if self._series:
            rows = (min(len(self._series), FIRST) + 1) // 2
            self.bar.offer([axis for axis in ("step", "epoch") if all(_places(one, axis) for one in self._series)])
            self.setMinimumHeight(rows * self._context.theme.px(HEIGHT + CAPTION) + self.bar.sizeHint().height())
            self._grid.addWidget(label("Preparing charts…", "muted"), 0, 0, Qt.AlignmentFlag.AlignTop)
            self._context.runner.start("Load charts", charting(), self._loaded, quiet=True)

    def _loaded(self, plot: type[Plot]) -> None:
        self._plot = plot
        if self._series and not self.plots and not self._waiting:
            self._clear()
            self._draw(self._series[:FIRST])
            if len(self._series) > FIRST:
                self._more = QPushButton(f"Show {len(self._series) - FIRST} more")
                self._more.setProperty("role", "flat")
                self._more.clicked.connect(self._draw_rest)
                self._grid.addWidget(self._more, 2 * FIRST, 0, Qt.AlignmentFlag.AlignLeft)

    def _clear(self) -> None:
        self._waiting = []
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _draw_rest(self) -> None:
        if self._more is not None:
            self._more.hide()
        self._draw(self._series[FIRST:])

    def _draw(self, series: Sequence[Series]) -> None:
        """Make them one a turn of the event loop: each costs a frame or two."""
        self._waiting += series
        self._next.start()

    def _draw_next(self) -> None:
        if self._stale:
            self._show_course(self._stale.pop(0))
            return
        if not self._waiting or self._plot is None:
            self._next.stop()
            return
        one, place = self._waiting.pop(0), len(self.plots)
        plot = self._plot(self._context.theme, self)
        plot.setFixedHeight(self._context.theme.px(HEIGHT))
        plot.pointed.connect(self._point)
        caption = label(display.visible(f"{one.name}   {one.note}".strip()), "caption")
        self._grid.addWidget(caption, place // 2 * 2, place % 2)
        self._grid.addWidget(plot, place // 2 * 2 + 1, place % 2)
        self.plots.append(plot)
        self._show_course(place)

    def _choose_course(self) -> None:
        """Draw over another axis, or smoother, one chart a turn."""
        self._stale = list(range(len(self.plots)))
        self._next.start()

    def _numbers(self, place: int, axis: str) -> NDArray[np.float64]:
        """The places of a curve's points on an axis, or its values; kept, since a slider asks again and again."""
        known = self._arrays.get((place, axis))
        if known is None:
            one = self._series[place]
            known = self._arrays[place, axis] = np.array(_places(one, axis) if axis else one.values, np.float64)
        return known

    def _show_course(self, place: int) -> None:
        one, axis, weight = self._series[place], self.bar.axis(), self.bar.smoothing()
        x, y = self._numbers(place, axis), self._numbers(place, "")
        curves = [Curve(one.name, x, y, "text", faint=weight > 0)]
        if weight > 0:
            curves.append(Curve(one.name, x, smoothed(y, weight), "text"))
        self.plots[place].draw(curves, axis, "", display.visible(one.name), legend=False)

    def _point(self, x: float | None) -> None:
        """Move the crosshair of the other charts along: they share the axis."""
        for plot in self.plots:
            if plot is not self.sender():
                plot.point_at(x)


def _places(series: Series, axis: str) -> tuple[float, ...]:
    """Where the points are on an axis; empty where that is not known."""
    return series.epochs if axis == "epoch" else series.steps


def _rank(series: Series) -> tuple[int, str]:
    place = next((number for number, start in enumerate(_GOOD) if series.name.startswith(start)), len(_GOOD))
    return place, series.name
