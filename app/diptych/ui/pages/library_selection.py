"""What is selected in the library, and what is done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint

from diptych.domain.version import Version
from diptych.ui.context import Context
from diptych.ui.models.versions import NAME, VersionsModel
from diptych.ui.pages.library_table import LibraryTable
from diptych.ui.pages.verbs import Verbs
from diptych.ui.tokens import Space


class Selection:
    """The verbs of the library, over the rows of its table."""

    def __init__(self, context: Context, table: LibraryTable, model: VersionsModel, verbs: Verbs) -> None:
        self._context = context
        self._table = table
        self._model = model
        self._verbs = verbs

    def keys(self) -> list[int]:
        """The selected versions, from top to bottom."""
        return self._table.selected_keys()

    def one(self) -> Version | None:
        """The only selected version; None for none or several."""
        return self.only(self.keys())

    def only(self, keys: Sequence[int]) -> Version | None:
        """The one version of `keys`; None for none or several."""
        return self._model.version(self._model.row_of(keys[0])) if len(keys) == 1 else None

    def current(self) -> Version | None:
        """The version under the cursor."""
        return self._model.version(self._table.currentIndex().row())

    def marked(self) -> tuple[Version | None, Version | None]:
        """The versions marked as A and as B."""
        left, right = self._model.marks
        known = {v.key: v for v in self._context.workbench.versions([key for key in (left, right) if key is not None])}
        return known.get(left or 0), known.get(right or 0)

    def sides(self, keys: Sequence[int]) -> tuple[Version | None, Version | None]:
        """What would be A and B if `keys` were compared now; None for a side that is not known yet."""
        marked = self.marked()
        if all(marked) or len(keys) not in (1, 2):
            return marked
        return self.pair() or marked

    def pair(self) -> tuple[Version, Version] | None:
        """The two marked versions, the marked one and the selected one, or the two selected in their natural order."""
        left, right = self.marked()
        if left is not None and right is not None:
            return left, right
        selected = self.keys()
        held, one = left or right, self.only(selected)
        if held is not None and one is not None and one.key != held.key:
            return (held, one) if left is held else (one, held)
        if len(selected) != 2:
            return None
        from diptych.ui.models.partners import in_order

        versions = self._context.workbench.versions(selected)
        return in_order(versions[0], versions[1]) if len(versions) == 2 else None

    def compare(self) -> None:
        """Compare the two versions that are marked or selected; with one, ask with what."""
        pair = self.pair()
        if pair is not None:
            self._model.unmark()
            self._verbs.compare(*pair)
            return
        one = self.one() or self.current()
        if one is not None:
            row = self._model.row_of(one.key)
            corner = self._table.visualRect(self._model.index(row, NAME)).bottomLeft()
            self._verbs.compare_with(one, self._table.viewport().mapToGlobal(corner + QPoint(Space.XL, 0)))

    def mark(self) -> None:
        """Mark the version under the cursor as A or B, or take its mark away; open or close a run."""
        row = self._table.currentIndex().row()
        key = self._model.key(row)
        if key is not None:
            self._model.mark(key)
        else:
            self._model.fold(row)

    def tag(self) -> None:
        """Ask for tags."""
        self._verbs.tag(self.keys())

    def note(self) -> None:
        """Ask for a note."""
        one = self.one()
        if one is not None:
            self._verbs.note(one)

    def star(self, stars: int) -> None:
        """Give stars."""
        self._verbs.star(self.keys(), stars)

    def push(self) -> None:
        """Push the one to where versions of its model went last."""
        one = self.one()
        if one is not None:
            self._verbs.push(one)

    def push_to(self) -> None:
        """Ask where the one goes, and push it."""
        one = self.one()
        if one is not None:
            self._verbs.push_to(one)

    def remove(self) -> None:
        """Take them out of the catalog."""
        self._verbs.remove(self.keys())

    def copy_names(self) -> None:
        """Copy their names, one a line."""
        self._copy(lambda version: version.name)

    def copy_ids(self) -> None:
        """Copy their ids, one a line."""
        self._copy(lambda version: version.id)

    def copy_paths(self) -> None:
        """Copy their paths, one a line."""
        self._copy(lambda version: str(version.path) if version.path else "")

    def reveal(self) -> None:
        """Open the folder of the one."""
        one = self.one()
        if one is not None and one.path is not None:
            self._verbs.reveal(one.path)

    def rescan(self) -> None:
        """Scan the library folder of the one again."""
        one = self.one()
        if one is not None:
            self._verbs.rescan(one)

    def _copy(self, text: Callable[[Version], str]) -> None:
        lines = [text(version) for version in self._context.workbench.versions(self.keys())]
        self._verbs.copy("\n".join(line for line in lines if line))
