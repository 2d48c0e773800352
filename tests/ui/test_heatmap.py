"""The heat map by itself: zooming with keys and wheel, at the depths that networks have."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.domain.sheet import Grid, GridCell, Status
from diptych.ui.models.heat import Fields
from diptych.ui.theme import Theme
from diptych.ui.tokens import Size
from diptych.ui.widgets.cividis import cividis
from diptych.ui.widgets.heatmap import HeatMap, Patch
from diptych.ui.widgets.heatpaint import thinned

MODULES = ("q", "k", "down")


def shown(theme: Theme, qtbot: QtBot, layers: int, width: int = 900) -> HeatMap:
    made = HeatMap(theme)
    qtbot.addWidget(made)
    made.resize(width, 200)
    patches = {
        (row, column): Patch(f"{row} {column}", 10.0 ** -(1 + column % 4))
        for row in range(3)
        for column in range(layers)
    }
    made.heat.show(MODULES, tuple(map(str, range(layers))), patches)
    made.show()
    qtbot.waitExposed(made)
    return made


def wheel(made: HeatMap, at: int, notches: int, modifiers: Qt.KeyboardModifier) -> QWheelEvent:
    """Turn the wheel over the map."""
    place = QPointF(at, 30)
    event = QWheelEvent(
        place, made.viewport().mapToGlobal(place), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        modifiers, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(made.viewport(), event)
    return event


def in_sight(made: HeatMap) -> bool:
    """Whether the field under the cursor is within the window onto the map."""
    return made.viewport().rect().contains(made.visualRect(made.currentIndex()).adjusted(1, 1, -1, -1))


@pytest.mark.parametrize("layers", [24, 126, 400])
def test_zooming_keeps_the_field_under_the_cursor_in_sight(theme: Theme, qtbot: QtBot, layers: int) -> None:
    made = shown(theme, qtbot, layers)
    made.set_cursor(1, layers - 2)
    whole = made.columnWidth(0)
    widths = [whole]
    while made.zoom(1):
        assert in_sight(made)
        widths.append(made.columnWidth(0))
    assert widths == sorted(set(widths))
    assert widths[-1] == theme.px(112)
    while made.zoom(-1):
        assert in_sight(made)
    assert made.columnWidth(0) == whole
    made.zoom(1)
    assert made.zoom(0)
    assert made.columnWidth(0) == whole
    assert not made.zoom(0)


def test_four_hundred_layers_scroll_where_they_do_not_fit(theme: Theme, qtbot: QtBot) -> None:
    made = shown(theme, qtbot, 400)
    assert made.horizontalHeader().length() > made.viewport().width()
    made.set_cursor(0, 399)
    assert in_sight(made)
    assert made.horizontalScrollBar().isVisible()
    rows = made.verticalHeader().length() + made.horizontalHeader().height()
    assert made.height() >= rows + made.horizontalScrollBar().height()


def test_the_wheel_zooms_with_ctrl_about_the_pointer_and_else_is_the_pages(theme: Theme, qtbot: QtBot) -> None:
    made = shown(theme, qtbot, 126)
    before = made.columnWidth(0)
    assert not wheel(made, 300, 1, Qt.KeyboardModifier.NoModifier).isAccepted()
    assert made.columnWidth(0) == before
    under = made.columnAt(300)
    for _ in range(3):
        assert wheel(made, 300, 1, Qt.KeyboardModifier.ControlModifier).isAccepted()
        assert abs(made.columnAt(300) - under) <= 1
    assert made.columnWidth(0) > before
    for _ in range(3):
        wheel(made, 300, -1, Qt.KeyboardModifier.ControlModifier)
    assert made.columnWidth(0) == before


def test_a_map_of_another_shape_is_shown_whole(theme: Theme, qtbot: QtBot) -> None:
    made = shown(theme, qtbot, 126)
    made.zoom(1)
    made.heat.show(MODULES, ("0", "1"), {(0, 0): Patch("0", 0.1)})
    assert made.horizontalHeader().length() <= made.viewport().width()


def test_names_above_narrow_columns_do_not_touch(theme: Theme) -> None:
    metrics = QFontMetrics(theme.font(Size.CAPTION))
    for layers in (6, 24, 126, 400, 2000):
        names = [str(layer) for layer in range(layers)]
        for width in (3.0, 8.5, 20.0, 56.0):
            shown = thinned(names, [width] * layers, metrics)
            written = [at for at, name in enumerate(shown) if name]
            assert written[0] == 0
            gaps = [(b - a) * width for a, b in pairwise(written)]
            assert all(gap >= metrics.horizontalAdvance(names[-1]) for gap in gaps)


def test_a_fold_shows_its_worst_above_its_median(theme: Theme, qtbot: QtBot) -> None:
    made = HeatMap(theme)
    qtbot.addWidget(made)
    made.resize(400, 100)
    made.heat.show(("expert up",), ("0", "1"), {(0, 0): Patch("folded", 1e-4, worst=0.1), (0, 1): Patch("one", 1e-4)})
    made.show()
    qtbot.waitExposed(made)
    picture = made.viewport().grab().toImage()
    rect = made.visualRect(made.heat.index(0, 0))
    top = QColor(picture.pixel(rect.center().x(), rect.y() + 3))
    low = QColor(picture.pixel(rect.x() + 3, rect.bottom() - 4))
    assert top == cividis(made.heat.scale.share(0.1))
    assert low == cividis(made.heat.scale.share(1e-4))
    assert top != low


def test_the_cursor_goes_around_its_field_and_not_over_it(theme: Theme, qtbot: QtBot) -> None:
    made = shown(theme, qtbot, 12)
    made.set_cursor(1, 3)
    colour = made.viewport().grab().toImage().pixelColor(made.visualRect(made.currentIndex()).topLeft() + QPoint(6, 5))
    assert colour == cividis(made.heat.scale.share(1e-4))


def test_layers_of_two_stacks_keep_their_numbers_where_there_is_no_room(theme: Theme) -> None:
    metrics = QFontMetrics(theme.font(Size.CAPTION))
    names = [f"{stack} {layer}" for stack in ("enc", "dec") for layer in range(24)]
    assert thinned(names, [60.0] * 48, metrics) == names
    narrow = [name for name in thinned(names, [14.0] * 48, metrics) if name]
    assert narrow[0] == "0"
    assert 4 < len(narrow) < 48
    assert all(name.isdigit() for name in narrow)


def test_a_field_with_nan_keeps_its_colour_and_bears_a_sign_that_is_explained() -> None:
    cells = (
        GridCell("layer 0", "q", Status.DIFFERS, 0.1, ("q",), "!"),
        GridCell("layer 0", "k", Status.NOT_COMPARABLE, None, ("k",), "?"),
    )
    fields = Fields.of(Grid(("layer 0",), ("q", "k"), cells, "change"))
    assert fields.patches[0, 0].value == 0.1
    assert fields.patches[0, 0].text == "layer 0, q: change 0.1, without the NaN or ∞ in it"
    assert fields.patches[1, 0].text == "layer 0, k: weights not complete"
    assert dict(fields.signs()) == {"!": "NaN or ∞", "?": "weights not complete"}


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (("embed", "layer 0", "layer 1", "norm"), ("embed", "0", "1", "norm")),
        (("a_wrapper and_another 0", "a_wrapper and_another 1"), ("0", "1")),
        (("encoder 0", "decoder 0"), ("enc 0", "dec 0")),
        (("layer", "expert 0", "expert 1"), ("layer", "0", "1")),
    ],
)
def test_columns_are_named_by_the_number_of_their_layer(rows: tuple[str, ...], shown: tuple[str, ...]) -> None:
    cells = tuple(GridCell(row, "q", Status.DIFFERS, 0.1, (row,)) for row in rows)
    assert Fields.of(Grid(rows, ("q",), cells, "x")).columns == shown
