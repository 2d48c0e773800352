from __future__ import annotations

import json

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QProxyStyle,
    QStyle,
    QStyleHintReturn,
    QStyleOption,
    QWidget,
)
from pytestqt.qtbot import QtBot

from diptych.ui.icons import FONT_FILE, GLYPHS, font_folder, icon
from diptych.ui.theme import Theme
from diptych.ui.tokens import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Palette

PALETTES = (LIGHT, DARK, LIGHT_CONTRAST, DARK_CONTRAST)
READABLE = [
    (text, ground)
    for ground, texts in {
        "surface": ("text", "muted", "a", "b", "danger"),
        "raised": ("text", "muted"),
        "selected": ("text",),
        "hover": ("text",),
        "a_row": ("text", "a"),
        "b_row": ("text", "b"),
        "a_word": ("text",),
        "b_word": ("text",),
        "primary": ("on_primary",),
    }.items()
    for text in texts
]


def luminance(color: QColor) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(QColor(first)), luminance(QColor(second))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.name)
@pytest.mark.parametrize(("text", "ground"), READABLE)
def test_text_can_be_read_on_its_ground(palette: Palette, text: str, ground: str) -> None:
    assert contrast(getattr(palette, text), getattr(palette, ground)) >= 4.5


def test_appearance_can_be_switched_while_running(qapp: QApplication) -> None:
    theme = Theme(qapp, "light")
    assert theme.color("surface") == QColor("#FFFFFF")
    changes: list[bool] = []
    theme.changed.connect(lambda: changes.append(True))
    theme.use("dark")
    assert changes == [True]
    assert qapp.palette().window().color() == QColor(DARK.surface)
    theme.use("light")
    assert qapp.palette().window().color() == QColor(LIGHT.surface)


def test_compact_rows_are_lower(qapp: QApplication) -> None:
    assert Theme(qapp, "light", compact=True).row < Theme(qapp, "light").row


def test_icon_names_agree_with_the_font(qapp: QApplication) -> None:
    table = json.loads((font_folder() / "phosphor-charmap-1.3.0.json").read_text("utf-8"))
    known = {int(code, 16) for code in table.values()}
    assert (font_folder() / FONT_FILE).is_file()
    assert {name: code for name, code in GLYPHS.items() if code not in known} == {}


def test_every_icon_draws_something(qapp: QApplication) -> None:
    Theme(qapp, "light")
    for name in GLYPHS:
        image = icon(name).pixmap(20, 20).toImage()
        drawn = any(image.pixelColor(x, y).alpha() for x in range(20) for y in range(20))
        assert drawn, name


class Iconic(QProxyStyle):
    """A desktop whose dialogs have pictures on their buttons."""

    def styleHint(
        self,
        hint: QStyle.StyleHint,
        option: QStyleOption | None = None,
        widget: QWidget | None = None,
        data: QStyleHintReturn | None = None,
    ) -> int:
        if hint is QStyle.StyleHint.SH_DialogButtonBox_ButtonsHaveIcons:
            return 1
        return super().styleHint(hint, option, widget, data)


def test_buttons_of_dialogs_carry_no_pictures_of_the_desktop(qapp: QApplication, qtbot: QtBot) -> None:
    Theme(qapp, "light")
    desktop = Iconic()
    box = QDialogButtonBox()
    qtbot.addWidget(box)
    box.setStyle(desktop)
    cancel = box.addButton(QDialogButtonBox.StandardButton.Cancel)
    assert cancel.icon().isNull()


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_a_choice_is_seen_to_open(qapp: QApplication, qtbot: QtBot, appearance: str) -> None:
    Theme(qapp, appearance)
    choice = QComboBox()
    qtbot.addWidget(choice)
    choice.resize(200, 30)
    choice.ensurePolished()
    shown = choice.grab().toImage()
    scale = shown.devicePixelRatio()
    ground = shown.pixelColor(round(100 * scale), round(15 * scale))
    inner = [
        shown.pixelColor(x, y)
        for x in range(round(172 * scale), round(194 * scale))
        for y in range(6, round(24 * scale))
    ]
    assert any(contrast(point.name(), ground.name()) > 3 for point in inner)
