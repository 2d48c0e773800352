"""Pushing versions to remotes, fetching them back, and looking whether they are still as they were delivered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.address import Address
from diptych.domain.evidence import Evidence
from diptych.domain.shipping import (
    Abandoning,
    Delivered,
    Fate,
    Journal,
    Plan,
    Receipt,
    Ref,
    Remote,
    Shipment,
    Verified,
    Wishes,
)
from diptych.domain.version import Version
from diptych.errors import Conflict, DiptychError, NotFound, Refused
from diptych.job import Job, Tick
from diptych.workbench.shipping import Choice, prepare

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept, Underway

T = TypeVar("T")
_CHOICE = "choice of files"
"""The entry of a push's journal that is ours and not the remote's."""
Opener = Callable[[str], Job[Remote]]
"""Opens the remote that a name or an address stands for, with its login."""


@dataclass(frozen=True, slots=True)
class Targeted:
    """A plan for one named remote."""

    remote: str
    plan: Plan
    choice: Choice
    """What the user wanted of the files; a push that is taken up again keeps to it."""

    def __str__(self) -> str:
        return "It is there already, as it is here." if self.plan.done else "There is something to look at first."

    @property
    def warnings(self) -> frozenset[str]:
        """What whoever starts the push has been told: cautions, and names of files that it replaces."""
        replaced = (file.name for file in self.plan.files if file.fate is Fate.REPLACE)
        return frozenset([*(caution.text for caution in self.plan.cautions), *replaced])


def plan(
    catalog: Catalog, open_remote: Opener, version: Version, targets: Sequence[tuple[str, Wishes]], choice: Choice
) -> Job[tuple[Targeted, ...]]:
    """What a push to each target would do: the files are hashed and looked through once for all of them."""
    shipment = yield from prepare(catalog, version, choice)
    planned: list[Targeted] = []
    evidence = [record.evidence for record in catalog.records(shipment.version.key)]
    for name, wishes in targets:
        asked = yield from _with(open_remote, name, partial(_ask, shipment=shipment, wishes=wishes, evidence=evidence))
        planned.append(Targeted(name, asked, choice))
    return tuple(planned)


def push(catalog: Catalog, open_remote: Opener, targeted: Targeted) -> Job[Kept]:
    """Do what a plan says, from where an earlier try came to, and keep the receipt."""
    shipments = catalog.shipments
    key = shipments.begin(targeted.plan, targeted.remote)
    journal = shipments.journal(key)
    journal.put(_CHOICE, _noted(targeted))
    receipt = yield from _with(open_remote, targeted.remote, lambda remote: remote.push(targeted.plan, journal))
    return shipments.deliver(key, targeted.plan, targeted.remote, receipt)


def at_once(
    catalog: Catalog, open_remote: Opener, version: Version, remote: str, wishes: Wishes
) -> Job[Kept | Targeted]:
    """Plan a push and do it where it replaces nothing, warns of nothing and changes something; else the plan."""
    (targeted,) = yield from plan(catalog, open_remote, version, [(remote, wishes)], Choice())
    if targeted.plan.done or not targeted.plan.harmless:
        return targeted
    return (yield from push(catalog, open_remote, targeted))


def resume(catalog: Catalog, open_remote: Opener, underway: Underway) -> Job[Kept]:
    """Go on with a push that was broken off, after looking at both sides again.

    Raises `Conflict` where there is something to look at now that the user was not told when the push began.
    """
    version = catalog.resolve(underway.version_id)
    choice, told = _remembered(catalog, underway)
    (targeted,) = yield from plan(catalog, open_remote, version, [(underway.remote, underway.wishes)], choice)
    if str(targeted.plan.address) != underway.address:
        raise Conflict(f"{underway.remote}: has another address than when the push began", "Push again.")
    if new := sorted(targeted.warnings - told):
        raise Conflict(
            f"{underway.remote}: new since the push began: {display.listing(new)}", "Look at the plan again."
        )
    return (yield from push(catalog, open_remote, targeted))


def give_up(catalog: Catalog, open_remote: Opener, underway: Underway) -> Job[None]:
    """Forget a push that was broken off; what the remote keeps of it is cleared away where that can be done."""
    try:
        version = catalog.resolve(underway.version_id)
        choice, _ = _remembered(catalog, underway)
        (targeted,) = yield from plan(catalog, open_remote, version, [(underway.remote, underway.wishes)], choice)
        journal = catalog.shipments.journal(underway.key)
        yield from _with(open_remote, underway.remote, partial(_abandon, plan=targeted.plan, journal=journal))
    except DiptychError as error:
        # the files or the remote are gone: then there is nothing that could be cleared away
        yield Tick(error.message)
    catalog.shipments.give_up(underway.key)


def _abandon(remote: Remote, plan: Plan, journal: Journal) -> Job[None]:
    if isinstance(remote, Abandoning):
        yield from remote.abandon(plan, journal)


def verify(open_remote: Opener, receipt: Receipt, remote: str) -> Job[Verified]:
    """Look whether a delivery is still as its receipt says."""
    return (yield from _with(open_remote, remote, lambda opened: opened.verify(receipt)))


def refs(open_remote: Opener, remote: str) -> Job[tuple[Ref, ...]]:
    """The names under which a remote shows versions."""
    return (yield from _with(open_remote, remote, lambda opened: opened.refs()))


def pull(open_remote: Opener, remote: str, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
    """Fetch a version into a folder that does not exist yet."""
    if folder.exists():
        raise Conflict(f"{display.path(folder)}: is there already", "Name a folder that does not exist.")
    if not folder.parent.is_dir():
        raise NotFound(f"{display.path(folder.parent)}: no such folder", "Make it first.")
    return (yield from _with(open_remote, remote, lambda opened: opened.pull(ref, folder)))


def one_click(catalog: Catalog, known_as: Callable[[str, Address], str], version: Version) -> tuple[str, Wishes] | None:
    """Where the newest push of the same model went, and how; a tag of that version is not asked for again."""
    kept = catalog.shipments.last_of(version.model)
    if kept is None:
        return None
    return known_as(kept.remote, kept.receipt.address), replace(kept.wishes, tag="", message="")


def _noted(targeted: Targeted) -> str:
    """What a push must remember of the user's decisions."""
    choice = targeted.choice
    decided = {"include": choice.include, "exclude": choice.exclude, "told": targeted.warnings}
    return json.dumps({key: sorted(names) for key, names in decided.items()})


