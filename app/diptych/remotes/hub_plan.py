"""What a push to the Hub would do, before it does anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from diptych.display import plural, size, visible
from diptych.domain.shipping import Caution, Fate, Parcel, Plan, PlannedFile, Ref, Shipment, Wishes
from diptych.errors import Conflict, NotFound, Refused
from diptych.job import Job
from diptych.remotes import hub_commit, hub_lfs
from diptych.remotes.hub_api import Api, Held

MAIN = "main"
_LARGEST = 50_000_000_000
_OWN = frozenset({".gitattributes", ".gitignore"})
"""What belongs to the repository and not to a version."""
_KINDS = ("branch", "tag", "pull request")


def plan(api: Api, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
    """The plan. `NeedsSecret` or `Refused` where the token would not be enough for the push."""
    told = yield from api.whoami()
    if "/" not in api.repo:
        raise Refused(f"{api.host}: {api.repo} names no owner", f"Write {account(told) or 'org'}/{api.repo}.")
    if may_write(told, api.repo) is False:
        raise Refused(f"{api.host}: the token may not write to {api.repo}", "Use one that may.")
    branch = wishes.reference or MAIN
    refs = yield from references(api)
    parent = base_of(refs, branch, wishes.pull_request)
    tree = (yield from api.tree(parent)) if parent else {}
    fates = yield from _fates(shipment.parcels, tree)
    going = [parcel for parcel in shipment.parcels if fates[parcel.name] is not Fate.UNCHANGED]
    ignored: Collection[str] = ()
    missing = {parcel.sha256 for parcel in going}
    if parent and going:
        known = branch if head_of(refs, branch) else MAIN
        large, ignored = yield from hub_commit.modes(api, going, known)
        wanted = yield from hub_lfs.wanted(api, [parcel for parcel in going if parcel.name in large], known)
        missing = {parcel.sha256 for parcel in going if parcel.name not in large or parcel.sha256 in wanted}
    head = head_of(refs, branch)
    tagged = target_of(refs, wishes.tag, "tag") if wishes.tag else head
    if wishes.tag and tagged and (going or tagged != head):
        raise Conflict(
            f"{api.repo}: tag {visible(wishes.tag)} is there already, for commit {tagged[:8]}", "Choose another tag."
        )
    cautions = (*shipment.cautions, *_cautions(api, shipment, wishes, tree, ignored, bool(parent)))
    return Plan(
        api.address,
        _target(api, branch, wishes),
        account(told),
        shipment,
        wishes,
        tuple(_files(shipment, tree, fates, missing)),
        cautions,
        {"parent": parent},
        bool(head) and not going and bool(tagged),
    )


def references(api: Api) -> Job[tuple[Ref, ...]]:
    """Those of the repository; none where it does not exist yet."""
    try:
        return (yield from api.refs())
    except NotFound:
        return ()


def target_of(refs: Sequence[Ref], name: str, kind: str) -> str:
    """The commit that a reference points to; empty where it is not there."""
    return next((ref.target for ref in refs if (ref.name, ref.kind) == (name, kind)), "")


def head_of(refs: Sequence[Ref], branch: str) -> str:
    """The commit of a branch or pull request; empty where it is not there."""
    return target_of(refs, branch, "branch") or target_of(refs, branch, "pull request")


def base_of(refs: Sequence[Ref], branch: str, pull_request: bool) -> str:
    """The commit that a push to `branch` builds on: of itself, or of the main one; empty without a repository.

    Raises `NotFound` for a pull request towards a branch that is not there.
    """
    head = head_of(refs, branch)
    if refs and not head and (pull_request or branch.startswith("refs/")):
        raise NotFound(f"{visible(branch)}: there is no such branch", "Name one that is there.")
    return head or target_of(refs, MAIN, "branch")


def account(told: Mapping[str, Any]) -> str:
    """The name of the account."""
    return visible(str(told.get("name") or ""))


def server(told: Mapping[str, Any]) -> str:
    """What the server says it is."""
    site = told.get("site")
    if not isinstance(site, dict):
        return "Hugging Face Hub"
    return visible(f"{site.get('name', '')} {site.get('version', '')}".strip()[:60]) or "Hugging Face Hub"


def may_write(told: Mapping[str, Any], repo: str) -> bool | None:
    """Whether the token may write to a repository; None for tokens whose rights are told only by trying."""
    token = (told.get("auth") or {}).get("accessToken") if isinstance(told.get("auth"), dict) else None
    role = token.get("role") if isinstance(token, dict) else None
    if role == "read":
        return False
    if role not in ("write", "admin"):
        return None
    owner, slash, _ = repo.partition("/")
    if not slash or owner == told.get("name"):
        return True
    orgs = told.get("orgs")
    roles = {org.get("name"): org.get("roleInOrg") for org in orgs if isinstance(org, dict)} if orgs else {}
    if owner not in roles:
        return None  # a repository of others may have let us in
    return bool(roles[owner] != "read")


def newest_first(ref: Ref) -> tuple[int, bool, list[tuple[int, str]]]:
    """The order of references: the main branch, other branches, tags, pull requests; high numbers come first."""
    parts = [(-int(part), "") if part.isdigit() else (1, part) for part in re.split(r"([0-9]{1,18})", ref.name)]
    return _KINDS.index(ref.kind), ref.name != MAIN, parts


def _fates(parcels: Sequence[Parcel], tree: Mapping[str, Held]) -> Job[dict[str, Fate]]:
    fates = {}
    for parcel in parcels:
        same = yield from hub_commit.same(parcel, tree.get(parcel.name))
        fates[parcel.name] = Fate.UNCHANGED if same else Fate.REPLACE if parcel.name in tree else Fate.NEW
    return fates


def _files(
    shipment: Shipment, tree: Mapping[str, Held], fates: Mapping[str, Fate], missing: Collection[str]
) -> Iterator[PlannedFile]:
    left = set(missing)
    for parcel in shipment.parcels:
        fate = fates[parcel.name]
        sending = fate is not Fate.UNCHANGED and parcel.sha256 in left
        if sending:
            left.discard(parcel.sha256)
        reason = f"another {parcel.name} of {size(tree[parcel.name].bytes)}" if fate is Fate.REPLACE else ""
        yield PlannedFile(parcel.name, parcel.bytes, fate, reason, parcel.bytes if sending else 0, parcel)
    for one in shipment.left_out:
        yield PlannedFile(one.name, one.bytes, Fate.EXCLUDED, one.reason)


def _cautions(
    api: Api, shipment: Shipment, wishes: Wishes, tree: Mapping[str, Held], ignored: Collection[str], there: bool
) -> Iterator[Caution]:
    if ignored:
        text = (
            f"The rules of {api.repo} (.gitignore) leave out {plural(len(ignored), 'file')}; a push sends them anyway"
        )
        yield Caution("ignored", text, tuple(sorted(ignored)))
    going = {parcel.name for parcel in shipment.parcels}
    kept = tuple(sorted(name for name in tree if name not in going | _OWN))
    if kept:
        text = f"The branch has {plural(len(kept), 'file')} that this version lacks; a push lets them stay"
        yield Caution("kept", text, kept)
    large = tuple(parcel.name for parcel in shipment.parcels if parcel.bytes > _LARGEST)
    if large:
        yield Caution("size", f"The Hub may not take files above {size(_LARGEST)}", large)
    if not there and not wishes.private:
        yield Caution("visibility", f"{api.repo} will be made, and everybody will see it")


def _target(api: Api, branch: str, wishes: Wishes) -> str:
    where = "the Hugging Face Hub" if not api.address.host else api.host
    kind = "pull request to" if wishes.pull_request else "branch"
    return f"{kind} {visible(branch)} of {api.repo} at {where}"
