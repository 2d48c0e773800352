"""A chart that looks like part of the window. Import it where the first chart is shown: it brings matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.backend_bases import Event, LocationEvent, MouseEvent
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontInfo,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QVBoxLayout, QWidget

from diptych import display
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.brush import brush
from diptych.ui.widgets.curves import Curve, decimate
from diptych.ui.widgets.slide import Slide

MARKER_EVERY = 36
"""Pixels between two markers where points lie closer: dashes and slopes stay visible between them."""
ZOOM = 1.25
_TICKS = 24
"""Pixels below the axis that move with it: the numbers, not the name of the axis."""
_BARE = 0.4
"""Share of the width that may be dragged in before the picture is drawn anew."""


class Plot(QWidget):
    """Curves over a common axis. The pointer moves a crosshair, dragging pans, Ctrl+wheel or +/− zooms, 0 shows all."""

    pointed = Signal(object)
    """The place on the x axis under the crosshair, or None when it left."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._curves: tuple[Curve, ...] = ()
        self._labels = ("", "", "")
        self._logarithmic = False
        self._legend = True
        self._lines: list[Line2D] = []
        self._background: Any = None
        self._grabbed: tuple[float, tuple[float, float]] | None = None
        self._focus_x: float | None = None
        self._figure = Figure()
        self._axes = self._figure.add_subplot()
        self._hair = self._axes.axvline(0, visible=False, animated=True)
        self._canvas = _Canvas(self._figure, self)
        self._slide = Slide(self._canvas)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self.setFocusProxy(self._canvas)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._canvas.mpl_connect("draw_event", self._drawn)
        self._canvas.mpl_connect("motion_notify_event", self._moved)
        self._canvas.mpl_connect("axes_leave_event", self._left)
        self._canvas.mpl_connect("button_press_event", self._pressed)
        self._canvas.mpl_connect("button_release_event", self._released)
        theme.changed.connect(self._restyle)

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
        self._rebuild()

    def reset(self) -> None:
        """Show the whole of every curve."""
        self._axes.autoscale(True)
        self._axes.relim()
        self._refill(*self._extent())
        self._axes.set_xlim(*self._extent())
        self._canvas.draw_idle()

    def point_at(self, x: float | None) -> None:
        """Put the crosshair at `x`, as when another plot of the same axis is pointed at; None hides it."""
        self._focus_x = x
        if self._background is None:
            return
        self._canvas.restore_region(self._background)
        if x is not None:
            self._hair.set_xdata([x, x])
            self._hair.set_visible(True)
            self._axes.draw_artist(self._hair)
            self._hair.set_visible(False)
        self._canvas.blit(self._figure.bbox)

    def values_at(self, x: float) -> list[tuple[str, float, float]]:
        """Label, x and y of the nearest point of every curve."""
        found = []
        for curve in self._curves:
            if len(curve.x):
                near = int(np.argmin(np.abs(curve.x - x)))
                found.append((curve.label, float(curve.x[near]), float(curve.y[near])))
        return found

    def zoom(self, factor: float, around: float | None = None) -> None:
        """Show a share `1 / factor` of the x axis around a place, by default the middle."""
        low, high = self._axes.get_xlim()
        middle = (low + high) / 2 if around is None else around
        self._look_at(middle - (middle - low) / factor, middle + (high - middle) / factor)

    def step(self, direction: int) -> None:
        """Move the crosshair to the next point of the first curve."""
        if not self._curves or not len(self._curves[0].x):
            return
        x = self._curves[0].x
        at = 0 if self._focus_x is None else int(np.argmin(np.abs(x - self._focus_x))) + direction
        self._point(float(x[min(max(at, 0), len(x) - 1)]))

    # drawing ---------------------------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        theme, axes = self._theme, self._axes
        axes.clear()
        axes.set_yscale("log" if self._logarithmic and self._positive() else "linear")
        family = _known_family(QFontInfo(QApplication.font()).family())
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
        points = theme.px(Size.CAPTION) * 72 / self._figure.dpi
        axes.tick_params(which="both", colors=muted, labelsize=points, length=0, pad=6, labelfontfamily=family)
        x_label, y_label, _ = self._labels
        axes.set_xlabel(x_label, color=muted, fontsize=points, fontfamily=family)
        axes.set_ylabel(y_label, color=muted, fontsize=points, fontfamily=family)
        axes.xaxis.set_major_formatter(lambda value, _: display.number(value))
        axes.yaxis.set_major_formatter(lambda value, _: display.number(value))
        self._lines = []
        for curve in self._curves:
            self._lines += axes.plot(
                [], [], color=theme.color(curve.color).name(), linewidth=1.5, marker=curve.marker or None,
                markersize=4, linestyle="--" if curve.dashed else "-", label=display.visible(curve.label),
                solid_joinstyle="round",
            )  # fmt: skip
        if self._legend and len(self._curves) > 1:
            axes.legend(frameon=False, labelcolor=theme.color("text").name(), prop={"family": family, "size": points})
        self._hair = axes.axvline(0, visible=False, animated=True, color=theme.color("focus").name(), linewidth=1)
        self._refill(*self._extent())
        axes.relim()
        axes.autoscale_view()
        axes.set_xlim(*self._extent())
        self._name()
        self._canvas.draw_idle()

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
        first, last = self._extent()
        width = min(high - low, last - first)
        low = min(max(low, first), last - width)
        self._refill(low, low + width)
        self._axes.set_xlim(low, low + width)
        self._canvas.draw_idle()

    def _restyle(self) -> None:
        self._rebuild()

    def _name(self) -> None:
        title = self._labels[2] or self._labels[1] or "Chart"
        parts = [f"{curve.label}: {_ends(curve)}" for curve in self._curves]
        self._canvas.setAccessibleName(f"Chart of {title} by {self._labels[0] or 'x'}")
        self._canvas.setAccessibleDescription("; ".join(parts))

    def _drawn(self, event: Event) -> None:
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)
        if self._focus_x is not None:
            self.point_at(self._focus_x)

    # pointer ---------------------------------------------------------------------------------------------------

    def _moved(self, event: Event) -> None:
        if not isinstance(event, MouseEvent):
            return
        if self._grabbed is not None:
            self._drag(event)
        elif event.inaxes is self._axes and event.xdata is not None:
            self._point(event.xdata)

    def _point(self, x: float) -> None:
        self.point_at(x)
        self.pointed.emit(x)

    def _left(self, event: Event) -> None:
        if isinstance(event, LocationEvent) and self._grabbed is None:
            self.point_at(None)
            self.pointed.emit(None)

    def _pressed(self, event: Event) -> None:
        if not isinstance(event, MouseEvent) or event.inaxes is not self._axes or event.button != 1:
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
        self._slide.hold(self._canvas.grab(), QRect(left, 0, width, below), self._theme.color("surface"))

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