def _remembered(catalog: Catalog, underway: Underway) -> tuple[Choice, frozenset[str]]:
    """The choice of files of a push that was broken off, and the warnings that were seen before it began."""
    noted = json.loads(catalog.shipments.journal(underway.key).get(_CHOICE) or "{}")
    include, exclude, told = (frozenset(noted.get(key, ())) for key in ("include", "exclude", "told"))
    return Choice(include, exclude), told


def _ask(remote: Remote, shipment: Shipment, wishes: Wishes, evidence: Sequence[Evidence]) -> Job[Plan]:
    if remote.address.kind == "hub" and wishes.results:
        shipment = _with_results(shipment, evidence)
    if wishes.pull_request and remote.address.kind != "hub":
        raise Refused(f"{remote.address}: knows no pull requests", "Push without one.")
    return (yield from remote.plan(shipment, wishes))


def _with_results(shipment: Shipment, evidence: Sequence[Evidence]) -> Shipment:
    """The shipment with the results of evaluations as the Hub's leaderboards read them."""
    from diptych.remotes.hub_results import results

    held = {parcel.name for parcel in shipment.parcels}
    made = tuple(parcel for parcel in results(evidence) if parcel.name not in held)
    return replace(shipment, parcels=(*shipment.parcels, *made))


def _with(open_remote: Opener, name: str, use: Callable[[Remote], Job[T]]) -> Job[T]:
    """Open a remote for one job, and close it whatever happens."""
    remote = yield from open_remote(name)
    with closing(remote):
        return (yield from use(remote))
