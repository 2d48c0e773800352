"""What lists the files of a version where the remote itself keeps no such list: in S3, and in a folder."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from diptych.display import visible
from diptych.domain.shipping import Delivered, Shipment
from diptych.errors import Damaged
from diptych.remotes.names import Names

SCHEMA = "diptych.version/1"
LARGEST = 16 << 20
"""Bytes; a manifest of fifty thousand files is smaller."""
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
        """The manifest of what is to be shipped."""
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
    return Manifest(visible(str(found.get("version", ""))), visible(str(found.get("name", ""))), tuple(files))


def _file(entry: object) -> Delivered | None:
    if not isinstance(entry, dict):
        return None
    name, count, sha256 = entry.get("name"), entry.get("bytes"), entry.get("sha256")
    if not isinstance(name, str) or type(count) is not int or not 0 <= count < 1 << 63 or not isinstance(sha256, str):
        return None
    return Delivered(name, count, sha256) if _DIGEST.fullmatch(sha256) else None
