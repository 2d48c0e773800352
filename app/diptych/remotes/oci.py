"""OCI registries: a model is a manifest of layers, one a file, and a tag that points to it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from diptych.display import visible
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import (
    Access,
    Caution,
    Delivered,
    Fate,
    Journal,
    Phase,
    Plan,
    PlannedFile,
    Receipt,
    Ref,
    Shipment,
    Standing,
    Verified,
    Voyage,
    Wishes,
)
from diptych.errors import Conflict, Damaged, NotFound, Refused
from diptych.job import Job, Tick, retold
from diptych.remotes import oci_attached, oci_manifest, oci_tar
from diptych.remotes.landing import Arrival, Landing
from diptych.remotes.names import safe_name
from diptych.remotes.network import Network
from diptych.remotes.oci_manifest import Blob, Layer
from diptych.remotes.oci_registry import Registry, tag_of
from diptych.remotes.oci_upload import CHUNK, Upload

T = TypeVar("T")
_SMALL = 4 << 20
"""Files up to this size are fetched whole even for a range, so that their digest can be checked."""


class Oci:
    """One repository of an OCI registry."""

    def __init__(self, address: Address, secret: Secret | None, network: Network, options: Mapping[str, str]) -> None:
        self.address = address
        self._secret = secret
        self._registry = Registry(address, secret, network, options.get("realm", ""))
        self._chunk = int(options.get("chunk", CHUNK))
        self._source = options.get("mount", "")
        self._archives: dict[tuple[str, str], str] = {}
        if self._source:
            self._registry.login.scopes.append(f"repository:{self._source}:pull")

    def check(self) -> Job[Access]:
        """Ask who we are there. Whether we may write, only trying would tell."""
        answer = yield from self._registry.greet()
        server = visible(answer.headers.get("docker-distribution-api-version", "") or "distribution-spec")
        return Access(self._secret.user if self._secret is not None else "", None, f"OCI registry ({server[:40]})")

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        """What a push would do. Changes nothing."""
        tag, layout = tag_of(wishes.reference), _layout(wishes)
        yield from self._registry.ready()
        there = yield from self._registry.manifest(tag)
        before = oci_manifest.named(there.layers) if there is not None else {}
        blobs = yield from self._blobs(shipment, layout)
        _, content = oci_manifest.build(shipment, layout, blobs)
        done = there is not None and there.content == content
        files = []
        asked: set[str] = set()
        for parcel in shipment.parcels:
            blob = blobs[parcel.name]
            old = before.get(parcel.name)
            same = old is not None and old.content == (parcel.bytes, parcel.sha256)
            fate = Fate.UNCHANGED if same else Fate.REPLACE if old is not None else Fate.NEW
            reason = "another content under this name" if fate is Fate.REPLACE else ""
            to_send = 0
            if blob.digest not in asked and not done and (yield from self._registry.holds(blob.digest)) != blob.bytes:
                to_send = blob.bytes
            asked.add(blob.digest)
            files.append(PlannedFile(parcel.name, parcel.bytes, fate, reason, to_send, parcel))
        files += [PlannedFile(one.name, one.bytes, Fate.EXCLUDED, one.reason) for one in shipment.left_out]
        cautions = shipment.cautions
        if there is not None and not done:
            cautions += (Caution("replace", f"Tag {tag} points to another version now: {there.digest[7:19]}"),)
        return Plan(
            self.address,
            f"tag {tag} of {self.address.path} at {self.address.authority}",
            self._secret.user if self._secret is not None else "",
            shipment,
            wishes,
            tuple(files),
            cautions,
            {"manifest": there.digest if there is not None else ""},
            done,
        )

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        """Send the blobs, then the manifest under its tag. `Conflict` where the tag has moved since the plan."""
        begun = time.monotonic()
        tag, layout = tag_of(plan.wishes.reference), _layout(plan.wishes)
        registry = self._registry
        yield from registry.ready()
        blobs = yield from self._blobs(plan.shipment, layout)
        config, content = oci_manifest.build(plan.shipment, layout, blobs)
        sent = yield from self._send(plan, blobs, config, journal)
        voyage = Voyage(Phase.COMMIT, "", len(plan.shipment.parcels), len(plan.shipment.parcels))
        yield _tick("committing", plan.to_send, plan, voyage)
        there = yield from registry.manifest(tag)
        if there is None or there.content != content:
            if (there.digest if there is not None else "") != plan.notes["manifest"]:
                raise Conflict(
                    f"{self.address}: tag {tag} was moved by somebody else meanwhile", "Look at the plan again."
                )
            yield from _quietly(registry.put_manifest(tag, content), plan, voyage)
        yield from _quietly(oci_attached.attach(registry, plan.shipment.version, content, journal), plan, voyage)
        voyage = replace(voyage, phase=Phase.VERIFY)
        yield _tick("verifying", plan.to_send, plan, voyage)
        stored = yield from _quietly(registry.manifest(tag), plan, voyage)
        if stored is None or stored.content != content:
            raise Conflict(f"{self.address}: tag {tag} does not point to what was pushed", "Look at the plan again.")
        for blob in {blob.digest: blob for blob in blobs.values()}.values():
            if (yield from _quietly(registry.holds(blob.digest), plan, voyage)) != blob.bytes:
                raise Damaged(f"{self.address}: {visible(blob.parcel.name)} is not there as it was sent", "Push again.")
        files = [Delivered(parcel.name, parcel.bytes, parcel.sha256) for parcel in plan.shipment.parcels]
        return Receipt(
            self.address,
            plan.target,
            plan.shipment.version.id,
            stored.digest,
            "",
            {"manifest": stored.digest, "tag": tag, "layout": layout},
            tuple(sorted(files, key=lambda file: file.name)),
            sent,
            time.monotonic() - begun,
            time.time(),
        )

    def refs(self) -> Job[tuple[Ref, ...]]:
        """The tags. Registries do not tell their age, so the names decide: the highest number first."""
        yield from self._registry.ready()
        tags = yield from self._registry.tags()
        shown = [tag for tag in tags if not oci_attached.is_fallback(tag)]
        return tuple(Ref(tag, "tag") for tag in sorted(shown, key=_by_number, reverse=True))

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        """The files of one version."""
        yield from self._registry.ready()
        manifest = yield from self._registry.wanted(ref)
        found = []
        for layer in manifest.layers:
            found += [file for file, _ in (yield from self._held(layer))]
        return tuple(sorted(found, key=lambda file: file.name))

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        """A range of one file. Of small files the digest is checked; of large ones only size and place can be."""
        yield from self._registry.ready()
        manifest = yield from self._registry.wanted(ref)
        layers = [layer for layer in manifest.layers if layer.name == name] or manifest.layers
        for layer in layers:
            for file, offset in (yield from self._held(layer)):
                if file.name != name:
                    continue
                if not 0 <= start <= start + length <= file.bytes:
                    raise Refused(f"{visible(name)}: has no bytes {start:,} to {start + length:,}")
                if file.sha256 and file.bytes <= _SMALL:
                    whole = yield from self._registry.fetch(layer, offset, file.bytes)
                    if hashlib.sha256(whole).hexdigest() != file.sha256:
                        raise Damaged(f"{self.address}: {visible(name)} comes with another digest than it should")
                    return whole[start : start + length]
                return (yield from self._registry.fetch(layer, offset + start, length))
        raise NotFound(f"{self.address}: {visible(ref)} has no file {visible(name)}", "List its files.")

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Fetch a version into `folder`, which appears when every byte was verified."""
        with Landing(folder) as landing:
            yield from self._registry.ready()
            manifest = yield from self._registry.wanted(ref)
            total = sum(layer.bytes for layer in manifest.layers)
            found: dict[str, Delivered] = {}
            done = 0
            for at, layer in enumerate(manifest.layers):
                voyage = Voyage(Phase.UPLOAD, visible(layer.name), at, len(manifest.layers))

                def shown(tick: Tick, done: int = done, voyage: Voyage = voyage) -> Tick:
                    return Tick(tick.text, min(done + tick.done, total), total, "bytes", voyage)

                for file in (yield from retold(self._land(layer, landing), shown)):
                    if found.setdefault(file.name, file) != file:
                        raise Damaged(f"{self.address}: {visible(file.name)} is there twice with different content")
                done += layer.bytes
            landing.finish()
        return tuple(found[name] for name in sorted(found))

    def verify(self, receipt: Receipt) -> Job[Verified]:
        """Look whether the tag still points to what was pushed, and whether every layer is still there."""
        registry = self._registry
        yield from registry.ready()
        tag, digest = receipt.ids["tag"], receipt.ids["manifest"]
        notes = []
        there = yield from registry.manifest(tag)
        if there is None:
            notes.append(f"tag {tag} is gone")
        elif there.digest != digest:
            notes.append(f"tag {tag} points to {there.digest[7:19]} now, not to {digest[7:19]}")
        delivered = there if there is not None and there.digest == digest else (yield from registry.manifest(digest))
        if delivered is None:
            gone = tuple((file.name, Standing.MISSING, "the manifest is gone") for file in receipt.files)
            return Verified(gone, (*notes, f"the manifest {digest[7:19]} is gone"))
        layers = oci_manifest.named(delivered.layers)
        found = []
        for file in receipt.files:
            layer = layers.pop(file.name, None)
            if layer is None or layer.content != (file.bytes, file.sha256):
                found.append((file.name, Standing.DIFFERS, "the manifest names another content"))
                continue
            found.append((file.name, *(yield from self._look(layer))))
        found += [(name, Standing.EXTRA, "was not delivered") for name in layers]
        return Verified(tuple(sorted(found)), tuple(notes))

    def close(self) -> None:
        """End every connection."""
        self._registry.close()

    def _look(self, layer: Layer) -> Job[tuple[Standing, str]]:
        """How a layer stands. Small ones are fetched; of large ones size and presence are asked."""
        size = yield from self._registry.holds(layer.digest)
        if size < 0:
            return Standing.MISSING, "its layer is gone"
        if size != layer.bytes:
            return Standing.DIFFERS, f"its layer has {size:,} bytes, not {layer.bytes:,}"
        if layer.bytes <= _SMALL:
            content = yield from self._registry.fetch(layer, 0, layer.bytes)
            if hashlib.sha256(content).hexdigest() != layer.digest[7:]:
                return Standing.DIFFERS, "its layer comes with another digest"
        return Standing.SAME, ""

    def _blobs(self, shipment: Shipment, layout: str) -> Job[dict[str, Blob]]:
        """What each parcel is as a layer. An archive has a digest of its own, so the file is read for it, once."""
        found = {}
        for parcel in shipment.parcels:
            if layout == "raw":
                found[parcel.name] = Blob(parcel.sha256, parcel.bytes, parcel)
                continue
            key = parcel.name, parcel.sha256
            if key not in self._archives:
                blob, digest, done = oci_manifest.archived(parcel, ""), hashlib.sha256(), 0
                for piece in blob.body().local():
                    digest.update(piece)
                    done += len(piece)
                    yield Tick("hashing archives", done, blob.bytes, "bytes", Voyage(Phase.HASH, visible(parcel.name)))
                self._archives[key] = digest.hexdigest()
            found[parcel.name] = oci_manifest.archived(parcel, self._archives[key])
        return found

    def _send(self, plan: Plan, blobs: Mapping[str, Blob], config: Blob, journal: Journal) -> Job[int]:
        """Upload what is missing; the bytes of files that went out."""
        done = most = sent = 0
        total = plan.to_send
        wanted = {blob.digest: blob for blob in (*blobs.values(), config)}
        for at, blob in enumerate(wanted.values()):
            voyage = Voyage(Phase.UPLOAD, visible(blob.parcel.name), min(at, len(blobs)), len(blobs))
            yield _tick("sending", most, plan, voyage)
            if (yield from _quietly(self._registry.holds(blob.digest), plan, voyage, most)) == blob.bytes:
                continue
            upload = Upload(self._registry, blob, journal, self._chunk)
            job = upload.run(self._source)
            try:
                for tick in job:
                    most = max(most, min(int(done + (tick.done if tick.total else upload.place)), total))
                    yield _tick(tick.text, most, plan, voyage)
            finally:
                job.close()
                sent += upload.sent if blob is not config else 0
            done += blob.bytes
        return sent

    def _held(self, layer: Layer) -> Job[tuple[tuple[Delivered, int], ...]]:
        """The files that a layer holds, with the place of each in it."""
        if not layer.archive:
            if not layer.name:
                raise Refused(f"{self.address}: has a layer that names no file", "It may not be a model.")
            return ((Delivered(safe_name(layer.name), layer.bytes, layer.digest[7:]), 0),)
        if layer.compressed:
            raise Refused(
                f"{self.address}: has a compressed archive, which is not looked into",
                "Fetch it with the tool that made it.",
            )
        try:
            entries = yield from oci_tar.entries(
                lambda start, length: self._registry.fetch(layer, start, length), layer.bytes
            )
        except (Damaged, Refused) as error:
            raise type(error)(f"{self.address}: {error.message}", error.hint) from None
        size, sha256 = layer.content
        return tuple(
            (Delivered(safe_name(entry.name), entry.bytes, sha256 if entry.bytes == size else ""), entry.start)
            for entry in entries
        )

    def _land(self, layer: Layer, landing: Landing) -> Job[list[Delivered]]:
        """Fetch what a layer holds."""
        if layer.archive and not layer.compressed:
            return (yield from self._unpack(layer, landing))
        ((file, _),) = yield from self._held(layer)
        if not landing.has(file):
            with landing.receive(file) as arrival:
                yield from self._registry.stream(layer, arrival, lambda: arrival.received)
        return [file]

    def _unpack(self, layer: Layer, landing: Landing) -> Job[list[Delivered]]:
        """Fetch an archive, its files going where they belong as they come."""
        size, sha256 = layer.content
        known = Delivered(layer.name, size, sha256)
        if layer.name and size >= 0 and landing.has(known):
            return [known]
        found: list[Delivered] = []
        digest = hashlib.sha256()
        count = 0
        with ExitStack() as stack:

            def opened(name: str, bytes_: int) -> Arrival:
                found.append(Delivered(name, bytes_, sha256 if bytes_ == size else ""))
                return stack.enter_context(landing.receive(found[-1]))

            unpacker = oci_tar.Unpacker(opened, stack.close)

            def take(piece: bytes) -> None:
                nonlocal count
                count += len(piece)
                if count > layer.bytes:
                    raise Damaged(f"{self.address}: a layer is longer than announced")
                digest.update(piece)
                unpacker(piece)

            yield from self._registry.stream(layer, take, lambda: count)
            unpacker.end()
        if digest.hexdigest() != layer.digest[7:]:
            raise Damaged(f"{self.address}: a layer comes with another digest than announced", "Try again.")
        return found


def _layout(wishes: Wishes) -> str:
    layout = wishes.layout or "raw"
    if layout not in oci_manifest.LAYOUTS:
        raise Refused(f"{visible(layout)}: no layout of OCI", f"Choose {', '.join(oci_manifest.LAYOUTS)}.")
    return layout


def _tick(text: str, done: float, plan: Plan, voyage: Voyage) -> Tick:
    return Tick(text, done, plan.to_send, "bytes", voyage)


def _quietly(job: Job[T], plan: Plan, voyage: Voyage, done: float | None = None) -> Job[T]:
    """`job` as a moment of a push."""
    most = plan.to_send if done is None else done
    return retold(job, lambda tick: _tick(tick.text, most, plan, voyage))


def _by_number(tag: str) -> list[tuple[int, str]]:
    """So that v10 comes after v9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", tag)]
