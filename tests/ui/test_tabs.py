"""The tabs of comparisons."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from diptych.ui.theme import Theme
from diptych.ui.widgets.tabs import Tabs


def test_many_tabs_scroll_before_their_names_cannot_be_told_apart(theme: Theme, qtbot: QtBot) -> None:
    tabs = Tabs(theme, "Comparisons")
    qtbot.addWidget(tabs)
    for number in range(10):
        name = f"base-pretrain/checkpoint-600 ⇄ sft/checkpoint-{number}00"
        tabs.set_text(tabs.add(number), name, name)
    tabs.resize(800, tabs.sizeHint().height())
    tabs.show()
    tabs.setCurrentIndex(9)
    width = tabs.tabRect(9).width()
    assert width >= tabs.fontMetrics().horizontalAdvance("checkpoint ⇄ checkpoint")
    assert tabs.rect().contains(tabs.tabRect(9))
