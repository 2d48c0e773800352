"""MLflow's Model Registry, over REST: `mlflow_push` says what a push makes, `mlflow_registry` how versions are shown.

The last part of an address is the name of the model, which has no slash in MLflow; what stands before it is where the
server lies at its host.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from diptych.display import elide, visible
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import (
    Access,
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
from diptych.errors import Damaged, Refused
from diptych.job import Job, Tick, together
from diptych.remotes.fetching import fetch_all, require_range
from diptych.remotes.landing import Arrival
from diptych.remotes.manifest import Manifest, planned, removed
from diptych.remotes.mlflow_evidence import MANIFEST, MODEL_FILE, version_tags
from diptych.remotes.mlflow_push import Making
from diptych.remotes.mlflow_registry import Registered, alias_of
from diptych.remotes.mlflow_server import Login, Server
from diptych.remotes.mlflow_upload import PART
from diptych.remotes.mlflow_verify import arrived, verify
from diptych.remotes.network import Network
from diptych.remotes.wire import Wire


class MLflow:
    """One registered model of one server."""

    def __init__(self, address: Address, secret: Secret | None, network: Network, options: Mapping[str, str]) -> None:
        self.address = address
        prefix, _, name = address.path.rpartition("/")
        self._account = secret.user if secret is not None else ""
        self._wire = Wire(address.origin, network, Login(secret))
        self._server = Server(self._wire, f"/{prefix}" if prefix else "")
        self._registered = Registered(self._server, name)
        self._experiment = options.get("experiment") or name
        self._part = int(options.get("chunk", PART))
        self._whole = options.get("verify", "") == "whole"

    def close(self) -> None:
        """End every connection."""
        self._wire.close()

    def check(self) -> Job[Access]:
        """Ask whether models may be looked at. Whether one may be written, only writing tells."""
        what = "asking who we are"
        yield from self._server.get("mlflow/registered-models/search", what, {"max_results": "1"})
        url = quote(self._server.prefix, safe="/") + "/version"
        answer = yield from self._wire.ask("GET", url, what=what, accept=(200, 403, 404))
        told = elide(visible(answer.content.decode("ascii", "replace").strip()), 20) if answer.status == 200 else ""
        return Access(self._account, None, f"MLflow {told}".strip())

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        """What a push would do: a new version with all its files, unless one with these files is there already."""
        alias, manifest = alias_of(wishes.reference), Manifest.of(shipment)
        for name in (MANIFEST, MODEL_FILE):
            if manifest.file(name) is not None:
                raise Refused(f"{name}: has the name of a file that is made for MLflow", "Leave it out of the push.")
        known, now = yield from self._registered.standing(manifest.digest, alias)
        shown = now if alias else known
        there = (yield from self._manifest(shown)) if shown else None
        missing = set() if known else {parcel.sha256 for parcel in shipment.parcels}
        place = f"{self._registered.name} at {self._wire.host}"
        return Plan(
            self.address,
            f"alias {alias} of {place}" if alias else f"a new version of {place}",
            self._account,
            shipment,
            wishes,
            tuple(planned(shipment, there, missing)),
            (*shipment.cautions, *removed(alias, shipment, there)),
            {"shown": shown} if alias else {},
            bool(known) and shown == known,
        )

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        """Bring files and evidence there, then add the version, then move the alias."""
        begun = time.monotonic()
        alias, manifest = alias_of(plan.wishes.reference), Manifest.of(plan.shipment)
        making = Making(self._server, plan, manifest, journal, self._experiment, self._part)
        standing = self._registered.standing(manifest.digest, alias)
        (number, now), _ = yield from together(standing, making.ask())
        allowed = {plan.notes.get("shown", ""), number}
        if alias:
            self._registered.require(alias, now, allowed)
        if not number:
            yield from making.run()
        total = max(plan.to_send, making.sent)
        yield Tick("Committing", total, total, "bytes", Voyage(Phase.COMMIT))
        if not number:
            told = version_tags(plan.shipment, manifest.digest)
            number = yield from self._registered.register(
                making.source, making.made.run, making.made.model, told, plan.wishes.message
            )
        if alias and (yield from self._registered.expect(alias, allowed | {number})) != number:
            yield from self._registered.move(alias, number)
        making.forget()
        yield Tick("Verifying", total, total, "bytes", Voyage(Phase.VERIFY))
        etags = yield from self._confirm(number, alias, manifest, making)
        path = quote(f"{self._server.prefix}/#/models/{self._registered.name}/versions/{number}", safe="/#")
        return Receipt(
            address=self.address,
            target=plan.target,
            version_id=plan.shipment.version.id,
            reference=self._registered.reference(number),
            url=self.address.origin + path,
            ids={
                "version": number,
                "alias": alias,
                "run": making.made.run,
                "model": making.made.model,
                "manifest": manifest.digest,
                "etags": etags,
            },
            files=manifest.files,
            sent=making.sent,
            seconds=time.monotonic() - begun,
            finished=time.time(),
        )

    def abandon(self, plan: Plan, journal: Journal) -> Job[None]:
        """Give up a push for good: let the server forget what of it arrived."""
        manifest = Manifest.of(plan.shipment)
        yield from Making(self._server, plan, manifest, journal, self._experiment).abandon()

    def refs(self) -> Job[tuple[Ref, ...]]:
        """Aliases and versions."""
        return (yield from self._registered.refs())

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        """The files of one version: by number, alias (`@champion`), `models:/name/3`, or digest of its manifest."""
        number = yield from self._registered.number(ref)
        return (yield from self._registered.contents(number))[1]

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        """A range of one file."""
        number = yield from self._registered.number(ref)
        artifacts, files = yield from self._registered.contents(number)
        found = next((each for each in files if each.name == name), None)
        file = require_range(found, name, start, length, f"{visible(ref)} of {self.address}")
        return (yield from artifacts.read(file, start, length, f"reading {visible(name)}"))

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Fetch a version; files that an earlier try has fetched are not fetched again."""
        number = yield from self._registered.number(ref)
        artifacts, files = yield from self._registered.contents(number)

        def fetch(file: Delivered, take: Arrival) -> Job[None]:
            yield from artifacts.fetch(file, take, f"fetching {file.name}")

        yield from fetch_all(folder, files, fetch)
        return files

    def verify(self, receipt: Receipt) -> Job[Verified]:
        """Look at every delivered file. The option `verify` = `whole` reads all of them back; see `mlflow_verify`."""
        return (yield from verify(self._registered, receipt, self._whole))

    def _manifest(self, number: str) -> Job[Manifest | None]:
        artifacts = yield from self._registered.artifacts(number)
        return (yield from self._registered.manifest((yield from self._registered.shown(number)), artifacts))

    def _confirm(self, number: str, alias: str, manifest: Manifest, making: Making) -> Job[str]:
        """Make sure that everything is as the manifest says; the server's fingerprints of the files."""
        own = bool(making.made.uri)

        def look() -> Job[str]:
            artifacts = making.artifacts if own else (yield from self._registered.artifacts(number))
            return (yield from arrived(artifacts, manifest, self.address))

        shown, etags = yield from together(self._registered.shown(number), look())
        if shown.manifest != manifest.digest:
            raise Damaged(f"version {number}: is tagged as something else at {self.address}", "Push again.")
        if own and shown.source != making.source:  # somebody else has pushed the same files in the meantime
            own = False
            etags = yield from look()
        if alias and alias not in shown.aliases:
            yield from self._registered.expect(alias, {number})
        return etags