class _Canvas(FigureCanvasQTAgg):
    def __init__(self, figure: Figure, plot: Plot) -> None:
        super().__init__(figure)
        self._plot = plot
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def draw_idle(self) -> None:
        """Draw once when there is time, if it can be seen. matplotlib's own timer outlives the widget."""
        brush().ask(self)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.draw_idle()

    def draw_seen(self) -> None:
        """Draw, unless nobody would see it."""
        if self.isVisible():
            self.draw()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel belongs to the page; with Ctrl it zooms."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._plot.zoom(ZOOM if event.angleDelta().y() > 0 else 1 / ZOOM)
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._plot.step(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._plot.zoom(ZOOM)
        elif key == Qt.Key.Key_Minus:
            self._plot.zoom(1 / ZOOM)
        elif key == Qt.Key.Key_0:
            self._plot.reset()
        else:
            event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, height = max(self.width(), 1), max(self.height(), 1)
        left, bottom, around = Space.XXL * 2, Space.XXL + Space.M, Space.M
        self.figure.subplots_adjust(
            left=min(left / width, 0.4),
            right=max(1 - around / width, 0.5),
            bottom=min(bottom / height, 0.4),
            top=max(1 - around / height, 0.5),
        )

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._ring()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._ring()

    def _ring(self) -> None:
        self.figure.set_edgecolor(self._plot._theme.color("focus" if self.hasFocus() else "surface").name())
        self.figure.set_linewidth(2 if self.hasFocus() else 0)
        self.draw_idle()

    def event(self, event: QEvent) -> bool:
        # single letters and digits belong to the chart while it has the focus, not to the page's actions
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            keys = (
                Qt.Key.Key_Plus,
                Qt.Key.Key_Minus,
                Qt.Key.Key_Equal,
                Qt.Key.Key_0,
                Qt.Key.Key_Left,
                Qt.Key.Key_Right,
            )
            if event.key() in keys and not event.modifiers() & Qt.KeyboardModifier.AltModifier:
                event.accept()
                return True
        return bool(super().event(event))


def _ends(curve: Curve) -> str:
    if not len(curve.y):
        return "no values"
    return f"from {display.number(float(curve.y[0]))} to {display.number(float(curve.y[-1]))}"


def _known_family(family: str) -> str:
    known = {font.name for font in font_manager.fontManager.ttflist}
    return family if family in known else "DejaVu Sans"
