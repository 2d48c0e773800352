"""Which version a record speaks of."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from diptych.domain.evidence import ModelRef
from diptych.errors import DiptychError
from diptych.opening import open_regular
from diptych.records.hub import Snapshot, is_commit, snapshot_of
from diptych.workbench.roles import CHECKPOINT

_MOST_REFERENCE = 128
"""Bytes of a file that names a commit."""


class Places:
    """The folders and files that hold versions, to be found by what records call them."""

    def __init__(self, places: Iterable[Path]) -> None:
        self._places = frozenset(places)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_folder: dict[Path, list[Path]] = defaultdict(list)
        self._snapshots: dict[str, list[Snapshot]] = defaultdict(list)
        for place in sorted(self._places):
            self._by_name[place.name].append(place)
            self._by_folder[place.parent].append(place)
            snapshot = snapshot_of(place)
            if snapshot is not None and snapshot.folder == place:
                self._snapshots[snapshot.name].append(snapshot)

    def about(self, model: ModelRef, record: Path) -> Path | None:
        """The place of the version that `record` is about, if it is here and only one fits.

        An adapter that was loaded on top of a model is what was judged. Where the name leads nowhere, the folder of
        the record may still be named after the model (`runs__sft__checkpoint-200`), or be the version's own.
        """
        name, revision = (model.adapter, "") if model.adapter else (model.name, model.revision)
        found = self.find(name, record.parent, revision)
        if found is None and "__" in record.parent.name and not revision:
            found = self.find(record.parent.name.replace("__", "/"), record.parent.parent)
        return found or (record.parent if record.parent in self._places else None)

    def find(self, name: str, near: Path, revision: str = "") -> Path | None:
        """The place called `name`: a path seen from `near` or a folder above it, an absolute path, a Hub name.

        Paths are taken by their text (`../base`), as places are: links among library folders are not followed.
        """
        if not name.strip() or "\0" in name:
            return None
        for above in (near, *near.parents):
            place = Path(os.path.normpath(above / name))
            if place in self._places:
                return place
        return self._snapshot(name, revision) or self._by_ending(name)

    def end_of(self, run: Path) -> Path | None:
        """The last checkpoint of a run: what is said of the run as a whole is about it."""
        steps = [
            (int(match[1]), place)
            for place in self._by_folder.get(run, ())
            if (match := CHECKPOINT.fullmatch(place.name))
        ]
        return max(steps)[1] if steps else None

    def _snapshot(self, name: str, revision: str) -> Path | None:
        """The snapshot in a Hub cache; a revision is a commit, its beginning, or a branch or tag."""
        snapshots = self._snapshots.get(name, [])
        if not revision and len(snapshots) == 1:
            return snapshots[0].folder
        for wanted in (revision, *(_commit(one, revision or "main") for one in snapshots[:1])):
            fitting = [one.folder for one in snapshots if wanted and one.revision.startswith(wanted)]
            if len(fitting) == 1:
                return fitting[0]
        return None

    def _by_ending(self, name: str) -> Path | None:
        """A path from another machine or a name without its folder: the one place whose path ends most like it."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or (len(parts) == 1 and CHECKPOINT.fullmatch(parts[0])):
            return None
        ranked = [(_shared_end(place.parts, parts), place) for place in self._by_name.get(parts[-1], ())]
        least = min(len(parts), 2)
        best = max((shared for shared, _ in ranked), default=0)
        fitting = [place for shared, place in ranked if shared == best]
        return fitting[0] if best >= least and len(fitting) == 1 else None


def given_name(model: ModelRef) -> str:
    """What a version is called that is known only from records."""
    name = model.adapter or model.name
    if re.match(r"[/~\\.]|[A-Za-z]:", name):
        name = "/".join(PurePosixPath(name.replace("\\", "/")).parts[-2:])
    return f"{name}@{model.revision[:7]}" if model.revision and not model.adapter else name


def _shared_end(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    shared = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        shared += 1
    return shared


def _commit(snapshot: Snapshot, reference: str) -> str:
    """The commit that a branch or tag stood for when it was downloaded; empty where the cache does not say."""
    if "\0" in reference or ".." in reference:
        return ""
    try:
        with open_regular(snapshot.folder.parents[1] / "refs" / reference) as file:
            text = (file.read(_MOST_REFERENCE) or b"").decode("ascii", "replace").strip()
    except (DiptychError, OSError):
        return ""
    return text if is_commit(text) else ""
