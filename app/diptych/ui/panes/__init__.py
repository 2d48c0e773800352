"""The looks of the facets; a facet without a line here is shown as a table of rows."""

from __future__ import annotations

from collections.abc import Mapping

from diptych.ui.pane import Pane
from diptych.ui.panes.curves import CurvesPane
from diptych.ui.panes.outputs import OutputsPane
from diptych.ui.panes.rows import RowsPane
from diptych.ui.panes.verdict import VerdictPane
from diptych.ui.panes.weights import WeightsPane

PANES: Mapping[str, type[Pane]] = {
    "summary": VerdictPane,
    "curves": CurvesPane,
    "outputs": OutputsPane,
    "weights": WeightsPane,
}
"""Facet key to look."""


def pane_for(key: str) -> type[Pane]:
    """The look of a facet."""
    return PANES.get(key, RowsPane)
