"""The canvas of a chart: matplotlib draws a picture of it in strokes, the window paints the newest that is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from matplotlib.axis import Axis
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from PySide6.QtCore import QEvent, QLineF, Qt
from PySide6.QtGui import (
    QFocusEvent,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)

from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.brush import brush

ZOOM = 1.25
RING = 2
"""Points of the line around a chart that has the focus."""
_OURS = (Qt.Key.Key_Plus, Qt.Key.Key_Minus, Qt.Key.Key_Equal, Qt.Key.Key_0, Qt.Key.Key_Left, Qt.Key.Key_Right)
"""Keys of a chart: they belong to it while it has the focus, not to the actions of the page."""


class Owner(Protocol):
    """What a canvas asks of its chart."""

    theme: Theme

    def building(self) -> Iterator[None]:
        """Bring the figure up to date, a little between two steps."""

    def hair(self) -> float | None:
        """The place of the crosshair on the x axis, if there is one now."""

    def zoom(self, factor: float) -> None:
        """Show a share `1 / factor` of the x axis."""

    def step(self, direction: int) -> None:
        """Move the crosshair to the next point."""

    def reset(self) -> None:
        """Show the whole of every curve."""


class ChartCanvas(FigureCanvasQTAgg):
    """Shows a figure without titles and pictures of its own, and takes keys and the wheel for its chart."""

    def __init__(self, figure: Figure, owner: Owner) -> None:
        super().__init__(figure)
        self._owner = owner
        self._picture = QImage()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    # drawing ---------------------------------------------------------------------------------------------------

    def draw_idle(self) -> None:
        """Draw once when there is time, if it can be seen. matplotlib's own timer outlives the widget."""
        brush().ask(self)

    def draw(self) -> None:
        """Draw at once."""
        brush().leave(self)
        for _ in self._drawing():
            pass

    def strokes(self) -> Iterator[None]:
        """Draw, a little between two steps, unless nobody would see it."""
        if self.isVisible():
            yield from self._drawing()

    def _drawing(self) -> Iterator[None]:
        """What `Figure.draw` does to a figure of plain axes, an axis a step: each takes a few milliseconds."""
        yield from self._owner.building()
        renderer = self.get_renderer()
        renderer.clear()
        self.figure.patch.draw(renderer)
        for axes in self.figure.axes:
            axes.apply_aspect()
            axes.patch.draw(renderer)
            artists = [artist for artist in axes.get_children() if artist is not axes.patch]
            for artist in sorted(artists, key=lambda one: one.get_zorder()):
                if isinstance(artist, Axis):
                    yield
                artist.draw(renderer)
        pixels = renderer.buffer_rgba()
        height, width = pixels.shape[:2]
        self._picture = QImage(pixels, width, height, QImage.Format.Format_RGBA8888).copy()
        self._picture.setDevicePixelRatio(self.device_pixel_ratio)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._owner.theme.color("surface"))
        painter.drawImage(0, 0, self._picture)
        place = self._owner.hair()
        if place is not None and not self._picture.isNull():
            self._paint_hair(painter, place)

    def _paint_hair(self, painter: QPainter, place: float) -> None:
        """A line of one point, sharp in the middle of a pixel."""
        axes, ratio = self.figure.axes[0], self.device_pixel_ratio
        low, high = axes.get_xlim()
        if low <= place <= high:
            x = (int(axes.transData.transform((place, 0.0))[0] + 0.5) + 0.5) / ratio
            height = self.figure.bbox.height
            pen = QPen(self._owner.theme.color("focus"), self.figure.dpi / 72 / ratio)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen)
            painter.drawLine(QLineF(x, (height - axes.bbox.y1) / ratio, x, (height - axes.bbox.y0) / ratio))

    # events ----------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.draw_idle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel belongs to the page; with Ctrl it zooms."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._owner.zoom(ZOOM if event.angleDelta().y() > 0 else 1 / ZOOM)
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._owner.step(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._owner.zoom(ZOOM)
        elif key == Qt.Key.Key_Minus:
            self._owner.zoom(1 / ZOOM)
        elif key == Qt.Key.Key_0:
            self._owner.reset()
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
        self.figure.set_edgecolor(self._owner.theme.color("focus" if self.hasFocus() else "surface").name())
        self.figure.set_linewidth(RING if self.hasFocus() else 0)
        self.draw_idle()

    def event(self, event: QEvent) -> bool:
        # single letters and digits belong to the chart while it has the focus, not to the page's actions
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _OURS
            and not event.modifiers() & Qt.KeyboardModifier.AltModifier
        ):
            event.accept()
            return True
        return bool(super().event(event))
