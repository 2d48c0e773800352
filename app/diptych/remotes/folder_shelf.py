"""How versions lie in a folder: each in one of its own, as plain files beside a manifest.

    <folder>/<name>/config.json …       the files of the version, to be used as they are
    <folder>/<name>/diptych.json        what they are, with their digests

What begins with a dot is on its way, or is none of ours.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych import display
from diptych.display import visible
from diptych.domain.shipping import Delivered
from diptych.errors import Conflict, NotFound, Offline, Refused
from diptych.job import Job, Tick
from diptych.remotes.beneath import open_file
from diptych.remotes.landing import unwritable
from diptych.remotes.manifest import LARGEST, Manifest, read_manifest

MANIFEST = "diptych.json"
_DIGEST = re.compile("[0-9a-f]{8,64}")


class Shelf:
    """The versions in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Tell a folder that went away, with its disk or share, from everything else that goes wrong."""
        try:
            yield
        except (NotFound, OSError) as error:
            if not self.root.is_dir():
                raise Offline(
                    f"{display.path(self.root)}: is not there", "Connect the disk or share, or make the folder."
                ) from None
            if isinstance(error, OSError):
                raise unwritable(self.root, error) from None
            raise

    def device(self) -> str:
        """What file system is mounted there."""
        return str(self.root.stat().st_dev)

    def names(self) -> list[str]:
        """What may be versions."""
        return sorted(entry.name for entry in self.root.iterdir() if not entry.name.startswith("."))

    def manifest(self, name: str) -> Manifest | None:
        """The manifest of a version; None where there is no version of that name."""
        try:
            with open_file(self.root / name, MANIFEST) as file:
                content = file.read(LARGEST + 1)
        except (NotFound, Refused):
            return None
        return read_manifest(content, display.path(self.root / name / MANIFEST))

    def written(self, name: str) -> float:
        """When the manifest of a version was written, in seconds since 1970."""
        return (self.root / name / MANIFEST).stat().st_mtime

    def resolve(self, ref: str) -> Job[tuple[str, Manifest]]:
        """Name and manifest of the version that has the name `ref`, or a manifest whose digest begins so."""
        with self.connected():
            yield Tick("Looking at the folder")
            names = self.names()
            if ref in names and (manifest := self.manifest(ref)) is not None:
                return ref, manifest
            known = {name: found for name in names if (found := self.manifest(name)) is not None}
        digest = ref.removeprefix("sha256:")
        fitting = [(name, each) for name, each in known.items() if each.digest.startswith(digest)]
        if _DIGEST.fullmatch(digest) and len({each.digest for _, each in fitting}) == 1:
            return fitting[0]
        hint = f"There are: {display.listing(known, 5)}." if known else "There is no version yet."
        raise NotFound(f"{visible(ref)}: not in {display.path(self.root)}", hint)

    def held(self) -> Job[dict[str, Path]]:
        """Where each content lies, as the manifests say and the sizes of the files do not belie."""
        held: dict[str, Path] = {}
        for name in self.names():
            yield Tick("Looking at the folder")
            manifest = self.manifest(name)
            for file in manifest.files if manifest is not None else ():
                path = self.root / name / file.name
                if _size(path) == file.bytes:
                    held.setdefault(file.sha256, path)
        return held

    def damage(self, name: str, manifest: Manifest) -> str:
        """How the files of a version are not as its manifest says, as far as their sizes tell; empty where they are."""
        wrong = [file.name for file in manifest.files if _size(self.root / name / file.name) != file.bytes]
        return f"{display.listing(wrong)}: not as the manifest says" if wrong else ""

    def younger(self, name: str, manifest: Manifest) -> tuple[Delivered, ...]:
        """The files that were written after the manifest of their version, which is written last of all.

        Those that are missing or have another size are not among them.
        """
        known, folder = self.written(name), self.root / name
        whole = (file for file in manifest.files if _size(folder / file.name) == file.bytes)
        return tuple(file for file in whole if (folder / file.name).lstat().st_mtime > known)

    def files(self, name: str) -> set[str]:
        """Everything in the folder of a version that is not a folder."""
        found = set()
        for where, _, files in os.walk(self.root / name):
            found |= {(Path(where) / file).relative_to(self.root / name).as_posix() for file in files}
        return found

    def lying(self, name: str) -> Manifest | None:
        """What the folder of a version holds in truth: its manifest, if that is so; None where there is no version.

        Files that it does not name are listed as well; of these, and of those whose size is not as it says, no digest
        is known.
        """
        manifest = self.manifest(name)
        if manifest is None:
            return None
        found = []
        for each in sorted(self.files(name) - {MANIFEST}):
            count, file = _size(self.root / name / each), manifest.file(each)
            called = each.encode(errors="replace").decode()
            found.append(file if file is not None and file.bytes == count else Delivered(called, max(count, 0), ""))
        return Manifest(manifest.version, manifest.name, tuple(found))

    def require(self, name: str, shown: str) -> None:
        """Raises `Conflict` where the folder of a version does not hold any more what it held, by its digest."""
        now = self.lying(name)
        if (now.digest if now is not None else "") != shown:
            raise Conflict(
                f"{display.path(self.root / name)}: is another version, or has other files, than when the push was "
                "planned",
                "Look at the plan again.",
            )

    def is_done(self, name: str, manifest: Manifest, shown: str, device: str) -> bool:
        """Whether the version is there already; `Conflict` where not all is as it was when the push was planned."""
        if device != self.device():
            raise Conflict(
                f"{display.path(self.root)}: another disk or share is there than when the push was planned",
                "Look at the plan again.",
            )
        there = self.manifest(name)
        if there == manifest and not self.damage(name, manifest):
            return True
        self.require(name, shown)
        return False


def _size(path: Path) -> int:
    """The size of a regular file; less than nought for anything else."""
    try:
        found = path.lstat()
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1
