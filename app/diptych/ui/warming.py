"""What the first comparison needs is imported in a worker, soon after the window is there, so that it opens at once."""

from __future__ import annotations

import gc
from importlib import import_module

from diptych.job import Job, Tick
from diptych.ui.widgets.charting import charting

AFTER_START_MS = 700
"""When the first page has been drawn and read."""
_MODULES = (
    "diptych.workbench.comparing",
    "diptych.ui.pages.compare",
    "diptych.ui.pages.version",
    "diptych.ui.pages.activity",
    "diptych.catalog.shipments",
    "diptych.ui.pages.lineage",
    "diptych.ui.pages.settings",
)
"""In this order; one a tick, since each holds the interpreter's lock for up to half a frame."""


def warm() -> Job[None]:
    """Import them one by one, then have the arithmetic on weights compiled where it never was on this machine."""
    yield from charting()
    for name in _MODULES:
        yield Tick(name)
        import_module(name)
    gc.freeze()  # what was imported stays: a collection that looks through all of it would stop the window
    from diptych.tensors.engine import engine

    engine().warm()
