"""Icons from the Phosphor font that qtawesome ships, tinted from the palette.

Only the font file is used: importing qtawesome itself loads fourteen fonts and costs more than the whole first page.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap

GLYPHS = {
    "activity": 0xF371, "back": 0xF03B, "cancel": 0xF36D, "check": 0xF0E7, "collapsed": 0xF0C4, "columns": 0xF10E,
    "command": 0xF10F, "compare": 0xF04D, "copy": 0xF114, "curves": 0xF0D4, "cube": 0xF120, "database": 0xF12D,
    "damaged": 0xF35D, "expanded": 0xF0C2, "export": 0xF15A, "file": 0xF167, "files": 0xF16E, "filter": 0xF196,
    "fingerprint": 0xF173, "folder": 0xF18C, "folder-add": 0xF18D, "grid": 0xF1B7, "info": 0xF1E0, "keyboard": 0xF1E5,
    "lineage": 0xF339,
    "library": 0xF098, "more": 0xF145, "note": 0xF22E, "offline": 0xF106, "open": 0xF058, "partial": 0xF1D0,
    "push": 0xF100, "pull": 0xF0FF, "pause": 0xF25E, "play": 0xF27C, "key": 0xF1E4, "web": 0xF1AF,
    "adapter": 0xF291, "plus": 0xF27F, "refresh": 0xF021, "remove": 0xF334, "search": 0xF20A, "settings": 0xF19C,
    "sliders": 0xF2D0, "sort": 0xF047, "star": 0xF2F3, "swap": 0xF301, "table": 0xF304, "tag": 0xF305, "text": 0xF310,
    "undo": 0xF066, "warning": 0xF35C,
}  # fmt: skip
"""Our names to code points of Phosphor 1.3; a test holds them against the font's own table."""

FONT_FILE = "phosphor-1.3.0.ttf"


def icon(name: str, color: QColor | None = None) -> QIcon:
    """The icon called `name`, in `color` or in the palette's text colour of the moment."""
    return QIcon(_Glyph(chr(GLYPHS[name]), color))


def font_folder() -> Path:
    """Where qtawesome keeps its fonts."""
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("qtawesome is not installed")
    return Path(spec.origin).parent / "fonts"


@cache
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(font_folder() / FONT_FILE))
    return QFontDatabase.applicationFontFamilies(number)[0]


class _Glyph(QIconEngine):
    def __init__(self, glyph: str, color: QColor | None) -> None:
        super().__init__()
        self._glyph = glyph
        self._color = color

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        font = QFont(_family())
        font.setPixelSize(rect.height())
        palette = QGuiApplication.palette()
        disabled = mode == QIcon.Mode.Disabled
        group = QPalette.ColorGroup.Disabled if disabled else QPalette.ColorGroup.Active
        color = palette.color(group, QPalette.ColorRole.Text)
        painter.save()
        painter.setFont(font)
        painter.setPen(self._color if self._color is not None and not disabled else color)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._glyph)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Glyph(self._glyph, self._color)
