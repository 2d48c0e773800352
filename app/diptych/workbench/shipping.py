"""What of a version goes to a registry, and what to look at first. Hashed once, whatever the number of targets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.found import Record
from diptych.domain.shipping import Caution, LeftOut, Parcel, Phase, Shipment, Voyage
from diptych.domain.version import Artifact, Problem, Role, State, Version
from diptych.errors import Conflict, NotFound, Refused
from diptych.job import Job, Tick
from diptych.tensors.digest import digest_files
from diptych.workbench.hash import hash_files
from diptych.workbench.leaks import leaks

T = TypeVar("T")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
_PRIVATE = (".git/", ".cache/", ".ipynb_checkpoints/", "__pycache__/")
_LOGINS = frozenset({".env", ".netrc", ".git-credentials", ".npmrc", ".pypirc"})
"""Files made to hold what nobody else may know."""
_CARD = "README.md"
_TEXTS = frozenset({Role.CONFIG, Role.RECORD, Role.CARD, Role.CODE, Role.OTHER})
"""Roles of files that people or programs wrote as text, where a secret may have slipped in."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user wants otherwise than usual."""

    include: frozenset[str] = frozenset()
    """Names of files that are left out usually."""
    exclude: frozenset[str] = frozenset()
    """Names of files that go usually."""


def prepare(catalog: Catalog, version: Version, choice: Choice) -> Job[Shipment]:
    """The shipment of a version: its files hashed where they are not yet, chosen, and looked through for secrets.

    `NotFound` where its files are not here, `Refused` where nothing is left to ship, `Conflict` where a file changed
    after it was hashed.
    """
    version = yield from _hashed(catalog, version)
    place = _place(version)
    going, left_out = choose(version, choice)
    digests = yield from _digests(place, going)
    parcels = [_parcel(place, one, digests[one.path]) for one in going]
    card = catalog.shipments.card(version.id)
    if card is not None and _CARD not in choice.exclude:
        parcels = [parcel for parcel in parcels if parcel.name != _CARD] + [_written(_CARD, card.encode(), Role.CARD)]
    if not any(parcel.role is Role.WEIGHTS for parcel in parcels):
        pickles = [one.name for one in left_out if one.name.endswith(_PICKLES)]
        raise Refused(
            f"{version.name}: no weights would go",
            f"Its weights are pickles; include them by name: {display.listing(pickles)}." if pickles else "",
        )
    cautions = [
        *_incomplete(version),
        *(yield from _secrets(parcels)),
        *_code(catalog.records(version.key), parcels),
        *_licence(catalog, version),
        *_no_card(parcels),
    ]
    parcels.sort(key=lambda parcel: parcel.name)
    datasets = tuple(data for record in catalog.records(version.key) for data in record.evidence.datasets)
    return Shipment(version, tuple(parcels), left_out, tuple(cautions), datasets)


def choose(version: Version, choice: Choice) -> tuple[tuple[Artifact, ...], tuple[LeftOut, ...]]:
    """The files of a version that go, and those that stay, each with the reason."""
    left_out = [LeftOut(one.path, one.bytes, reason) for one in version.artifacts if (reason := _reason(one, choice))]
    stay = {one.name for one in left_out}
    return tuple(one for one in version.artifacts if one.path not in stay), tuple(left_out)


def _hashed(catalog: Catalog, version: Version) -> Job[Version]:
    if version.state is State.OFFLINE or version.path is None or version.state is State.NO_WEIGHTS:
        raise NotFound(f"{version.name}: its weights are not here", "Attach the disk that holds them, then scan again.")
    if version.key == 0:
        raise NotFound(f"{version.name}: not in the catalog", "Scan its folder first.")
    if not version.hashed:
        report = yield from _as_phase(hash_files(catalog, [version.key]))
        if report.problems:
            raise Conflict(str(report.problems[0]), "Repair it, or scan again.")
        version = catalog.resolve(str(version.path))
    return version


def _digests(place: Path, artifacts: Sequence[Artifact]) -> Job[dict[str, str]]:
    """The SHA-256 of every file by name; those of an incomplete version, which has no id yet, are made now."""
    known = {one.path: one.digest.value for one in artifacts if one.digest is not None}
    paths = {_file(place, one.path): one.path for one in artifacts if one.digest is None}
    if paths:
        found = yield from _as_phase(digest_files(list(paths)))
        for path, outcome in found.items():
            if isinstance(outcome, Problem):
                raise Conflict(str(outcome), "Repair it, or leave it out.")
            known[paths[path]] = outcome.value
    return known


