"""The panel beside the map of weights."""

from __future__ import annotations

from dataclasses import replace

from comparing import BASE, TUNED
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from diptych.job import finish
from diptych.ui.context import Context
from diptych.ui.onetensor import OneTensor
from diptych.ui.theme import Theme
from diptych.ui.widgets.drawer import Drawer
from diptych.workbench import Workbench
from diptych.workbench.comparing import Comparison


def test_experts_of_one_layer_are_told_apart_by_the_title(theme: Theme, qtbot: QtBot) -> None:
    pictures = []
    for expert in (2, 3):
        drawer = Drawer(theme)
        qtbot.addWidget(drawer)
        drawer.show_facts(f"model.layers.10.mlp.experts.{expert}.gate_proj.weight", [])
        drawer.show()
        pictures.append(drawer.grab().toImage())
    assert pictures[0] != pictures[1]


def test_an_estimate_is_not_written_as_if_it_were_measured(context: Context, library: Workbench, qtbot: QtBot) -> None:
    finish(library.fingerprint())
    sides = [library.dossier(library.resolve(name)) for name in (BASE, TUNED)]
    comparison = Comparison(*(replace(side, weights=None) for side in sides))
    sheet = finish(comparison.sheet("weights"))
    pane = QWidget()
    qtbot.addWidget(pane)
    tensor = OneTensor(context, comparison, pane)
    tensor.show(sheet.rows[0], sheet.columns)
    texts = tensor.drawer.facts()
    facts = dict(zip(texts[::2], texts[1::2], strict=True))
    bounds = sheet.rows[0].values["low"], sheet.rows[0].values["high"]
    assert facts["95 % interval"] == " … ".join(f"{bound:.3g}" for bound in bounds)
    assert [title for title, fact in facts.items() if fact.startswith("≈ ")] == ["‖Δ‖ ∕ ‖A‖", "cosine"]
