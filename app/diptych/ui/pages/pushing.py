"""Pushing from the library and from the page of a version: at once where that harms nothing, else after a dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from diptych import display
from diptych.domain.version import Version
from diptych.errors import DiptychError
from diptych.ui.context import Alert, Context

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept, Underway
    from diptych.domain.shipping import Verified, Wishes
    from diptych.reports.card import Card
    from diptych.workbench.pushing import Targeted


class Pushes(QObject):
    """Starts pushes on behalf of a page and tells what came of them."""

    def __init__(self, context: Context, page: QWidget) -> None:
        super().__init__(page)
        self._context = context
        self._page = page

    def push(self, version: Version) -> None:
        """Push to where versions of this model went last, at once if that harms nothing; else ask."""
        known = {remote.name for remote in self._context.workbench.remotes()}
        usual = self._context.workbench.one_click(version)
        if usual is None or usual[0] not in known:
            self.ask(version)
            return
        job = self._context.workbench.plan_push(version, [usual])
        title = f"Plan to push {version.name} to {usual[0]}"
        self._context.runner.start(title, job, lambda planned: self._planned(version, usual, planned[0]), quiet=True)

    def ask(self, version: Version, chosen: tuple[str, Wishes] | None = None) -> None:
        """Ask where to and how, then push."""
        from diptych.ui.dialogs.push import PushDialog  # a window starts without its dialogs

        remotes = self._context.workbench.remotes()
        if not remotes:
            hint = "Name one in Settings: a folder, an OCI registry, S3, MLflow, or the Hugging Face Hub."
            self._context.alerted.emit(Alert("No remote is known yet.", hint, "Settings", self._settings))
            return
        chosen = chosen or self._context.workbench.one_click(version)
        dialog = PushDialog(self._context, version, remotes, chosen, self._page)
        if dialog.exec():
            for targeted in dialog.planned:
                if not targeted.plan.done:
                    self.start(targeted)
        dialog.deleteLater()

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

    def open(self, kept: Kept) -> None:
        """Show a delivery in the browser."""
        if kept.receipt.url and not QDesktopServices.openUrl(QUrl(kept.receipt.url)):
            self._context.alerted.emit(Alert(f"No browser could open {kept.receipt.url}."))

    def card(self, version: Version) -> None:
        """Show the model card of a version, to be edited and kept."""
        job = self._context.workbench.card(version)
        self._context.runner.start("Write a model card", job, lambda card: self._edit(version, card), quiet=True)

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

    def _planned(self, version: Version, usual: tuple[str, Wishes], targeted: Targeted) -> None:
        if targeted.plan.done:
            self._context.alerted.emit(Alert(f"{version.name} is at {targeted.remote} already, as it is here."))
        elif targeted.plan.harmless:
            self.start(targeted)
        else:
            self.ask(version, usual)

    def _delivered(self, kept: Kept) -> None:
        files = display.plural(len(kept.receipt.files), "file")
        text = f"Pushed {kept.version_name} to {kept.receipt.target}: {files} verified"
        remedy = "Open in browser" if kept.receipt.url else ""
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
        self._context.alerted.emit(Alert(f"{where} is not as delivered: {found}", serious=True))

    def _settings(self) -> None:
        self._context.page_asked.emit("settings")
