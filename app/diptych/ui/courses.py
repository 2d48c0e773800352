"""The bar above curves, with what was chosen last: one choice for versions and comparisons."""

from __future__ import annotations

from PySide6.QtCore import QTimer

from diptych.ui.context import Context
from diptych.ui.widgets.curvebar import CurveBar

_SAVED_MS = 500


class Courses(CurveBar):
    """Takes up and remembers axis and smoothing."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.theme)
        self._settings = context.workbench.settings
        self.choose(self._settings.curves_over, self._settings.smoothing)
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(_SAVED_MS)
        self._saving.timeout.connect(self._settings.save)
        self.changed.connect(self._remember)

    def _remember(self) -> None:
        self._settings.curves_over, self._settings.smoothing = self.wanted, self.smoothing()
        self._saving.start()
