"""Which version a record speaks of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from diptych.domain.evidence import ModelRef
from diptych.records.hub import snapshot_of


class Places:
    """The folders that hold versions, to be found by what records call them."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = set(folders)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._snapshots: dict[str, list[Path]] = defaultdict(list)
        for folder in self._folders:
            self._by_name[folder.name].append(folder)
            snapshot = snapshot_of(folder)
            if snapshot is not None:
                self._snapshots[snapshot.name].append(folder)

    def about(self, model: ModelRef, record: Path) -> Path | None:
        """The folder of the version that `record` is about, if it is here and only one fits.

        An adapter that was loaded on top of a model is what was judged.
        """
        return self.find(model.adapter or model.name, record.parent, "" if model.adapter else model.revision)

    def find(self, name: str, near: Path, revision: str = "") -> Path | None:
        """The folder called `name`: a path seen from `near` or a folder above it, an absolute path, a Hub name."""
        if not name or "\0" in name:
            return None
        for above in (near, *near.parents):
            if above / name in self._folders:
                return above / name
        return self._snapshot(name, revision) or self._by_ending(name)

    def within(self, folder: Path) -> list[Path]:
        """The folders directly in `folder`."""
        return [place for place in self._folders if place.parent == folder]

    def _snapshot(self, name: str, revision: str) -> Path | None:
        fitting = [place for place in self._snapshots.get(name, ()) if not revision or place.name.startswith(revision)]
        return fitting[0] if len(fitting) == 1 else None

    def _by_ending(self, name: str) -> Path | None:
        """A path from another machine: the one folder whose last two parts are the same."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if len(parts) < 2:
            return None
        fitting = [place for place in self._by_name.get(parts[-1], ()) if place.parts[-2:] == parts[-2:]]
        return fitting[0] if len(fitting) == 1 else None


def given_name(model: ModelRef) -> str:
    """What a version is called that is known only from records."""
    name = model.adapter or model.name
    if re.match(r"^([/~\\]|[A-Za-z]:)", name):
        name = "/".join(PurePosixPath(name.replace("\\", "/")).parts[-2:])
    return f"{name}@{model.revision[:12]}" if model.revision and not model.adapter else name
