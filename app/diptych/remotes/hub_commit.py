"""A commit as the Hub takes it: lines of JSON, small files within, large ones by their digest."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from diptych.domain.shipping import Parcel
from diptych.domain.version import Role
from diptych.errors import Damaged
from diptych.job import Job, Tick
from diptych.remotes.body import Body
from diptych.remotes.hub_api import Api, Held, batches, changed, mapping, part

_SAMPLE = 512
_BATCH = 256
_LINE = 3 << 18
"""Bytes that are turned into base64 at once: a multiple of three, so that the pieces join."""


def write(file: Path, parcels: Sequence[Parcel], large: Collection[str], message: str, parent: str) -> Job[Body]:
    """Write a commit into `file`; a line may be longer than memory is wide. Names in `large` go by their digest.

    Raises `Conflict` where a file is no longer what was hashed.
    """
    with file.open("xb") as lines:
        summary, _, description = message.partition("\n")
        _line(lines, "header", {"summary": summary, "description": description.strip(), "parentCommit": parent})
        for parcel in parcels:
            if parcel.name in large:
                value = {"path": parcel.name, "algo": "sha256", "oid": parcel.sha256, "size": parcel.bytes}
                _line(lines, "lfsFile", value)
            else:
                yield from _content(lines, parcel)
        length = lines.tell()
    return Body(Parcel("commit", length, "", Role.OTHER, file))


def blob(parcel: Parcel) -> Job[str]:
    """The name that git gives to the content of a file. Raises `Conflict` where it has become shorter."""
    digest = hashlib.sha1(f"blob {parcel.bytes}\0".encode(), usedforsecurity=False)
    for piece in Body(parcel).local():
        digest.update(piece)
        yield Tick("comparing small files")
    return digest.hexdigest()


def same(parcel: Parcel, held: Held | None) -> Job[bool]:
    """Whether the repository holds just this content under the parcel's name."""
    if held is None or held.bytes != parcel.bytes:
        return False
    if held.sha256:
        return held.sha256 == parcel.sha256
    return held.blob == (yield from blob(parcel))


def modes(api: Api, parcels: Sequence[Parcel], branch: str) -> Job[tuple[set[str], set[str]]]:
    """The names that belong into the large storage, and those that the rules of the repository leave out."""
    large: set[str] = set()
    ignored: set[str] = set()
    for some in batches(parcels, _BATCH):
        files = [
            {"path": parcel.name, "sample": base64.b64encode(_sample(parcel)).decode(), "size": parcel.bytes}
            for parcel in some
        ]
        answer = yield from api.post(f"/preupload/{part(branch)}", {"files": files}, "asking how files are to come")
        told = mapping(answer, api.host).get("files")
        found = (
            {entry.get("path"): entry for entry in told if isinstance(entry, dict)} if isinstance(told, list) else {}
        )
        for parcel in some:
            entry = found.get(parcel.name)
            if entry is None or entry.get("uploadMode") not in ("regular", "lfs"):
                raise Damaged(f"{api.host}: does not say how {parcel.name} is to come", "Try again.")
            if entry["uploadMode"] == "lfs" and parcel.bytes:  # git itself keeps what is empty
                large.add(parcel.name)
            if entry.get("shouldIgnore") is True:
                ignored.add(parcel.name)
    return large, ignored


def _sample(parcel: Parcel) -> bytes:
    return Body(parcel, 0, min(_SAMPLE, parcel.bytes)).whole()


def _line(lines: BinaryIO, key: str, value: dict[str, Any]) -> None:
    lines.write(json.dumps({"key": key, "value": value}).encode() + b"\n")


def _content(lines: BinaryIO, parcel: Parcel) -> Job[None]:
    """The line of a small file."""
    frame = json.dumps({"key": "file", "value": {"path": parcel.name, "encoding": "base64", "content": ""}})
    lines.write(frame.removesuffix('"}}').encode())
    digest = hashlib.sha256()
    for start in range(0, parcel.bytes, _LINE):
        piece = Body(parcel, start, min(_LINE, parcel.bytes - start)).whole()
        digest.update(piece)
        lines.write(base64.b64encode(piece))
        yield Tick("preparing the commit")
    if digest.hexdigest() != parcel.sha256:
        raise changed(parcel.name)
    lines.write(b'"}}\n')
