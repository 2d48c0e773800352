"""What lists the files of a version where the remote itself keeps no such list: in S3, and in a folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from diptych.display import plural, size, visible
from diptych.domain.shipping import Caution, Delivered, Fate, PlannedFile, Shipment
from diptych.errors import Damaged, Refused
from diptych.remotes.names import Names

SCHEMA = "diptych.version/1"
LARGEST = 4 << 20
"""Bytes of a manifest that is read."""
_MOST_FILES = 10_000
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a version. The same files of the same version always make the same bytes."""

    version: str
    """Its id in the catalog that it was pushed from."""
    name: str
    files: tuple[Delivered, ...]

    @classmethod
    def of(cls, shipment: Shipment) -> Manifest:
        """The manifest of what is to be shipped. Raises `Refused` for more files than a manifest may list."""
        if len(shipment.parcels) > _MOST_FILES:
            raise Refused(f"{visible(shipment.version.name)}: has more than {_MOST_FILES:,} files", "Leave some out.")
        files = sorted(shipment.parcels, key=lambda parcel: parcel.name)
        delivered = tuple(Delivered(file.name, file.bytes, file.sha256) for file in files)
        return cls(shipment.version.id, shipment.version.name, delivered)

    def dump(self) -> bytes:
        """As it is stored: JSON, indented for people."""
        files = [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in self.files]
        content = {"schema": SCHEMA, "version": self.version, "name": self.name, "files": files}
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"

    @property
    def digest(self) -> str:
        """The SHA-256 of what `dump` gives."""
        return hashlib.sha256(self.dump()).hexdigest()

    def file(self, name: str) -> Delivered | None:
        """The file of that name."""
        return next((file for file in self.files if file.name == name), None)


def read_manifest(content: bytes, where: str) -> Manifest:
    """The manifest that `content` is; names of files are checked. Raises `Damaged` or `Refused`, naming `where`."""
    try:
        found: object = json.loads(content) if len(content) <= LARGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not isinstance(found.get("files"), list):
        raise Damaged(f"{where}: is no manifest of a version", "Push the version again.")
    version, name = found.get("version"), found.get("name")
    if not _is_text(version) or not _is_text(name) or len(found["files"]) > _MOST_FILES:
        raise Damaged(f"{where}: describes a version wrongly", "Push the version again.")
    names = Names()
    files = []
    for entry in found["files"]:
        file = _file(entry)
        if file is None:
            raise Damaged(f"{where}: describes a file wrongly", "Push the version again.")
        names.admit(file.name)
        files.append(file)
    if len({file.name for file in files}) < len(files):
        raise Damaged(f"{where}: names a file twice", "Push the version again.")
    return Manifest(version, name, tuple(files))


def _is_text(value: object) -> TypeGuard[str]:
    """Whether a value is text that can be written again."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value


def planned(shipment: Shipment, there: Manifest | None, missing: Collection[str]) -> Iterator[PlannedFile]:
    """What happens to each file where `there` is shown now; content in `missing` is sent once, whatever its names."""
    to_send = set(missing)
    for parcel in shipment.parcels:
        old = there.file(parcel.name) if there is not None else None
        count = parcel.bytes if parcel.sha256 in to_send else 0
        to_send.discard(parcel.sha256)
        if old is None:
            fate, reason = Fate.NEW, ""
        elif old.sha256 == parcel.sha256:
            fate, reason = Fate.UNCHANGED, ""
        else:
            fate, reason = Fate.REPLACE, f"another {parcel.name} of {size(old.bytes)}"
        yield PlannedFile(parcel.name, parcel.bytes, fate, reason, count, parcel)
    for left in shipment.left_out:
        yield PlannedFile(left.name, left.bytes, Fate.EXCLUDED, left.reason)


def removed(reference: str, shipment: Shipment, there: Manifest | None) -> Iterator[Caution]:
    """A caution where the reference shows files now that it will not show any more."""
    going = {parcel.name for parcel in shipment.parcels}
    names = tuple(file.name for file in (there.files if there is not None else ()) if file.name not in going)
    if names:
        yield Caution("removed", f"{reference} has {plural(len(names), 'file')} now that this version lacks", names)


def _file(entry: object) -> Delivered | None:
    if not isinstance(entry, dict):
        return None
    name, count, sha256 = entry.get("name"), entry.get("bytes"), entry.get("sha256")
    if not isinstance(name, str) or type(count) is not int or not 0 <= count < 1 << 63 or not isinstance(sha256, str):
        return None
    return Delivered(name, count, sha256) if _DIGEST.fullmatch(sha256) else None