def _as_phase(job: Job[T]) -> Job[T]:
    """The same job, its ticks told as the first phase of a push."""
    try:
        while True:
            tick = next(job)
            yield Tick(tick.text, tick.done, tick.total, tick.unit, Voyage(Phase.HASH))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        job.close()


def _file(place: Path, name: str) -> Path:
    """A file of a place; the place itself where a weight file lies loose."""
    return place if place.name == name and place.is_file() else place / name


def _place(version: Version) -> Path:
    for place in version.places:
        if place.exists():
            return place
    raise NotFound(f"{version.name}: its files are not where they were", "Scan again.")


def _reason(artifact: Artifact, choice: Choice) -> str:
    """Why a file does not go; empty where it does."""
    name = artifact.path
    if name in choice.exclude:
        return "as you chose"
    if name in choice.include:
        return ""
    if name.startswith(_PRIVATE) or any(f"/{private}" in name for private in _PRIVATE):
        return "belongs to a tool on this machine"
    last = name.rpartition("/")[2]
    if last in _LOGINS or last.startswith(".env."):
        return "usually holds logins"
    if artifact.role is Role.RESUME:
        return "only continues a training"
    if name.endswith(_PICKLES):
        return "a pickle, which runs code when it is loaded"
    return ""


def _parcel(place: Path, artifact: Artifact, sha256: str) -> Parcel:
    path = _file(place, artifact.path)
    try:
        status = path.stat()
    except OSError:
        raise NotFound(f"{display.path(path)}: is not there any more", "Scan again.") from None
    if (status.st_size, status.st_mtime_ns) != (artifact.bytes, artifact.modified_ns):
        raise Conflict(f"{display.path(path)}: changed after it was hashed", "Scan and hash again.")
    return Parcel(artifact.path, artifact.bytes, sha256, artifact.role, path)


def _written(name: str, content: bytes, role: Role) -> Parcel:
    return Parcel(name, len(content), hashlib.sha256(content).hexdigest(), role, content=content)


def _incomplete(version: Version) -> Iterator[Caution]:
    if version.state is not State.COMPLETE and version.state is not State.UNREAD:
        reasons = display.listing(str(problem) for problem in version.problems) or version.state.value
        yield Caution("shards", f"The version is {version.state.value}: {reasons}")


def _secrets(parcels: Sequence[Parcel]) -> Job[list[Caution]]:
    found: list[Caution] = []
    texts = [parcel for parcel in parcels if parcel.role in _TEXTS]
    for number, parcel in enumerate(texts):
        yield Tick("Looking for secrets", number, len(texts), "files", Voyage(Phase.HASH, parcel.name))
        if parcel.path is None:
            continue
        search = leaks(parcel.path)
        while True:
            try:
                next(search)
            except StopIteration as stop:
                found += [
                    Caution("secret", f"{parcel.name}, line {leak.line}: perhaps {leak.kind}", (parcel.name,))
                    for leak in stop.value
                ]
                break
            yield Tick("Looking for secrets", number, len(texts), "files", Voyage(Phase.HASH, parcel.name))
    return found


def _code(records: Sequence[Record], parcels: Sequence[Parcel]) -> Iterator[Caution]:
    names = tuple(parcel.name for parcel in parcels if parcel.role is Role.CODE)
    if names:
        yield Caution("code", f"Holds code: {display.listing(names)}", names)
    if any("custom_code" in record.evidence.facts for record in records):
        yield Caution("code", "Its configuration names code that runs when it is loaded with trust_remote_code")
    pickles = tuple(parcel.name for parcel in parcels if parcel.name.endswith(_PICKLES))
    if pickles:
        yield Caution("pickle", f"Holds pickles, which run code when loaded: {display.listing(pickles)}", pickles)


def _licence(catalog: Catalog, version: Version) -> Iterator[Caution]:
    """Whether the version states another licence than the one it was made from."""
    if version.base is None or version.base.parent is None:
        return
    try:
        base = catalog.resolve(version.base.parent)
    except NotFound:
        return
    own, given = _stated(catalog.records(version.key)), _stated(catalog.records(base.key))
    if given and not own:
        yield Caution("licence", f"States no licence, while its base {base.name} has {given}")
    elif given and own.lower() != given.lower():
        yield Caution("licence", f"States the licence {own}, while its base {base.name} has {given}")


def _stated(records: Sequence[Record]) -> str:
    return next((told for record in records if (told := record.evidence.facts.get("license"))), "")


def _no_card(parcels: Sequence[Parcel]) -> Iterator[Caution]:
    if not any(parcel.name.lower() == "readme.md" for parcel in parcels):
        yield Caution("card", "Has no model card")
