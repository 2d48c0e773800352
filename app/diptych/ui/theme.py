"""Applies the tokens to Qt: palette, fonts and the one small style sheet. Widgets that paint ask it for colours."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication

from diptych.ui.style import style_sheet
from diptych.ui.tokens import COMPACT_ROW, DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, ROW, Palette, Size

STYLE = ("-style", "Fusion")
"""The base of our look, as arguments: `QApplication.setStyle` answers with a style, and to wrap that takes 4 ms."""
_PLAIN_SYSTEM_FONTS = frozenset({"DejaVu Sans", "Bitstream Vera Sans", "Liberation Sans"})
"""What fontconfig falls back to where no desktop chose a font; then a better one is looked for."""
_TEXT_FONTS = ("Inter", "Noto Sans", "Cantarell", "Open Sans")
_CODE_FONTS = ("JetBrains Mono", "Noto Sans Mono", "DejaVu Sans Mono")


class Theme(QObject):
    """The look in force. `changed` tells painters to look again."""

    changed = Signal()

    def __init__(self, app: QApplication, appearance: str = "system", compact: bool = False) -> None:
        super().__init__(app)
        self._app = app
        self.compact = compact
        self._appearance = appearance
        self.palette = LIGHT
        self._colors: dict[str, QColor] = {}
        self._scale = 1.0
        self._code_family = ""
        self._choose_fonts()
        hints = app.styleHints()
        hints.colorSchemeChanged.connect(self._follow_system)
        self.use(appearance)

    def use(self, appearance: str, compact: bool | None = None) -> None:
        """Take `system`, `light` or `dark`, and the row height."""
        self._appearance = appearance
        if compact is not None:
            self.compact = compact
        self.palette = self._chosen()
        self._colors.clear()
        self._app.setPalette(_qt_palette(self.palette))
        self._app.setStyleSheet(style_sheet(self.palette, self._scale))
        self.changed.emit()

    def color(self, token: str) -> QColor:
        """The colour of a token of `Palette` (`"a"`, `"muted"`), one object for all: change a copy of it."""
        color = self._colors.get(token)
        if color is None:
            color = self._colors[token] = QColor(getattr(self.palette, token))
        return color

    def font(self, size: Size = Size.BODY, bold: bool = False) -> QFont:
        """The text font with figures of equal width."""
        font = QFont(self._app.font())
        font.setPixelSize(self.px(size))
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        return font

    def code(self, size: Size = Size.BODY) -> QFont:
        """The font of digests, paths and answers."""
        font = QFont(self._code_family)
        font.setStyleHint(QFont.StyleHint.Monospace)
        font.setPixelSize(self.px(size) - 1)
        return font

    def px(self, size: int) -> int:
        """A length of the scales at the user's text size."""
        return round(size * self._scale)

    @property
    def row(self) -> int:
        """Height of a row of a table."""
        return self.px(COMPACT_ROW if self.compact else ROW)

    def _chosen(self) -> Palette:
        hints = self._app.styleHints()
        dark = self._appearance == "dark" or (
            self._appearance == "system" and hints.colorScheme() == Qt.ColorScheme.Dark
        )
        accessibility = getattr(hints, "accessibility", None)
        contrast = accessibility() is not None and accessibility().contrastPreference() if accessibility else None
        if contrast is not None and getattr(contrast, "name", "") == "HighContrast":
            return DARK_CONTRAST if dark else LIGHT_CONTRAST
        return DARK if dark else LIGHT

    def _choose_fonts(self) -> None:
        known = set(QFontDatabase.families())
        font = self._app.font()
        if QFontInfo(font).family() in _PLAIN_SYSTEM_FONTS:
            better = next((family for family in _TEXT_FONTS if family in known), None)
            if better:
                font = QFont(better)
                font.setPixelSize(Size.BODY)
        self._scale = max(QFontInfo(font).pixelSize() / Size.BODY, 1.0)
        if abs(self._scale - 1) < 0.16:
            self._scale = 1.0
        font.setPixelSize(self.px(Size.BODY))
        font.setFeature(QFont.Tag("tnum"), 1)
        self._app.setFont(font)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
        self._code_family = next((family for family in _CODE_FONTS if family in known), fixed)

    def _follow_system(self) -> None:
        if self._appearance == "system":
            self.use("system")


def _qt_palette(tokens: Palette) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: tokens.surface,
        QPalette.ColorRole.WindowText: tokens.text,
        QPalette.ColorRole.Base: tokens.surface,
        QPalette.ColorRole.AlternateBase: tokens.raised,
        QPalette.ColorRole.Text: tokens.text,
        QPalette.ColorRole.PlaceholderText: tokens.muted,
        QPalette.ColorRole.Button: tokens.raised,
        QPalette.ColorRole.ButtonText: tokens.text,
        QPalette.ColorRole.Highlight: tokens.selected,
        QPalette.ColorRole.HighlightedText: tokens.text,
        QPalette.ColorRole.ToolTipBase: tokens.raised,
        QPalette.ColorRole.ToolTipText: tokens.text,
        QPalette.ColorRole.Link: tokens.text,
        QPalette.ColorRole.LinkVisited: tokens.text,
        QPalette.ColorRole.Accent: tokens.focus,
        QPalette.ColorRole.Light: tokens.surface,
        QPalette.ColorRole.Mid: tokens.hairline,
        QPalette.ColorRole.Dark: tokens.hairline,
        QPalette.ColorRole.Shadow: tokens.hairline,
    }
    for role, color in roles.items():
        palette.setColor(role, QColor(color))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.faint))
    return palette
