"""Brings matplotlib in outside the window's thread, once: charts are made only when this is done."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from diptych.job import Job, Tick

if TYPE_CHECKING:
    from diptych.ui.widgets.plot import Plot

_MODULES = (
    "numpy",
    "matplotlib.colors",
    "matplotlib.figure",
    "matplotlib.backends.backend_qtagg",
    "diptych.ui.widgets.plot",
)
"""In this order; one a tick, since each holds the interpreter's lock for up to half a frame."""
_ready: list[type[Plot]] = []


def charting() -> Job[type[Plot]]:
    """The class of charts, once everything that a first chart needs is there."""
    if not _ready:
        for name in _MODULES:
            yield Tick("Loading charts")
            import_module(name)
        yield Tick("Loading charts")
        # the first drawing of a process looks for fonts, which takes as long as ten others
        figure = import_module("matplotlib.figure").Figure()
        canvas = import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        figure.add_subplot()
        yield Tick("Loading charts")
        canvas.draw()
        _ready.append(import_module("diptych.ui.widgets.plot").Plot)
    return _ready[0]
