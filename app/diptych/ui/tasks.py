"""Long work that a user starts from several pages: scanning, hashing, undoing. Each ends in one message."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from diptych import display
from diptych.domain.changes import Changes, Undone
from diptych.job import Tick
from diptych.ui.context import Alert, Context

if TYPE_CHECKING:
    from diptych.workbench.fingerprinting import FingerprintReport
    from diptych.workbench.hash import HashReport
    from diptych.workbench.scan import ScanReport

LIVE_SECONDS = 1.0
"""How often the library is read again while a scan stores what it finds."""


class Tasks:
    """Starts jobs on behalf of the window and tells pages what came of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shown = 0.0

    def scan(self, paths: Sequence[Path]) -> None:
        """Scan folders, then hash what was found."""
        if not paths:
            return
        names = display.listing(display.path(path) for path in paths)
        job = self._context.workbench.scan(paths)
        self._context.runner.start(f"Scan {names}", job, done=self._scanned, ticked=self._scanning)

    def rescan(self) -> None:
        """Scan every library folder again; what did not change is not read."""
        self.scan([root.path for root in self._context.workbench.roots()])

    def hash(self, keys: Collection[int] | None = None) -> None:
        """Digest the files of versions, so that their ids become final."""
        self._context.runner.start("Hash files", self._context.workbench.hash(keys), done=self._hashed)

    def fingerprint(self, keys: Collection[int] | None = None) -> None:
        """Read the weights of versions once, so that they can be compared without their files."""
        job = self._context.workbench.fingerprint(keys)
        self._context.runner.start("Fingerprint weights", job, done=self._fingerprinted)

    def undo(self) -> None:
        """Take back the last annotation or removal."""
        self._context.writing.write("Undo", self._context.workbench.undo, self._undone)

    def redo(self) -> None:
        """Do again what was undone last."""
        self._context.writing.write("Redo", self._context.workbench.redo, self._redone)

    def _undone(self, undone: Undone | None) -> None:
        if undone is None:
            self._context.alerted.emit(Alert("Nothing to undo.", done=False))
            return
        self._context.apply(undone.changes)
        self._context.alerted.emit(Alert(f"Undone: {undone.label}", remedy="Redo", act=self.redo))

    def _redone(self, undone: Undone | None) -> None:
        if undone is None:
            self._context.alerted.emit(Alert("Nothing to redo.", done=False))
            return
        self._context.apply(undone.changes)
        self._context.alerted.emit(Alert(f"Done again: {undone.label}", remedy="Undo", act=self.undo))

    def _scanning(self, tick: Tick) -> None:
        now = time.monotonic()
        if isinstance(tick.partial, Changes) and tick.partial and now - self._shown > LIVE_SECONDS:
            self._shown = now
            self._context.apply(tick.partial)

    def _scanned(self, report: ScanReport) -> None:
        self._context.apply(report.changes | Changes(settings=True))
        added = len(report.changes.added)
        updated = len(report.changes.updated)
        text = f"Scanned {display.plural(report.files, 'file')}: {display.plural(added, 'new version')}"
        if updated:
            text += f", {updated:,} updated"
        if report.problems:
            text += f" · {display.plural(len(report.problems), 'file')} could not be read"
        show = partial(self._context.page_asked.emit, "activity") if report.problems else None
        self._context.alerted.emit(Alert(text, remedy="Show in Activity" if show else "", act=show))
        if added or updated:
            self.hash()

    def _hashed(self, report: HashReport) -> None:
        self._context.apply(report.changes)

    def _fingerprinted(self, report: FingerprintReport) -> None:
        self._context.apply(report.changes)
        self._context.alerted.emit(Alert(f"Fingerprints: {report}"))
