"""A graph of descent: boxes and arrows in one painting, moved and walked with mouse and keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from diptych.ui.theme import Theme
from diptych.ui.tokens import RADIUS, Size, Space
from diptych.ui.widgets.graphlayout import Arrow, Layout, Node, lay_out

WIDTH, HEIGHT = 192, 44
GAP_X, GAP_Y = 136, 16
LEAST_ZOOM, MOST_ZOOM = 0.08, 2.0
_READABLE = 0.45
"""Below this scale words are too small to be drawn."""
_LEGIBLE = 0.7
"""What is larger than the page at this scale begins at its upper left."""
_STEP = 1.2
_WAYS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}


class Graph(QWidget):
    """Nodes and arrows. Arrows of the keyboard go to the nearest node that way; Enter opens; the wheel zooms."""

    current_changed = Signal(str)
    opened = Signal(str)

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._nodes: dict[str, Node] = {}
        self._boxes: dict[str, QRectF] = {}
        self._arrows: Sequence[Arrow] = ()
        self._ways: dict[str, list[QPointF]] = {}
        self._turn: dict[str, int] = {}
        """Of arrows into one node, the place of each, so that their words do not cover one another."""
        self._name = name
        self._current = ""
        self.zoom = 1.0
        self._offset = QPointF(0, 0)
        self._grip: QPointF | None = None
        self._fitted = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        theme.changed.connect(self.update)

    # content

    def show_graph(self, nodes: Sequence[Node], arrows: Sequence[Arrow], layout: Layout | None = None) -> None:
        """Replace all; the current node stays where it is still there. A large graph comes with its layout."""
        self._nodes = {node.key: node for node in nodes}
        self._arrows = [one for one in arrows if one.source in self._nodes and one.target in self._nodes]
        placed = layout if layout is not None else lay_out(nodes, self._arrows)
        self._boxes = {key: self._cell(slot) for key, slot in placed.nodes.items()}
        self._ways = {one.key: self._way(one, placed) for one in self._arrows}
        met: Counter[str] = Counter()
        for one in self._arrows:
            self._turn[one.key] = met[one.target]
            met[one.target] += len(self._ways[one.key]) == 2
        if self._current not in self._nodes:
            self._current = ""
            self._fitted = False
        if not self._fitted:
            self._begin()
        self._tell()
        self.update()

    def _cell(self, slot: tuple[int, float]) -> QRectF:
        """The box of a node in a slot."""
        px, (column, row) = self._theme.px, slot
        return QRectF(px(WIDTH + GAP_X) * column, px(HEIGHT + GAP_Y) * row, px(WIDTH), px(HEIGHT))

    def _way(self, arrow: Arrow, placed: Layout) -> list[QPointF]:
        """The points that an arrow passes: out of one box, straight through its lanes between boxes, into the other."""
        source, target = self._boxes[arrow.source], self._boxes[arrow.target]
        way = [QPointF(source.right(), source.center().y())]
        for slot in placed.lanes.get(arrow.key, ()):
            lane = self._cell(slot)
            way += [QPointF(lane.left(), lane.center().y()), QPointF(lane.right(), lane.center().y())]
        return [*way, QPointF(target.left(), target.center().y())]

    @property
    def current(self) -> str:
        """The key of the node that keys go to; empty without one."""
        return self._current

    def box(self, key: str) -> QRectF:
        """Where a node is drawn, in the widget's own coordinates."""
        box = self._boxes[key]
        return QRectF(box.topLeft() * self.zoom + self._offset, box.size() * self.zoom)

    def go_to(self, key: str) -> None:
        """Make a node the current one and bring it into sight."""
        if key not in self._boxes:
            return
        self._current = key
        seen = self.box(key)
        room = QRectF(self.rect()).adjusted(Space.L, Space.L, -Space.L, -Space.L)
        if not room.contains(seen):
            self._offset += QPointF(
                max(room.left() - seen.left(), 0) + min(room.right() - seen.right(), 0),
                max(room.top() - seen.top(), 0) + min(room.bottom() - seen.bottom(), 0),
            )
        self._tell()
        self.current_changed.emit(key)
        self.update()

    def fit(self) -> None:
        """Show everything, never larger than in full size."""
        if not self._boxes or not self.width():
            return
        whole = QRectF()
        for box in self._boxes.values():
            whole = whole.united(box)
        across = (self.width() - 2 * Space.XL) / whole.width()
        down = (self.height() - 2 * Space.XL) / whole.height()
        self.zoom = min(max(min(across, down), LEAST_ZOOM), 1.0)
        spare = QPointF(self.width() - whole.width() * self.zoom, self.height() - whole.height() * self.zoom) / 2
        self._offset = QPointF(max(spare.x(), Space.XL), max(spare.y(), Space.XL)) - whole.topLeft() * self.zoom
        self._fitted = True
        self.update()

    def _begin(self) -> None:
        """Show everything where that can be read, or else the beginning."""
        self.fit()
        if self._boxes and self.zoom < _LEGIBLE:
            self.zoom = _LEGIBLE
            self._offset = QPointF(Space.XL, Space.XL)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom about a point, the middle by default."""
        at = at if at is not None else QPointF(self.rect().center())
        zoom = min(max(self.zoom * factor, LEAST_ZOOM), MOST_ZOOM)
        self._offset = at - (at - self._offset) * (zoom / self.zoom)
        self.zoom = zoom
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, 400)

    # keys and mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _WAYS and self._boxes:
            self._walk(*_WAYS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current:
            self.opened.emit(self._current)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / _STEP)
        else:
            super().keyPressEvent(event)

    def _walk(self, across: int, down: int) -> None:
        """Go to the nearest node in a direction; what lies aside counts double."""
        if not self._current:
            self.go_to(min(self._boxes, key=lambda key: (self._boxes[key].x(), self._boxes[key].y())))
            return
        here = self._boxes[self._current].center()
        ways = []
        for key, box in self._boxes.items():
            gap = box.center() - here
            ahead = gap.x() * across + gap.y() * down
            aside = abs(gap.y() * across) + abs(gap.x() * down)
            if ahead > 1 and (across or aside < box.width() / 2):
                ways.append((ahead + 2 * aside, key))
        if ways:
            self.go_to(min(ways)[1])

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom_by(_STEP ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        key = self._at(event.position())
        if key and event.button() == Qt.MouseButton.LeftButton:
            self.go_to(key)
        else:
            self._grip = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            self._offset += event.position() - self._grip
            self._grip = event.position()
            self.update()
            return
        node = self._nodes.get(self._at(event.position()))
        self.setToolTip(f"{node.title}\n{node.note}" if node else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if key := self._at(event.position()):
            self.opened.emit(key)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if not self._current:
            self._begin()
        super().resizeEvent(event)

    def _at(self, point: QPointF) -> str:
        inner = (point - self._offset) / self.zoom
        return next((key for key, box in self._boxes.items() if box.contains(inner)), "")

    def _tell(self) -> None:
        node = self._nodes.get(self._current)
        self.setAccessibleDescription(f"{node.title}, {node.note}" if node else f"{len(self._nodes)} nodes")

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self._theme.color("surface"))
        painter.translate(self._offset)
        painter.scale(self.zoom, self.zoom)
        seen = QRectF(-self._offset / self.zoom, QRectF(self.rect()).size() / self.zoom)
        if self.zoom < _READABLE:
            self._paint_small(painter, seen)
            return
        in_sight = [arrow for arrow in self._arrows if _touches(self._ways[arrow.key], seen)]
        for arrow in in_sight:
            self._paint_arrow(painter, arrow, self._ways[arrow.key])
        for arrow in in_sight:
            if arrow.text:
                self._paint_words(painter, arrow)
        for key, box in self._boxes.items():
            if box.intersects(seen):
                self._paint_node(painter, self._nodes[key], box)

    def _paint_small(self, painter: QPainter, seen: QRectF) -> None:
        """The whole from afar: boxes without words and straight lines, a few calls for thousands of them."""
        theme = self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        in_sight = [arrow for arrow in self._arrows if _touches(self._ways[arrow.key], seen)]
        for dashed, style in ((True, Qt.PenStyle.DashLine), (False, Qt.PenStyle.SolidLine)):
            painter.setPen(QPen(theme.color("muted"), 0, style))
            ways = [self._ways[arrow.key] for arrow in in_sight if arrow.dashed is dashed]
            painter.drawLines([QLineF(one, other) for way in ways for one, other in pairwise(way)])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("faint"))
        painter.drawRects([box for box in self._boxes.values() if box.intersects(seen)])
        if self._current:
            painter.setBrush(theme.color("focus"))
            painter.drawRect(self._boxes[self._current])

    def _paint_arrow(self, painter: QPainter, arrow: Arrow, way: Sequence[QPointF]) -> None:
        path = QPainterPath(way[0])
        for number, (begin, end) in enumerate(pairwise(way)):
            if number % 2:  # through a lane
                path.lineTo(end)
                continue
            bend = QPointF(max(abs(end.x() - begin.x()) / 2, GAP_X / 2), 0)
            path.cubicTo(begin + bend, end - bend, end)
        end = way[-1]
        near = self._current in (arrow.source, arrow.target)
        pen = QPen(self._theme.color("text" if near else "faint" if arrow.faint else "muted"), 1.6 if near else 1.1)
        if arrow.dashed:
            pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(pen.color())
        painter.drawPolygon([end, end + QPointF(-7, -3.5), end + QPointF(-7, 3.5)])

    def _words_at(self, arrow: Arrow) -> tuple[QPointF, float]:
        """The middle of an arrow's words, and where they must end: in its last lane, or before the box it leads to."""
        way = self._ways[arrow.key]
        begin, end = way[-2], way[-1]
        if len(way) > 2:
            return (way[-3] + begin) / 2, begin.x()
        bend = QPointF(max(abs(end.x() - begin.x()) / 2, GAP_X / 2), 0)
        path = QPainterPath(begin)
        path.cubicTo(begin + bend, end - bend, end)
        return path.pointAtPercent(0.75 - 0.25 * (self._turn[arrow.key] % 3)), end.x()

    def _paint_words(self, painter: QPainter, arrow: Arrow) -> None:
        text, near = arrow.text, self._current in (arrow.source, arrow.target)
        middle, right = self._words_at(arrow)
        font = self._theme.font(Size.CAPTION)
        metrics = QFontMetrics(font)
        width = metrics.horizontalAdvance(text) + Space.XS
        # before the box that it leads to, which is painted over it
        left = min(middle.x() - width / 2, right - width - Space.M)
        area = QRectF(left, middle.y() - metrics.height() / 2, width, metrics.height())
        painter.fillRect(area, self._theme.color("surface"))
        painter.setFont(font)
        painter.setPen(self._theme.color("text" if near else "muted"))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_node(self, painter: QPainter, node: Node, box: QRectF) -> None:
        theme, here = self._theme, node.key == self._current
        painter.setBrush(theme.color("selected" if here else "raised"))
        pen = QPen(theme.color("focus" if here else "hairline"), 2 if here and self.hasFocus() else 1)
        painter.setPen(pen)
        if node.stacked:
            painter.drawRoundedRect(box.translated(4, 4), RADIUS, RADIUS)
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        inner = box.adjusted(Space.S, Space.XS, -Space.S, -Space.XS)
        half = inner.height() / 2
        lines = ((node.title, Size.BODY, "text", 0.0), (node.note, Size.CAPTION, "muted", half))
        for text, size, color, down in lines:
            font = theme.font(size)
            painter.setFont(font)
            painter.setPen(theme.color(color))
            fitting = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideMiddle, int(inner.width()))
            area = QRectF(inner.left(), inner.top() + down, inner.width(), half)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, fitting)


def _touches(way: Sequence[QPointF], seen: QRectF) -> bool:
    """Whether an arrow may be in sight."""
    left, right = way[0].x(), way[-1].x()
    if max(left, right) < seen.left() or min(left, right) > seen.right():
        return False
    heights = [point.y() for point in way]
    return max(heights) >= seen.top() and min(heights) <= seen.bottom()
