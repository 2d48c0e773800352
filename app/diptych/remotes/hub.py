"""The Hugging Face Hub, or an endpoint that speaks as it does: a repository of commits, large files beside git.

Everything that carries bytes or the token goes through our own `Wire` in the Hub's documented protocol: preupload, LFS
batch, commit as lines of JSON. The official library would send it too, but it cannot be stopped within a request, keeps
no part of a file for the next life of the program, resends whole files, reads tokens and settings from the environment,
and follows its own rules of trust. Where it is the authority it is asked: what a repository may be called, and how
results are written (`hub_results`).

A version is one commit, guarded by the commit that the plan saw. Large files are sent before it, where nobody sees
them; what the commit holds is verified after it; the tag comes last, so that what has a tag was verified. Files that
the branch has and the version lacks stay, since people keep more than weights in a repository.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from diptych.display import visible
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
    Standing,
    Verified,
    Voyage,
    Wishes,
)
from diptych.errors import Conflict, Damaged, NotFound, Refused
from diptych.job import Job, Tick, retold
from diptych.remotes import hub_commit, hub_plan
from diptych.remotes.arriving import Piece
from diptych.remotes.hub_api import PUBLIC, Api, Held
from diptych.remotes.hub_fetch import fetch
from diptych.remotes.hub_plan import MAIN, target_of
from diptych.remotes.hub_push import Push
from diptych.remotes.landing import Arrival, Landing
from diptych.remotes.names import Names
from diptych.remotes.network import Network

T = TypeVar("T")
_SMALL = 4 << 20
"""Files up to this size are fetched whole even for a range, so that their digest can be checked."""


class Hub:
    """One model repository."""

    def __init__(self, address: Address, secret: Secret | None, network: Network, options: Mapping[str, str]) -> None:
        try:
            validate_repo_id(address.path)
        except HFValidationError:
            raise Refused(
                f"{address}: no name of a repository", "Write org/name, of letters, digits, '-', '_' and '.'."
            ) from None
        self.address = address
        self._api = Api(address, secret, network)
        self._trees: dict[str, dict[str, Held]] = {}

    def check(self) -> Job[Access]:
        """Ask who the token belongs to, and whether it may write here."""
        told = yield from self._api.whoami()
        return Access(hub_plan.account(told), hub_plan.may_write(told, self._api.repo), hub_plan.server(told))

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        """What a push would do. Changes nothing."""
        return (yield from hub_plan.plan(self._api, shipment, wishes))

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        """Send large files, commit, verify, tag. `Conflict` where the branch has moved since the plan."""
        begun = time.monotonic()
        push = Push(self._api, plan, journal)
        commit = yield from push.deliver()
        parcels = plan.shipment.parcels
        voyage = Voyage(Phase.VERIFY, "", len(parcels), len(parcels))
        yield Tick("verifying", plan.to_send, plan.to_send, "bytes", voyage)
        yield from _quietly(self._inspect(plan, commit), plan, voyage)
        if plan.wishes.tag:
            yield from _quietly(push.tag(commit), plan, voyage)
        push.forget()
        ids = {"commit": commit}
        if push.pull_request:
            ids["pull_request"] = push.pull_request
        else:
            ids["branch"] = push.branch
        if plan.wishes.tag:
            ids["tag"] = plan.wishes.tag
        delivered = [Delivered(parcel.name, parcel.bytes, parcel.sha256) for parcel in parcels]
        return Receipt(
            self.address,
            plan.target,
            plan.shipment.version.id,
            commit,
            self._page(ids),
            ids,
            tuple(sorted(delivered, key=lambda file: file.name)),
            push.sent,
            time.monotonic() - begun,
            time.time(),
        )

    def refs(self) -> Job[tuple[Ref, ...]]:
        """Branches, tags and pull requests; the Hub does not tell their age, so names decide among each kind."""
        try:
            found = yield from self._api.refs()
        except NotFound:
            return ()
        return tuple(sorted(found, key=hub_plan.newest_first))

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        """The files of one version. Those that git itself keeps have no SHA-256 there."""
        _, tree = yield from self._tree(ref)
        return tuple(sorted((held.delivered for held in tree.values()), key=lambda file: file.name))

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        """A range of one file. Of small files the digest is checked; of large ones only size and place can be."""
        commit, tree = yield from self._tree(ref)
        held = tree.get(name)
        if held is None:
            raise NotFound(f"{self.address}: {visible(ref)} has no file {visible(name)}", "List its files.")
        if not 0 <= start <= start + length <= held.bytes:
            raise Refused(f"{visible(name)}: has no bytes {start:,} to {start + length:,}")
        if held.bytes <= _SMALL:
            whole = Piece(held.bytes)
            yield from fetch(self._api, commit, held, whole)
            return whole.whole(visible(name), held.sha256)[start : start + length]
        piece = Piece(length)
        yield from fetch(self._api, commit, held, piece, start, length)
        return piece.whole(visible(name))

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Fetch a version into `folder`, which appears when every byte was verified."""
        with Landing(folder) as landing:
            commit, tree = yield from self._tree(ref)
            names = Names()
            for name in tree:
                names.admit(name)
            total, done = sum(held.bytes for held in tree.values()), 0
            found = []
            for at, held in enumerate(tree.values()):
                voyage = Voyage(Phase.UPLOAD, visible(held.name), at, len(tree))

                def shown(tick: Tick, done: int = done, voyage: Voyage = voyage) -> Tick:
                    return Tick(tick.text, min(done + tick.done, total), total, "bytes", voyage)

                found.append((yield from retold(self._land(commit, held, landing), shown)))
                done += held.bytes
            landing.finish()
        return tuple(sorted(found, key=lambda file: file.name))

    def verify(self, receipt: Receipt) -> Job[Verified]:
        """Look whether what the receipt names still points to its commit, and what files are to be seen there now."""
        refs = yield from self._api.refs()
        commit = receipt.ids["commit"]
        notes = []
        shown = ""
        for key, kind in (("tag", "tag"), ("branch", "branch"), ("pull_request", "pull request")):
            name = receipt.ids.get(key)
            if name is None:
                continue
            now = target_of(refs, name, kind)
            if not now:
                notes.append(f"{kind} {name} is gone")
            elif now != commit:
                notes.append(f"{kind} {name} points to {now[:8]} now, not to {commit[:8]}")
            shown = shown or now
        tree = yield from self._api.tree(shown or commit)
        found: list[tuple[str, Standing, str]] = []
        for file in receipt.files:
            standing, why = yield from self._look(shown or commit, file, tree.get(file.name))
            found.append((file.name, standing, why))
        if shown and shown != commit:
            before = yield from self._api.tree(commit)
            found += [(name, Standing.EXTRA, "was not delivered") for name in tree if name not in before]
        return Verified(tuple(sorted(found)), tuple(notes))

    def close(self) -> None:
        """End every connection."""
        self._api.close()

    def _tree(self, ref: str) -> Job[tuple[str, dict[str, Held]]]:
        """The commit that a reference stands for, and its files; a commit never changes, so it is asked for once."""
        commit = yield from self._api.head(ref or MAIN)
        if commit not in self._trees:
            self._trees = {commit: (yield from self._api.tree(commit))}
        return commit, self._trees[commit]

    def _land(self, commit: str, held: Held, landing: Landing) -> Job[Delivered]:
        file = held.delivered
        if landing.has(file):
            return file
        with landing.receive(file) as arrival:
            if file.sha256:
                yield from fetch(self._api, commit, held, arrival)
                return file
            sink = _Digested(arrival)
            yield from fetch(self._api, commit, held, sink)
        return Delivered(file.name, file.bytes, sink.digest.hexdigest())

    def _look(self, commit: str, file: Delivered, held: Held | None) -> Job[tuple[Standing, str]]:
        """How a delivered file stands. Small ones are fetched; of large ones the listing is believed."""
        if held is None:
            return Standing.MISSING, "is not there any more"
        if held.bytes != file.bytes or held.sha256 not in ("", file.sha256):
            return Standing.DIFFERS, "has another content now"
        if held.bytes <= _SMALL:
            whole = Piece(held.bytes)
            try:
                yield from fetch(self._api, commit, held, whole)
                whole.whole(visible(file.name), file.sha256)
            except Damaged:
                return Standing.DIFFERS, "comes with another digest"
            except NotFound:
                return Standing.MISSING, "its content is gone"
        return Standing.SAME, ""

    def _inspect(self, plan: Plan, commit: str) -> Job[None]:
        """Raise `Conflict` unless the commit holds every file as it lies here."""
        tree = yield from self._api.tree(commit)
        for parcel in plan.shipment.parcels:
            if not (yield from hub_commit.same(parcel, tree.get(parcel.name))):
                raise Conflict(
                    f"{self.address}: {visible(parcel.name)} is not in the commit as it was sent", "Push again."
                )

    def _page(self, ids: Mapping[str, str]) -> str:
        """Where a browser shows it."""
        repository = f"{self.address.origin or PUBLIC}/{self._api.repo}"
        if "pull_request" in ids:
            return f"{repository}/discussions/{ids['pull_request'].rpartition('/')[2]}"
        return f"{repository}/tree/{ids.get('tag') or ids['commit']}"


class _Digested:
    """A file as it arrives, with the digest that the Hub does not tell of what git keeps."""

    def __init__(self, arrival: Arrival) -> None:
        self.digest = hashlib.sha256()
        self._arrival = arrival

    @property
    def received(self) -> int:
        """Bytes so far."""
        return self._arrival.received

    def __call__(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.digest.update(piece)
        self._arrival(piece)


def _quietly(job: Job[T], plan: Plan, voyage: Voyage) -> Job[T]:
    """`job` as a moment of a push."""
    return retold(job, lambda tick: Tick(tick.text, plan.to_send, plan.to_send, "bytes", voyage))
