"""A chart that looks like part of the window. Import it where the first chart is shown: it brings matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backend_bases import Event, LocationEvent, MouseEvent
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PySide6.QtCore import QRect, Signal
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import QApplication, QSizePolicy, QVBoxLayout, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.chartcanvas import RING, ChartCanvas
from diptych.ui.widgets.curves import Curve, decimate
from diptych.ui.widgets.slide import Slide

MARKER_EVERY = 36
"""Pixels between two markers where points lie closer: dashes and slopes stay visible between them."""
_TICKS = 24
"""Pixels below the axis that move with it: the numbers, not the name of the axis."""
_BARE = 0.4
"""Share of the width that may be dragged in before the picture is drawn anew."""


_FAINT = 0.3
"""How much of a curve below its smoothed course is seen."""


class Plot(QWidget):
    """Curves over a common axis. The pointer moves a crosshair, dragging pans, Ctrl+wheel or +/− zooms, 0 shows all."""

    pointed = Signal(object)
    """The place on the x axis under the crosshair, or None when it left."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._curves: tuple[Curve, ...] = ()
        self._labels = ("", "", "")
        self._logarithmic = False
        self._legend = True
        self._lines: list[Line2D] = []
        self._grabbed: tuple[float, tuple[float, float]] | None = None
        self._focus_x: float | None = None
        self._figure = Figure()
        self._made: Axes | None = None
        self._steps: Iterator[None] | None = None
        self._canvas = ChartCanvas(self._figure, self)
        self._slide = Slide(self._canvas)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self.setFocusProxy(self._canvas)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._canvas.mpl_connect("motion_notify_event", self._moved)
        self._canvas.mpl_connect("axes_leave_event", self._left)
        self._canvas.mpl_connect("button_press_event", self._pressed)
        self._canvas.mpl_connect("button_release_event", self._released)
        theme.changed.connect(self._build)
        self._build()

    def draw(
        self,
        curves: Sequence[Curve],
        x_label: str = "",
        y_label: str = "",
        title: str = "",
        logarithmic: bool = False,
        legend: bool = True,
    ) -> None:
        """Replace what is shown. `title` is not painted: it names the chart for screen readers."""
        self._legend = legend
        self._curves = tuple(curves)
        self._labels = (x_label, y_label, title)
        self._logarithmic = logarithmic
        self._name()
        self._build()

    def reset(self) -> None:
        """Show the whole of every curve."""
        axes = self._axes
        axes.autoscale(True)
        axes.relim()
        self._refill(*self._extent())
        axes.set_xlim(*self._extent())
        self._canvas.draw_idle()

    def point_at(self, x: float | None) -> None:
        """Put the crosshair at `x`, as when another plot of the same axis is pointed at; None hides it."""
        self._focus_x = x
        self._canvas.update()

    def hair(self) -> float | None:
        """Where the crosshair is; None also while the figure is being built."""
        return self._focus_x if self._steps is None else None

    def values_at(self, x: float) -> list[tuple[str, float, float]]:
        """Label, x and y of the nearest point of every curve."""
        found = []
        for curve in self._curves:
            if len(curve.x) and not curve.faint:
                near = int(np.argmin(np.abs(curve.x - x)))
                found.append((curve.label, float(curve.x[near]), float(curve.y[near])))
        return found

    def zoom(self, factor: float, around: float | None = None) -> None:
        """Show a share `1 / factor` of the x axis around a place, by default the middle."""
        low, high = self._axes.get_xlim()
        middle = (low + high) / 2 if around is None else around
        self._look_at(middle - (middle - low) / factor, middle + (high - middle) / factor)

    def step(self, direction: int) -> None:
        """Move the crosshair to the next point of the first curve, within what is shown."""
        low, high = self._axes.get_xlim()
        first = self._curves[0].x if self._curves else np.empty(0)
        x = first[(first >= low) & (first <= high)]
        if not len(x):
            return
        here = self._focus_x
        at = int(np.argmin(np.abs(x - here))) + direction if here is not None and low <= here <= high else 0
        self._point(float(x[min(max(at, 0), len(x) - 1)]))

    # drawing ---------------------------------------------------------------------------------------------------

    def building(self) -> Iterator[None]:
        """Bring the figure up to what was asked for last; a few milliseconds between two steps."""
        while self._steps is not None:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None
            else:
                yield

    @property
    def _axes(self) -> Axes:
        """The axes of the figure, built to the end."""
        for _ in self.building():
            pass
        assert self._made is not None
        return self._made

    def _build(self) -> None:
        """Have the figure built anew before it is drawn or asked next."""
        self._steps = self._building()
        self._canvas.draw_idle()

    def _building(self) -> Iterator[None]:
        if self._made is None:
            self._made = self._figure.add_subplot()
            yield
        else:
            self._made.clear()
        axes = self._made
        self._style(axes)
        yield
        self._add_lines(axes)
        self._refill(*self._extent())
        axes.relim()
        axes.autoscale_view()
        axes.set_xlim(*self._extent())
        for axis in (axes.xaxis, axes.yaxis):
            yield
            axis.get_major_ticks(len(axis.get_majorticklocs()))

    def _style(self, axes: Axes) -> None:
        theme = self.theme
        family, points = self._font()
        axes.set_yscale("log" if self._logarithmic and self._positive() else "linear")
        surface = theme.color("surface").name()
        muted = theme.color("muted").name()
        self._figure.set_facecolor(surface)
        axes.set_facecolor(surface)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(theme.color("hairline").name())
        axes.grid(visible=True, color=theme.color("hairline").name(), linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", colors=muted, labelsize=points, length=0, pad=6, labelfontfamily=family)
        x_label, y_label, _ = self._labels
        axes.set_xlabel(x_label, color=muted, fontsize=points, fontfamily=family)
        axes.set_ylabel(y_label, color=muted, fontsize=points, fontfamily=family)
        axes.xaxis.set_major_formatter(lambda value, _: display.number(value))
        axes.yaxis.set_major_formatter(lambda value, _: display.number(value))

    def _add_lines(self, axes: Axes) -> None:
        theme = self.theme
        self._lines = []
        for curve in self._curves:
            self._lines += axes.plot(
                [], [], color=theme.color(curve.color).name(), linewidth=1.5, marker=curve.marker or None,
                markersize=4, linestyle="--" if curve.dashed else "-", label=display.visible(curve.label),
                solid_joinstyle="round", alpha=_FAINT if curve.faint else 1,
            )  # fmt: skip
        if self._legend and len(self._curves) > 1:
            family, points = self._font()
            axes.legend(frameon=False, labelcolor=theme.color("text").name(), prop={"family": family, "size": points})

    def _font(self) -> tuple[str, float]:
        """Family and size in points of every text."""
        known = {font.name for font in font_manager.fontManager.ttflist}
        family = QFontInfo(QApplication.font()).family()
        return family if family in known else "DejaVu Sans", self.theme.px(Size.CAPTION) * 72 / self._figure.dpi

    def _refill(self, low: float, high: float) -> None:
        """Give every line the points that can be told apart between two places of the axis."""
        columns = max(self._canvas.width() // (2 * len(self._curves) or 2), 200)
        for curve, line in zip(self._curves, self._lines, strict=True):
            begin = max(int(np.searchsorted(curve.x, low)) - 1, 0)
            end = int(np.searchsorted(curve.x, high, side="right")) + 1
            x, y = decimate(curve.x[begin:end], curve.y[begin:end], columns)
            line.set_data(x, y)
            line.set_markevery(max(len(x) * MARKER_EVERY // columns, 1))

    def _extent(self) -> tuple[float, float]:
        ends = [(float(curve.x[0]), float(curve.x[-1])) for curve in self._curves if len(curve.x)]
        if not ends:
            return 0.0, 1.0
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        margin = (high - low) * 0.02 or 1.0
        return low - margin, high + margin

    def _positive(self) -> bool:
        return any(bool(np.any(curve.y > 0)) for curve in self._curves)

    def _look_at(self, low: float, high: float) -> None:
        axes = self._axes
        first, last = self._extent()
        width = min(high - low, last - first)
        low = min(max(low, first), last - width)
        self._refill(low, low + width)
        axes.set_xlim(low, low + width)
        self._canvas.draw_idle()

    def _name(self) -> None:
        title = self._labels[2] or self._labels[1] or "Chart"
        parts = [f"{curve.label}: {_ends(curve)}" for curve in self._curves if not curve.faint]
        self._canvas.setAccessibleName(f"Chart of {title} by {self._labels[0] or 'x'}")
        self._canvas.setAccessibleDescription("; ".join(parts))

    # pointer ---------------------------------------------------------------------------------------------------

    def _moved(self, event: Event) -> None:
        if not isinstance(event, MouseEvent):
            return
        if self._grabbed is not None:
            self._drag(event)
        elif event.inaxes is self._made and event.xdata is not None:
            self._point(event.xdata)

    def _point(self, x: float) -> None:
        self.point_at(x)
        self.pointed.emit(x)

    def _left(self, event: Event) -> None:
        if isinstance(event, LocationEvent) and self._grabbed is None:
            self.point_at(None)
            self.pointed.emit(None)

    def _pressed(self, event: Event) -> None:
        if not isinstance(event, MouseEvent) or event.inaxes is not self._made or event.button != 1:
            return
        if event.dblclick:
            self.reset()
            return
        self.point_at(None)
        self._grab(event.x)

    def _grab(self, x: float) -> None:
        """Hold the picture as it is now: dragging slides it, and matplotlib draws nothing."""
        self._grabbed = x, self._axes.get_xlim()
        self._canvas.draw()
        ratio = self._canvas.device_pixel_ratio
        box = self._axes.bbox
        left, width = round(box.x0 / ratio), round(box.width / ratio)
        below = round((self._figure.bbox.height - box.y0) / ratio) + _TICKS
        strip = QRect(left, RING, width, below - RING)
        self._slide.hold(self._canvas.grab(), strip, self.theme.color("surface"))

    def _drag(self, event: MouseEvent) -> None:
        assert self._grabbed is not None
        start, (low, high) = self._grabbed
        width = max(self._axes.bbox.width, 1)
        shift = (start - event.x) / width * (high - low)
        first, last = self._extent()
        shift = min(max(shift, first - low), last - high)
        pixels = -shift / (high - low) * width / self._canvas.device_pixel_ratio
        self._axes.set_xlim(low + shift, high + shift)
        self._slide.move_picture(round(pixels))
        if abs(shift) > (high - low) * _BARE:
            self._slide.hide()
            self._look_at(low + shift, high + shift)
            self._grab(event.x)

    def _released(self, event: Event) -> None:
        if self._grabbed is None:
            return
        self._grabbed = None
        self._look_at(*self._axes.get_xlim())
        self._canvas.draw()
        self._slide.hide()


def _ends(curve: Curve) -> str:
    if not len(curve.y):
        return "no values"
    return f"from {display.number(float(curve.y[0]))} to {display.number(float(curve.y[-1]))}"
