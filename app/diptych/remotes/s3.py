"""S3-compatible storage. `s3_store` says how versions lie in a bucket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from diptych.display import visible
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import (
    Access,
    Delivered,
    Journal,
    Parcel,
    Phase,
    Plan,
    Receipt,
    Ref,
    Shipment,
    Verified,
    Voyage,
    Wishes,
)
from diptych.errors import Damaged, Refused
from diptych.job import Job, Tick
from diptych.remotes.arriving import Piece
from diptych.remotes.fetching import fetch_all, require_range
from diptych.remotes.landing import Arrival
from diptych.remotes.manifest import Manifest, planned, removed
from diptych.remotes.network import Network
from diptych.remotes.s3_bucket import Bucket, Stored
from diptych.remotes.s3_login import Signature, region_of, server_of
from diptych.remotes.s3_store import TAG, Store
from diptych.remotes.s3_upload import PART, Upload
from diptych.remotes.s3_verify import NO_ETAG, verify
from diptych.remotes.wire import Wire

USUAL_TAG = "latest"


class S3:
    """One model in a bucket."""

    def __init__(self, address: Address, secret: Secret | None, network: Network, options: Mapping[str, str]) -> None:
        self.address = address
        if options.get("verify", "") not in ("", "whole"):
            raise Refused("verify: takes `whole` or nothing", "Leave it empty, or write whole.")
        self._whole = bool(options.get("verify"))
        origin, path = server_of(address, options)
        self._account = secret.user if secret is not None else ""
        self._wire = Wire(origin, network, Signature(secret, region_of(options)) if secret is not None else None)
        self._store = Store(Bucket(self._wire, path), f"{address.path}/" if address.path else "", str(address))
        self._part = int(options.get("chunk", PART))

    def close(self) -> None:
        """End every connection."""
        self._wire.close()

    def check(self) -> Job[Access]:
        """Ask whether the bucket can be looked into. Whether it can be written to, only writing tells."""
        query = {"list-type": "2", "max-keys": "1", "prefix": self._store.prefix}
        answer = yield from self._store.bucket.ask("GET", "", what="asking who we are", query=query)
        server = visible(answer.headers.get("server", "")) or f"S3 storage at {self._wire.host}"
        return Access(self._account, None, server)

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        """What a push would do: what the tag shows now, and which contents are in the bucket already."""
        tag, manifest = _tag(wishes), Manifest.of(shipment)
        shown = yield from self._store.shown(tag)
        there = (yield from self._store.manifest(shown)) if shown else None
        found = yield from self._store.stored((parcel.sha256 for parcel in shipment.parcels), "planning")
        missing = {parcel.sha256 for parcel in shipment.parcels if not _fits(parcel, found.get(parcel.sha256))}
        return Plan(
            self.address,
            f"tag {tag} of {self.address} at {self._wire.host}",
            self._account,
            shipment,
            wishes,
            tuple(planned(shipment, there, missing)),
            (*shipment.cautions, *removed(tag, shipment, there)),
            {"shown": shown},
            there is not None and shown == manifest.digest and not missing,
        )

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        """Send what is missing, then the manifest, then move the tag. `Conflict` where the tag has moved since."""
        begun = time.monotonic()
        tag, manifest = _tag(plan.wishes), Manifest.of(plan.shipment)
        shown = plan.notes.get("shown", "")
        yield from self._store.expect(tag, (shown, manifest.digest))
        sent = yield from self._send(plan, journal)
        total = max(plan.to_send, sent)
        yield Tick("Committing", sent, total, "bytes", Voyage(Phase.COMMIT))
        yield from self._store.publish(manifest)
        yield from self._store.move(tag, shown, manifest.digest)
        yield Tick("Verifying", sent, total, "bytes", Voyage(Phase.VERIFY))
        etags = yield from self._confirm(tag, manifest)
        digest = f"sha256:{manifest.digest}"
        return Receipt(
            address=self.address,
            target=plan.target,
            version_id=plan.shipment.version.id,
            reference=digest,
            url="",
            ids={"manifest": digest, "tag": tag, "etags": " ".join(etags)},
            files=manifest.files,
            sent=sent,
            seconds=time.monotonic() - begun,
            finished=time.time(),
        )

    def abandon(self, plan: Plan, journal: Journal) -> Job[None]:
        """Give up a push for good: let the server forget what of it arrived in parts."""
        for parcel in plan.shipment.parcels:
            yield from self._upload(parcel, journal).abandon()

    def refs(self) -> Job[tuple[Ref, ...]]:
        """Tags, and versions by the digests of their manifests."""
        return (yield from self._store.refs())

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        """The files of one version: by tag, or by the first eight digits or more of its digest."""
        return (yield from self._version(ref)).files

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        """A range of one file; a file that is read from end to end is checked by its digest."""
        found = (yield from self._version(ref)).file(name)
        file = require_range(found, name, start, length, f"{visible(ref)} of {self.address}")
        piece = Piece(length)
        what = f"reading {visible(name)}"
        yield from self._store.bucket.fetch(self._store.blob(file.sha256), piece, start, length, what)
        return piece.whole(visible(name), file.sha256 if length == file.bytes else "")

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Fetch a version; files that an earlier try has fetched are not fetched again."""
        files = (yield from self._version(ref)).files

        def fetch(file: Delivered, take: Arrival) -> Job[None]:
            key, what = self._store.blob(file.sha256), f"fetching {file.name}"
            yield from self._store.bucket.fetch(key, take, 0, file.bytes, what)

        yield from fetch_all(folder, files, fetch)
        return files

    def verify(self, receipt: Receipt) -> Job[Verified]:
        """Look at every delivered file. The option `verify` = `whole` reads all of them back; see `s3_verify`."""
        return (yield from verify(self._store, receipt, self._whole))

    def _version(self, ref: str) -> Job[Manifest]:
        return (yield from self._store.resolve(ref or USUAL_TAG))[1]

    def _upload(self, parcel: Parcel, journal: Journal) -> Upload:
        return Upload(self._store.bucket, self._store.blob(parcel.sha256), parcel, journal, self._part)

    def _send(self, plan: Plan, journal: Journal) -> Job[int]:
        """Send the contents that the bucket does not hold; how many bytes that were."""
        parcels = {parcel.sha256: parcel for parcel in plan.shipment.parcels}
        found = yield from self._store.stored(parcels, "asking what is there")
        sent = shown = 0
        for number, parcel in enumerate(parcels.values()):
            upload = self._upload(parcel, journal)
            if _fits(parcel, found.get(parcel.sha256)):
                yield from upload.abandon()
                continue
            voyage = Voyage(Phase.UPLOAD, parcel.name, number, len(parcels))
            for tick in upload.run():
                shown = max(shown, sent + upload.moved)
                yield Tick(tick.text, shown, max(plan.to_send, shown), "bytes", voyage)
            sent += upload.sent
        yield Tick("Sent", sent, max(plan.to_send, sent), "bytes", Voyage(Phase.UPLOAD, "", len(parcels), len(parcels)))
        return sent

    def _confirm(self, tag: str, manifest: Manifest) -> Job[list[str]]:
        """Make sure that everything is as the manifest says; the server's fingerprints in the order of its files."""
        found = yield from self._store.stored((file.sha256 for file in manifest.files), "verifying")
        etags = []
        for file in manifest.files:
            stored = found.get(file.sha256)
            if stored is None or stored.bytes != file.bytes:
                raise Damaged(f"{file.name}: is not at {self.address} as it was sent", "Push again.")
            etags.append(stored.etag or NO_ETAG)
        if (yield from self._store.manifest(manifest.digest)) is None:
            raise Damaged(f"{self.address}: lost the manifest that it was sent", "Push again.")
        yield from self._store.expect(tag, (manifest.digest,))
        return etags


def _tag(wishes: Wishes) -> str:
    """The tag to move. Raises `Refused` for a name that is not plain."""
    tag = wishes.reference or USUAL_TAG
    if not TAG.fullmatch(tag):
        raise Refused(f"{visible(tag)}: not a name for a tag", "Use letters, digits, dots, dashes and underscores.")
    return tag


def _fits(parcel: Parcel, stored: Stored | None) -> bool:
    """Whether an object is the content of a parcel, as far as can be known without reading it."""
    return stored is not None and (stored.bytes, stored.sha256) == (parcel.bytes, parcel.sha256)
