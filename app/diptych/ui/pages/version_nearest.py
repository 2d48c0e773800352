"""The versions whose weights lie nearest to one on show, as a short list of links; nothing while none are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from diptych import display
from diptych.domain.version import Version
from diptych.job import Job, Tick
from diptych.ui.context import Context
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.link import Link
from diptych.workbench import Workbench

if TYPE_CHECKING:
    from diptych.workbench.fingerprinting import Near

SHOWN = 5


class Nearest(QWidget):
    """Names with their distances; a click opens the version."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._running: Running | None = None
        self.links: list[Link] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.S, Space.S, Space.S, 0)
        self._column.setSpacing(0)
        self._column.addWidget(label("Nearest weights", "muted"))
        self.hide()

    def show_version(self, version: Version) -> None:
        """Look up what lies near a version."""
        if self._running is not None:
            self._running.cancel()
        job = _near(self._context.workbench, version)
        self._running = self._context.runner.start("Look for neighbours", job, self._show, quiet=True)

    def _show(self, found: Sequence[Near]) -> None:
        for link in self.links:
            self._column.removeWidget(link)
            link.hide()
            link.deleteLater()
        self.links = [self._link(near) for near in found]
        self.setVisible(bool(self.links))

    def _link(self, near: Near) -> Link:
        told = f"≈ {display.number(near.distance, 3)}" if near.distance else "equal weights"
        link = Link(self._context.theme, near.version.name, self._context.theme.font(), detail=told, parent=self)
        link.setToolTip("‖A − B‖ ∕ ‖A‖ over all tensors, estimated from fingerprints")
        key = near.version.key
        link.clicked.connect(lambda: self._context.version_asked.emit(key))
        self._column.addWidget(link)
        return link


def _near(workbench: Workbench, version: Version) -> Job[Sequence[Near]]:
    yield Tick("Looking for neighbours")
    if not version.hashed or version.id not in workbench.catalog.fingerprints.known():
        return ()
    return workbench.neighbours(version, SHOWN)
