"""A folder, perhaps on a share, where each version is a plain folder that people and programs use as it is.

`folder_shelf` says how versions lie there. A version appears by one rename, when everything was written and is durable.
Content that another version in the same folder holds is taken from there, when its digest was checked, and without a
copy where the file system can do that.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from diptych import display
from diptych.display import visible
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import (
    Access,
    Caution,
    Delivered,
    Journal,
    Phase,
    Plan,
    Receipt,
    Ref,
    Shipment,
    Verified,
    Voyage,
    Wishes,
)
from diptych.domain.version import Version
from diptych.errors import Conflict, Damaged, Refused
from diptych.job import Job, Tick, retold
from diptych.remotes.beneath import open_file
from diptych.remotes.fetching import fetch_all, require_range
from diptych.remotes.folder_shelf import MANIFEST, Shelf
from diptych.remotes.folder_verify import altered, verify
from diptych.remotes.folder_write import copy, lack_of_room, write
from diptych.remotes.landing import Arrival, Landing
from diptych.remotes.manifest import Manifest, planned, removed
from diptych.remotes.names import safe_name
from diptych.remotes.network import Network


class Folder:
    """Versions side by side in one folder."""

    def __init__(self, address: Address, secret: Secret | None, network: Network, options: Mapping[str, str]) -> None:
        self.address = address
        self._shelf = Shelf(Path(address.path))
        self._root = self._shelf.root
        self._rate = network.bytes_per_second

    def close(self) -> None:
        """Nothing is held between two jobs."""

    def check(self) -> Job[Access]:
        """Look whether the folder is there and can be written to."""
        with self._shelf.connected():
            yield Tick("Looking at the folder")
            free = shutil.disk_usage(self._root).free
        return Access("", os.access(self._root, os.W_OK), f"a folder, {display.size(free)} free")

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        """What a push would do: which version has the name now, and which contents lie in the folder already."""
        name, manifest = _name(shipment.version, wishes), Manifest.of(shipment)
        if any(parcel.name.lower() == MANIFEST for parcel in shipment.parcels):
            raise Refused(f"{MANIFEST}: a file of the version has the name that the folder needs", "Rename it.")
        with self._shelf.connected():
            yield Tick("Looking at the folder")
            there = self._shelf.lying(name)
            if there is None and os.path.lexists(self._root / name):
                raise Conflict(
                    f"{display.path(self._root / name)}: is there, and is no version", "Push under another name."
                )
            changed = yield from self._changed(name)
            held = yield from self._shelf.held()
            spoilt = {self._root / name / each for each in changed}
            held = {sha256: path for sha256, path in held.items() if path not in spoilt}
            missing = {parcel.sha256 for parcel in shipment.parcels} - held.keys()
            full = lack_of_room(self._root, shipment, held)
            notes = {"shown": there.digest if there is not None else "", "device": self._shelf.device()}
            same = self._shelf.manifest(name) == manifest and not self._shelf.damage(name, manifest)
            done = same and not changed
        return Plan(
            self.address,
            f"folder {name} in {display.path(self._root)}",
            "",
            shipment,
            wishes,
            tuple(planned(shipment, _known(there, changed), missing)),
            (
                *shipment.cautions,
                *removed(name, shipment, None if done else there),
                *([Caution("size", full)] if full else []),
            ),
            notes,
            done,
        )

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        """Write the version beside its place, then let it appear. `Conflict` where another took its place since."""
        begun, sent = time.monotonic(), 0
        name, manifest = _name(plan.shipment.version, plan.wishes), Manifest.of(plan.shipment)
        shown, device = plan.notes.get("shown", ""), plan.notes.get("device", "")
        with self._shelf.connected():
            yield Tick("Looking at the folder", 0, plan.to_send, "bytes", Voyage(Phase.UPLOAD))
            done = self._shelf.is_done(name, manifest, shown, device)
            if not (done and (yield from self._is_intact(name, manifest))):
                with Landing(self._root / name, replace=bool(shown)) as landing:
                    sent = yield from write(self._shelf, plan, manifest, landing, self._rate)
                    yield Tick("Committing", sent, max(plan.to_send, sent), "bytes", Voyage(Phase.COMMIT))
                    self._shelf.require(name, shown)
                    landing.finish()
            else:
                yield Tick("Committing", 0, plan.to_send, "bytes", Voyage(Phase.COMMIT))
            yield Tick("Verifying", sent, max(plan.to_send, sent), "bytes", Voyage(Phase.VERIFY))
            damage = self._shelf.damage(name, manifest)
            if damage or self._shelf.manifest(name) != manifest:
                raise Damaged(
                    f"{display.path(self._root / name)}: {damage or 'is not what was written'}", "Push again."
                )
        return Receipt(
            address=self.address,
            target=plan.target,
            version_id=plan.shipment.version.id,
            reference=name,
            url=(self._root / name).as_uri(),
            ids={"folder": name, "manifest": f"sha256:{manifest.digest}"},
            files=manifest.files,
            sent=sent,
            seconds=time.monotonic() - begun,
            finished=time.time(),
        )

    def _changed(self, name: str) -> Job[frozenset[str]]:
        """The files of a version that have other bytes than were pushed, though not in number."""
        manifest = self._shelf.manifest(name)
        if manifest is None:
            return frozenset()
        return (yield from altered(self._shelf, name, self._shelf.younger(name, manifest)))

    def _is_intact(self, name: str, manifest: Manifest) -> Job[bool]:
        """Whether every file of a version that was there before the push has its digest.

        Where not, the version can be written anew; `Conflict` where that would take away files that nobody named.
        """
        changed = yield from retold(altered(self._shelf, name, manifest.files), _checking)
        if changed and self._shelf.files(name) > {MANIFEST, *(file.name for file in manifest.files)}:
            raise Conflict(
                f"{display.path(self._root / name)}: {display.listing(sorted(changed))} changed there, and other files "
                "lie beside it",
                "Take these away, or push under another name.",
            )
        return not changed

    def refs(self) -> Job[tuple[Ref, ...]]:
        """The versions in the folder by their names, the newest first."""
        refs = []
        with self._shelf.connected():
            for name in self._shelf.names():
                yield Tick("Listing versions")
                manifest = self._shelf.manifest(name)
                if manifest is not None:
                    refs.append(Ref(name, "tag", f"sha256:{manifest.digest}", self._shelf.written(name)))
        return tuple(sorted(refs, key=lambda ref: (-(ref.created or 0), ref.name)))

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        """The files of one version: by name, or by the first eight digits or more of its manifest's digest."""
        return (yield from self._shelf.resolve(ref))[1].files

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        """A range of one file; a file that is read from end to end is checked by its digest."""
        folder, manifest = yield from self._shelf.resolve(ref)
        file = require_range(manifest.file(name), name, start, length, f"{visible(ref)} of {self.address}")
        with self._shelf.connected(), open_file(self._root / folder, name) as source:
            content = os.pread(source.fileno(), length, start)
            as_told = os.fstat(source.fileno()).st_size == file.bytes
        whole = length == file.bytes
        if not as_told or len(content) != length or (whole and hashlib.sha256(content).hexdigest() != file.sha256):
            raise Damaged(f"{visible(name)}: is not as its manifest says", "Verify the remote.")
        return content

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Copy a version; files that an earlier try has copied are not copied again."""
        name, manifest = yield from self._shelf.resolve(ref)

        def fetch(file: Delivered, take: Arrival) -> Job[None]:
            with open_file(self._root / name, file.name) as source:
                for _ in copy(source, take, file.bytes, self._rate):
                    yield Tick(f"fetching {file.name}")

        with self._shelf.connected():
            yield from fetch_all(folder, manifest.files, fetch)
        return manifest.files

    def verify(self, receipt: Receipt) -> Job[Verified]:
        """Hash every file of the version, and look for others beside them."""
        with self._shelf.connected():
            self._shelf.device()
            return (yield from verify(self._shelf, receipt))


def _known(there: Manifest | None, changed: frozenset[str]) -> Manifest | None:
    """What lies there, without the digests of files that have other bytes now."""
    if there is None:
        return None
    files = (replace(file, sha256="") if file.name in changed else file for file in there.files)
    return replace(there, files=tuple(files))


def _checking(tick: Tick) -> Tick:
    return Tick("checking what lies there", tick.done, tick.total, "bytes", Voyage(Phase.UPLOAD))


def _name(version: Version, wishes: Wishes) -> str:
    """The name of the folder: as wished, else the version's own in one piece. Raises `Refused` for a harmful one."""
    name = safe_name(wishes.reference or re.sub(r"[^\w.+-]+", "-", version.name).strip("-."))
    if "/" in name or name.startswith("."):
        raise Refused(f"{visible(name)}: not a name for a folder", "Use one that has no slash and begins with no dot.")
    return name
