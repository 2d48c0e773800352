"""Python looks through all of its objects when nobody is using the window.

A comparison has twenty thousand of them, most in its charts, and each stays open until it is closed: to look through
the lot stops the window for longer than anybody should notice. What is young is looked through as ever.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

SELDOM = 500
"""Collections of what is young before one of everything, in place of ten: some millions of objects."""


def collect_at_leisure(app: QGuiApplication) -> None:
    """Collect everything whenever the user turns to another program, and hardly ever in between."""
    fresh, young, _ = gc.get_threshold()
    gc.set_threshold(fresh, young, SELDOM)
    app.applicationStateChanged.connect(_state_changed)


def _state_changed(state: Qt.ApplicationState) -> None:
    if state is Qt.ApplicationState.ApplicationInactive:
        gc.collect()
