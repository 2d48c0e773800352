"""Pushing from the library and from the page of a version: at once where that harms nothing, else after a dialog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from diptych import display
from diptych.domain.version import Version
from diptych.errors import DiptychError, NeedsSecret
from diptych.job import Job, Tick
from diptych.ui.context import Alert, Context
from diptych.workbench import Workbench

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept, Underway
    from diptych.domain.shipping import Verified, Wishes
    from diptych.reports.card import Card
    from diptych.workbench.pushing import Targeted
    from diptych.workbench.remotes import NamedRemote


@dataclass(frozen=True)
class _Known:
    """Where a version can go."""

    version: Version
    remotes: tuple[NamedRemote, ...]
    usual: tuple[str, Wishes] | None
    """Where versions of its model went last, and how."""


class Pushes(QObject):
    """Starts pushes on behalf of a page and tells what came of them."""

    def __init__(self, context: Context, page: QWidget) -> None:
        super().__init__(page)
        self._context = context
        self._page = page

    def push(self, version: Version) -> None:
        """Push to where versions of this model went last, at once if that harms nothing; else ask."""
        self._look(version, self._push)

    def ask(self, version: Version, chosen: tuple[str, Wishes] | None = None) -> None:
        """Ask where to and how, then push."""
        self._look(version, lambda known: self._ask(replace(known, usual=chosen or known.usual)))

    def start(self, targeted: Targeted) -> None:
        """Do what a plan says."""
        title = f"Push {targeted.plan.shipment.version.name} to {targeted.remote}"
        self._context.runner.start(title, self._context.workbench.push(targeted), self._delivered)

    def resume(self, underway: Underway) -> None:
        """Go on with a push that was broken off."""
        title = f"Push {underway.version_name} to {underway.remote}"
        self._context.runner.start(title, self._context.workbench.resume_push(underway), self._delivered)

    def verify(self, kept: Kept) -> None:
        """Look whether a delivery is still as it was."""
        job = self._context.workbench.verify(kept.receipt, kept.remote)
        title = f"Verify {kept.version_name} at {kept.remote}"
        self._context.runner.start(title, job, lambda verified: self._verified(kept, verified))

    def show(self, kept: Kept, verified: Verified | None = None) -> None:
        """Show a receipt, and how its files stand where that is known."""
        from diptych.ui.dialogs.receipt import ReceiptDialog  # a window starts without its dialogs

        dialog = ReceiptDialog(self._context, kept, verified, self._page)
        dialog.opened.connect(lambda: self.open(kept))
        dialog.exec()
        dialog.deleteLater()

    def open(self, kept: Kept) -> None:
        """Show a delivery in the browser."""
        if kept.receipt.url and not QDesktopServices.openUrl(QUrl(kept.receipt.url)):
            self._context.alerted.emit(Alert(f"No browser could open {kept.receipt.url}.", done=False))

    def card(self, version: Version) -> None:
        """Show the model card of a version, to be edited and kept."""
        job = self._context.workbench.card(version)
        self._context.runner.start("Write a model card", job, lambda card: self._edit(version, card), quiet=True)

    def _look(self, version: Version, then: Callable[[_Known], None]) -> None:
        """Look where versions can go; that is read in a worker."""
        job = _known(self._context.workbench, version)
        self._context.runner.start("Look where it can go", job, then, quiet=True)

    def _push(self, known: _Known) -> None:
        if known.usual is None:
            self._ask(known)
            return
        job = self._context.workbench.push_at_once(known.version, *known.usual)
        title = f"Push {known.version.name} to {known.usual[0]}"
        self._context.runner.start(
            title, job, lambda outcome: self._ended(known, outcome), lambda error: self._failed(known, error)
        )

    def _ask(self, known: _Known) -> None:
        from diptych.ui.dialogs.push import PushDialog  # a window starts without its dialogs

        if not known.remotes:
            hint = "Name one in Settings: a folder, an OCI registry, S3, MLflow, or the Hugging Face Hub."
            self._context.alerted.emit(Alert("No remote is known yet.", hint, "Settings", self._settings, done=False))
            return
        dialog = PushDialog(self._context, known.version, known.remotes, known.usual, self._page)
        if dialog.exec():
            for targeted in dialog.planned:
                if not targeted.plan.done:
                    self.start(targeted)
        dialog.deleteLater()

    def _edit(self, version: Version, card: Card) -> None:
        from diptych.ui.dialogs.card import CardDialog  # a window starts without its dialogs

        dialog = CardDialog(self._context.theme, version.name, card, self._page)
        if dialog.exec():
            try:
                self._context.workbench.keep_card(version, dialog.text())
            except DiptychError as error:
                self._context.fail(error)
            else:
                self._context.alerted.emit(Alert(f"The model card of {version.name} is kept for the next push."))
        dialog.deleteLater()

    def _ended(self, known: _Known, outcome: Kept | Targeted) -> None:
        """A push of one click was done, was not needed, or has to be looked at."""
        from diptych.workbench.pushing import Targeted

        if not isinstance(outcome, Targeted):
            self._delivered(outcome)
        elif outcome.plan.done:
            text = f"{known.version.name} is at {outcome.remote} already, as it is here."
            self._context.alerted.emit(Alert(text))
        else:
            self._ask(known)

    def _failed(self, known: _Known, error: Exception) -> None:
        """A push of one click failed; the dialog is where a login can be given."""
        if isinstance(error, NeedsSecret):
            self._ask(known)
        else:
            self._context.fail(error)

    def _delivered(self, kept: Kept) -> None:
        files = display.plural(len(kept.receipt.files), "file")
        text = f"Pushed {kept.version_name} to {kept.receipt.target}: {files} verified"
        remedy = opening(kept)
        self._context.alerted.emit(Alert(text, "", remedy, (lambda: self.open(kept)) if remedy else None))
        self._context.delivered.emit()

    def _verified(self, kept: Kept, verified: Verified) -> None:
        where = f"{kept.version_name} at {kept.receipt.target}"
        if not verified.drifted:
            same = display.plural(len(verified.files), "file")
            self._context.alerted.emit(Alert(f"{where} is as delivered: {same} looked at."))
            return
        changed = [f"{name} {standing.value}" for name, standing, _ in verified.files if standing != "same"]
        found = display.listing([*verified.notes, *changed])
        text = f"{where} is not as delivered: {found}"
        self._context.alerted.emit(Alert(text, "", "Show", lambda: self.show(kept, verified), serious=True))

    def _settings(self) -> None:
        self._context.page_asked.emit("settings")


def opening(kept: Kept) -> str:
    """What opening a delivery is called; empty where it cannot be opened."""
    if not kept.receipt.url:
        return ""
    return "Open the folder" if kept.receipt.url.startswith("file:") else "Open in browser"


def _known(workbench: Workbench, version: Version) -> Job[_Known]:
    yield Tick("Looking where it can go")
    remotes = workbench.remotes()
    usual = workbench.one_click(version)
    gone = usual is None or usual[0] not in {remote.name for remote in remotes}
    return _Known(version, remotes, None if gone else usual)
