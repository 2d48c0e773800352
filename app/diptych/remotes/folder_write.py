"""Writing a version into a folder: from this machine, or from another version that lies in the same folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from diptych import display
from diptych.domain.shipping import Delivered, Parcel, Phase, Plan, Shipment, Voyage
from diptych.domain.version import Digest
from diptych.errors import Conflict, Damaged, NoSpace
from diptych.job import Job, Tick, retold
from diptych.opening import open_regular, unreadable
from diptych.remotes.folder_shelf import MANIFEST, Shelf
from diptych.remotes.landing import Arrival, Landing
from diptych.remotes.manifest import Manifest
from diptych.tensors.digest import digest_files

_PIECE = 1 << 20
_SLICE = 0.1


def write(shelf: Shelf, plan: Plan, manifest: Manifest, landing: Landing, rate: float) -> Job[int]:
    """Bring every file into `landing` that an earlier try has not; how many bytes came from this machine."""
    held = yield from shelf.held()
    lack = lack_of_room(shelf.root, plan.shipment, held)
    if lack:
        raise NoSpace(f"{display.path(shelf.root)}: {lack}", "Make room there, then go on.")
    sent, parcels = 0, plan.shipment.parcels
    for number, parcel in enumerate(parcels):
        file = Delivered(parcel.name, parcel.bytes, parcel.sha256)
        voyage = Voyage(Phase.UPLOAD, parcel.name, number, len(parcels))
        base = sent
        if landing.has(file):
            continue
        if parcel.sha256 in held:
            checking = Tick(f"checking {parcel.name}", base, max(plan.to_send, base), "bytes", voyage)
            if (yield from _adopt(file, held[parcel.sha256], landing, checking)):
                continue
        with landing.receive(file) as take:
            for _ in _put(parcel, take, rate):
                done = base + take.received
                yield Tick(f"sending {parcel.name}", done, max(plan.to_send, done), "bytes", voyage)
        sent += parcel.bytes
    content = manifest.dump()
    described = Delivered(MANIFEST, len(content), manifest.digest)
    if not landing.has(described):
        with landing.receive(described) as take:
            take(content)
    return sent


def lack_of_room(root: Path, shipment: Shipment, held: Mapping[str, Path]) -> str:
    """What is needed and what is free, where that is too little; else empty."""
    needed = sum({one.sha256: one.bytes for one in shipment.parcels if one.sha256 not in held}.values())
    free = shutil.disk_usage(root).free
    return f"{display.size(needed)} are needed, {display.size(free)} are free" if needed > free else ""


def copy(source: FileIO, take: Arrival, length: int, rate: float) -> Job[None]:
    """Give `length` bytes of an open file to `take`, at most so many a second where `rate` is not nought."""
    begun = time.monotonic()
    while take.received < length:
        try:
            piece = os.pread(source.fileno(), min(_PIECE, length - take.received), take.received)
        except OSError as error:
            raise unreadable(Path(str(source.name)), error) from None
        if not piece:
            return
        take(piece)
        yield Tick("Copying")
        while rate > 0 and (early := begun + take.received / rate - time.monotonic()) > 0:
            time.sleep(min(early, _SLICE))
            yield Tick("Copying")


def _put(parcel: Parcel, take: Arrival, rate: float) -> Job[None]:
    """Copy a file of this machine. Raises `Conflict` where it is no longer what was hashed."""
    if parcel.path is None:
        take(parcel.content)
        return
    with open_regular(parcel.path) as source:
        yield from copy(source, take, parcel.bytes, rate)
    try:
        take.settle()
    except Damaged:
        raise Conflict(
            f"{display.path(parcel.path)}: changed since it was hashed", "Scan and hash the version again."
        ) from None


def _adopt(file: Delivered, twin: Path, landing: Landing, checking: Tick) -> Job[bool]:
    """Take a file over from another version in the folder, if it still has the digest that it was delivered with."""
    found = (yield from retold(digest_files([twin]), lambda _: checking))[twin]
    if not isinstance(found, Digest) or found.value != file.sha256:
        return False
    with open_regular(twin) as source:
        return landing.adopt(file, source.fileno())
