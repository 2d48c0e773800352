"""The panel beside the map of weights."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from diptych.ui.theme import Theme
from diptych.ui.widgets.drawer import Drawer


def test_experts_of_one_layer_are_told_apart_by_the_title(theme: Theme, qtbot: QtBot) -> None:
    pictures = []
    for expert in (2, 3):
        drawer = Drawer(theme)
        qtbot.addWidget(drawer)
        drawer.show_facts(f"model.layers.10.mlp.experts.{expert}.gate_proj.weight", [])
        drawer.show()
        pictures.append(drawer.grab().toImage())
    assert pictures[0] != pictures[1]
