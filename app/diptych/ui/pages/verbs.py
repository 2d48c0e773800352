"""What can be done to versions from the library and from their own page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from diptych import display
from diptych.domain.changes import Changes
from diptych.domain.version import Version
from diptych.ui.actions import Action
from diptych.ui.context import Alert, Context
from diptych.ui.tasks import Tasks

if TYPE_CHECKING:
    from diptych.ui.models.partners import Partner
    from diptych.ui.pages.pushing import Pushes
    from diptych.workbench.scan import ScanReport

READ_AT_ONCE = 2000
"""Versions whose tags are read for the dialog; of more, the tags of the first are offered."""


class Verbs(QObject):
    """Tag, rate, annotate, remove, copy, reveal and compare, on behalf of a page."""

    def __init__(self, context: Context, page: QWidget) -> None:
        super().__init__(page)
        self._context = context
        self._page = page
        self._last: tuple[object, object] | None = None
        self._place = QPoint()
        self._version: Version | None = None
        self._pushing: Pushes | None = None
        context.comparison_asked.connect(self._compared)

    def compare(self, left: Version, right: Version) -> None:
        """Show A and B side by side."""
        self._context.comparison_asked.emit(left, right)

    def compare_with(self, version: Version, place: QPoint) -> None:
        """Ask what to compare one version with, at a place of the screen."""
        from diptych.ui.models.partners import partners

        last = self._last_partner(version.key)
        self._place = place
        self._version = version
        job = partners(self._context.workbench, version, last)
        self._context.runner.start("Compare with", job, self._offer, quiet=True)

    def tag(self, keys: Sequence[int]) -> None:
        """Ask for the tags of versions."""
        from diptych.ui.dialogs.tags import TagsDialog  # a window starts without its dialogs

        if not keys:
            return
        versions = self._context.workbench.versions(list(keys[:READ_AT_ONCE]))
        carried = Counter(tag for version in versions for tag in version.tags)
        known = [tag for tag, _ in self._context.workbench.columns().tags]
        dialog = TagsDialog(self._context.theme, len(versions), carried, known, self._page)
        if dialog.exec():
            self.retag(keys, dialog.added(), dialog.removed())
        dialog.deleteLater()

    def retag(self, keys: Sequence[int], add: Sequence[str], remove: Sequence[str] = ()) -> None:
        """Put tags on versions and take others off."""
        if keys and (add or remove):
            workbench = self._context.workbench
            what = display.listing([f"“{display.visible(tag)}”" for tag in (*add, *remove)])
            word = "Tagged" if add else "Took tags off"
            said = f"{word} {display.plural(len(keys), 'version')}: {what}"
            self._write("Tag", lambda: workbench.tag(list(keys), add=add, remove=remove), said)

    def star(self, keys: Sequence[int], stars: int) -> None:
        """Give versions stars."""
        if keys:
            workbench = self._context.workbench
            self._write("Rate", lambda: workbench.star(list(keys), stars), "")

    def note(self, version: Version) -> None:
        """Ask for the note on a version."""
        from diptych.ui.dialogs.note import NoteDialog  # a window starts without its dialogs

        dialog = NoteDialog(self._context.theme, version.name, version.note, self._page)
        if dialog.exec() and dialog.text() != version.note:
            self.write_note(version.key, dialog.text())
        dialog.deleteLater()

    def write_note(self, key: int, text: str) -> None:
        """Write a note."""
        workbench = self._context.workbench
        self._write("Note", lambda: workbench.note(key, text), "Note saved" if text else "Note removed")

    def remove(self, keys: Sequence[int]) -> None:
        """Take versions out of the catalog; it can be undone, so nothing is asked."""
        if keys:
            workbench = self._context.workbench
            count = display.plural(len(keys), "version")
            said = f"Removed {count} from the catalog. The files were not touched."
            self._write("Remove", lambda: workbench.remove(list(keys)), said)

    def remove_folder(self, path: Path) -> None:
        """Take a library folder off the list, with the versions that lie only in it; it can be undone, too."""
        workbench = self._context.workbench
        said = f"Took {display.path(path)} off the list. The files were not touched."
        self._write("Remove", lambda: workbench.remove_root(path), said)

    def push(self, version: Version) -> None:
        """Push to where versions of this model went last, at once if that harms nothing; else ask."""
        self._pushes().push(version)

    def push_to(self, version: Version) -> None:
        """Ask where a version goes, and push it."""
        self._pushes().ask(version)

    def card(self, version: Version) -> None:
        """Show the model card of a version, to be edited and kept."""
        self._pushes().card(version)

    def copy(self, text: str) -> None:
        """Put text on the clipboard."""
        QGuiApplication.clipboard().setText(text)

    def copy_id(self, version: Version) -> None:
        """Copy the whole id."""
        self.copy(version.id)

    def fingerprint(self, version: Version) -> None:
        """Read the weights of a version once, so that it can be compared without its files."""
        Tasks(self._context).fingerprint([version.key])

    def reveal(self, path: Path) -> None:
        """Open the folder that holds a version."""
        from PySide6.QtCore import QUrl
        from PySide6.QtGui import QDesktopServices

        folder = path if path.is_dir() else path.parent
        if not folder.is_dir():
            self._context.alerted.emit(Alert(f"{display.path(folder)} is not there now.", done=False))
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._context.alerted.emit(Alert(f"No file manager could open {display.path(folder)}.", done=False))

    def rescan(self, version: Version) -> None:
        """Scan the library folder that holds a version again; every folder where none does."""
        roots = [root.path for root in self._context.workbench.roots()]
        holding = [root for root in roots if version.path is not None and version.path.is_relative_to(root)]
        if not roots:
            hint = "Add the folder that holds this version."
            self._context.alerted.emit(Alert("No library folder is known.", hint, done=False))
            return
        job = self._context.workbench.scan(holding or roots)
        self._context.runner.start(f"Scan {display.path((holding or roots)[0])}", job, self._rescanned)

    def _pushes(self) -> Pushes:
        from diptych.ui.pages.pushing import Pushes  # a window starts without pushing

        if self._pushing is None:
            self._pushing = Pushes(self._context, self._page)
        return self._pushing

    def _rescanned(self, report: ScanReport) -> None:
        self._context.apply(report.changes)
        touched = len(report.changes.added | report.changes.updated)
        self._context.alerted.emit(Alert(f"Scanned again: {display.plural(touched, 'version')} changed."))

    def _write(self, title: str, do: Callable[[], Changes], said: str) -> None:
        self._context.writing.write(title, do, partial(self._written, said))

    def _written(self, said: str, changes: Changes) -> None:
        self._context.apply(changes)
        if said and changes:
            self._context.alerted.emit(Alert(said, remedy="Undo", act=Tasks(self._context).undo))

    # comparing with --------------------------------------------------------------------------------------------

    def _offer(self, found: list[Partner]) -> None:
        menu = QMenu(self._page)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName("Compare with")
        for partner in found:
            action = menu.addAction(f"{partner.reason}:  {display.elide(display.visible(partner.version.name), 48)}")
            action.setData(partner.version)
        if not found:
            menu.addAction("Select a second version to compare with").setEnabled(False)
        menu.triggered.connect(self._chosen)
        menu.popup(self._place)
        if found:
            menu.setActiveAction(menu.actions()[0])

    def _chosen(self, action: QAction) -> None:
        partner = action.data()
        if isinstance(partner, Version) and self._version is not None:
            self.compare(partner, self._version)

    def _compared(self, left: object, right: object) -> None:
        self._last = left, right

    def _last_partner(self, key: int) -> int | None:
        sides = [side.key for side in self._last or () if isinstance(side, Version)]
        others = [side for side in sides if side != key]
        return others[0] if others else None


def ratings(scope: str, rate: Callable[[Any, int], object], when: Callable[[Any], bool]) -> tuple[Action, ...]:
    """The actions of the keys 0 to 5."""

    def rating(stars: int) -> Action:
        text = f"Rate {display.plural(stars, 'star')}" if stars else "Remove stars"
        return Action(f"{scope}.star{stars}", text, lambda page: rate(page, stars), (str(stars),), "star", when=when)

    return tuple(rating(stars) for stars in range(6))
