"""Everything a user can do, as methods: each calls one thing below and returns a value or a job."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych import places
from diptych.catalog import Catalog, Columns, Root, Undone
from diptych.domain.changes import Changes
from diptych.domain.version import Version
from diptych.errors import NotFound
from diptych.job import Job
from diptych.settings import Settings

if TYPE_CHECKING:
    from diptych.domain.dossier import Dossier
    from diptych.workbench.comparing import Comparison, TensorDetail
    from diptych.workbench.doctor import Check
    from diptych.workbench.hash import HashReport
    from diptych.workbench.scan import ScanReport
    from diptych.workbench.usual import UsualPlace

Subject = Version | Path | str
"""What can be shown or compared: a version, a bare path, or a reference (id, name, path)."""


class Workbench:
    """The verbs. What needs much is imported when it is first used, so that a window or a list starts at once."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog = catalog
        self.settings = settings

    @classmethod
    def open(cls, catalog_file: Path | None = None) -> Workbench:
        """The workbench over a catalog, the user's own by default; a catalog that is not there is made."""
        return cls(Catalog(catalog_file or places.catalog_file()), Settings.load())

    # finding

    def scan(self, paths: Sequence[Path]) -> Job[ScanReport]:
        """Read folders into the catalog and remember them; see `workbench.scan`."""
        from diptych.workbench.scan import scan

        return scan(self.catalog, paths)

    def hash(self, keys: Collection[int] | None = None) -> Job[HashReport]:
        """Hash files, so that ids become final; see `workbench.hash`."""
        from diptych.workbench.hash import hash_files

        return hash_files(self.catalog, keys)

    def usual_places(self) -> Job[tuple[UsualPlace, ...]]:
        """Where models lie on this machine."""
        from diptych.workbench.usual import usual_places

        return usual_places()

    def sample_library(self) -> Path:
        """The folder of the sample library."""
        return places.resources() / "sample"

    def doctor(self) -> Job[tuple[Check, ...]]:
        """Whether everything is in order."""
        from diptych.workbench.doctor import doctor

        return doctor(self.catalog)

    # reading

    def keys(
        self, query: str = "", sort: str = "created", descending: bool = True, limit: int | None = None, offset: int = 0
    ) -> list[int]:
        """The keys of the versions that `query` asks for, in order."""
        return self.catalog.keys(query, sort, descending, limit, offset)

    def count(self, query: str = "") -> int:
        """How many versions `query` asks for."""
        return self.catalog.count(query)

    def explain(self, query: str, sort: str = "") -> str:
        """Why `query`, or sorting by `sort`, cannot be understood; empty if it can."""
        return self.catalog.explain(query, sort)

    def versions(self, keys: Sequence[int]) -> list[Version]:
        """The versions with these keys, in that order."""
        return self.catalog.versions(keys)

    def page(
        self, query: str = "", sort: str = "created", descending: bool = True, limit: int | None = 200, offset: int = 0
    ) -> list[Version]:
        """The versions that `query` asks for, in order."""
        return self.catalog.page(query, sort, descending, limit, offset)

    def resolve(self, ref: str) -> Version:
        """The version that people mean by `ref`."""
        from diptych.workbench.walk import settled

        return self.catalog.resolve(str(settled(Path(ref))) if ".." in Path(ref).parts else ref)

    def columns(self) -> Columns:
        """What lists can show and filters can name."""
        return self.catalog.columns()

    def roots(self) -> tuple[Root, ...]:
        """The library folders."""
        return self.catalog.roots()

    def dossier(self, subject: Subject) -> Dossier:
        """Everything known about a version, about what lies at a path, or about what a reference names."""
        from diptych.workbench.dossiers import from_catalog, from_path
        from diptych.workbench.walk import is_there, settled

        if isinstance(subject, Version):
            return from_catalog(self.catalog, subject)
        try:
            return from_catalog(self.catalog, self.resolve(str(subject)))
        except NotFound:
            if isinstance(subject, Path) or is_there(settled(Path(subject))):
                return from_path(self.catalog, Path(subject))
            raise

    def compare(self, left: Subject, right: Subject) -> Comparison:
        """Two versions side by side; nothing is computed until a sheet is asked for."""
        from diptych.workbench.comparing import Comparison

        return Comparison(self.dossier(left), self.dossier(right), self.settings.rules)

    def tensor(self, comparison: Comparison, key: str) -> Job[TensorDetail]:
        """What the drawer shows of one tensor."""
        from diptych.workbench.comparing import tensor_detail

        return tensor_detail(comparison, key)

    # annotating

    def tag(self, keys: Sequence[int], add: Collection[str] = (), remove: Collection[str] = ()) -> Changes:
        """Put tags on versions and take tags off."""
        return self.catalog.tag(keys, add, remove)

    def star(self, keys: Sequence[int], stars: int) -> Changes:
        """Give versions 0 to 5 stars."""
        return self.catalog.star(keys, stars)

    def note(self, key: int, text: str) -> Changes:
        """Write a note on a version, in place of the one before."""
        return self.catalog.note(key, text)

    def remove(self, keys: Sequence[int]) -> Changes:
        """Take versions off the list; their files are not touched."""
        return self.catalog.remove(keys)

    def remove_root(self, path: Path) -> Changes:
        """Forget a library folder and the versions that lie only in it; files are not touched."""
        return self.catalog.remove_root(path)

    def undo(self) -> Undone | None:
        """Take back the last annotation or removal of this session."""
        return self.catalog.undo()

    def redo(self) -> Undone | None:
        """Do again what was taken back last."""
        return self.catalog.redo()
