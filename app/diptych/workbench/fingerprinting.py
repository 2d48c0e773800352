"""Fingerprints of versions: one read of their files, which gives them their final ids too, and what lies near."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych import display
from diptych.catalog import Catalog, Place
from diptych.domain.changes import Changes
from diptych.domain.fingerprint import Fingerprint, TensorPrint
from diptych.domain.tensor import Header
from diptych.domain.version import Artifact, Digest, Problem, Role, State, Version
from diptych.errors import Conflict, DiptychError, NotFound
from diptych.formats import Unopened, WeightReader
from diptych.formats.headers import apart
from diptych.formats.sets import format_of
from diptych.job import Job, retold
from diptych.tensors.digest import stamp_of
from diptych.tensors.fingerprinting import Asked, Found, fingerprint_files
from diptych.workbench.hash import batches, doubled, file_of, onward

_WHOLE = (State.COMPLETE, State.UNREAD)
_AT_ONCE = 500
"""Versions looked up together."""
_ALL = 1 << 20
"""Neighbours that are gone through: those that were taken off the list leave room for others."""


@dataclass(frozen=True, slots=True)
class FingerprintReport:
    """What making fingerprints came to."""

    changes: Changes
    versions: int
    known: int
    """Versions that had a fingerprint already."""
    files: int
    bytes: int
    problems: tuple[Problem, ...]
    duplicates: int
    """Versions that turned out to be another one that is still in its older place."""

    def __str__(self) -> str:
        parts = [f"{display.plural(self.versions, 'version')}, {display.size(self.bytes)}"]
        if self.known:
            parts.append(f"{self.known:,} known before")
        if self.duplicates:
            parts.append(f"{display.plural(self.duplicates, 'version')} found in a second place")
        if self.problems:
            parts.append(f"{display.plural(len(self.problems), 'file')} could not be read")
        return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class Near:
    """A version whose weights lie near those of another."""

    version: Version
    distance: float
    """‖A − B‖ ∕ ‖A‖ over all tensors, estimated; nought for equal weights."""


@dataclass(slots=True)
class _Sum:
    """What came of it so far."""

    known: int = 0
    versions: int = 0
    files: int = 0
    bytes: int = 0
    duplicates: int = 0
    changes: Changes = field(default_factory=Changes)
    errors: list[tuple[Path, DiptychError]] = field(default_factory=list)


def fingerprint(catalog: Catalog, keys: Collection[int] | None = None) -> Job[FingerprintReport]:
    """Make the fingerprint of every version that has weights here and none yet, or of those among `keys`.

    A version of which a file changes meanwhile or cannot be read gets none, which the report says; where it is the
    only one that was asked for, its error is raised.
    """
    found = _Sum()
    asked = _versions(catalog, keys)
    known = catalog.fingerprints.known()
    places = []
    for version in asked:
        if version.hashed and version.id in known:
            found.known += 1
        elif version.path is not None and version.state in _WHOLE:
            places.append(Place(version.key, version.path, _files(version)))
        elif keys is not None:
            error = NotFound(f"{display.visible(version.name)}: its weights are not here, not whole or not opened")
            found.errors.append((Path(version.name), error))
    total = sum(artifact.bytes for place in places for artifact in place.artifacts)
    for batch in batches(places):
        yield from _read(catalog, batch, found, total)
    if keys is not None and len(found.errors) == 1 == len(keys):
        raise found.errors[0][1]
    problems = tuple(
        Problem(str(path), error.message.removeprefix(f"{display.path(path)}: ")) for path, error in found.errors
    )
    return FingerprintReport(
        found.changes, found.versions, found.known, found.files, found.bytes, problems, found.duplicates
    )


def near(catalog: Catalog, version: Version, limit: int) -> tuple[Near, ...]:
    """The versions whose weights lie nearest, the nearest first. `NotFound` where it has no fingerprint."""
    if not version.hashed or version.id not in catalog.fingerprints.known():
        raise NotFound(
            f"{display.visible(version.name)}: has no fingerprint",
            f"Make one: diptych fingerprint {display.visible(version.name)}",
        )
    found: list[Near] = []
    for one in catalog.fingerprints.neighbours(version.id, _ALL):
        try:
            found.append(Near(catalog.resolve(one.version_id), one.distance))
        except NotFound:  # taken off the list; its fingerprint is kept, as its receipts are
            continue
        if len(found) == limit:
            break
    return tuple(found)


def _versions(catalog: Catalog, keys: Collection[int] | None) -> Iterator[Version]:
    """The versions that are asked for; of all, those whose weights can be read."""
    chosen = catalog.keys() if keys is None else list(keys)
    for start in range(0, len(chosen), _AT_ONCE):
        for version in catalog.versions(chosen[start : start + _AT_ONCE]):
            if keys is not None or any(_is_read(artifact) for artifact in version.artifacts):
                yield version


def _is_read(artifact: Artifact) -> bool:
    return artifact.role is Role.WEIGHTS and bool(format_of(artifact.path))


def _files(version: Version) -> tuple[Artifact, ...]:
    """What is read of a version: its weights, and while it has no final id all files."""
    return tuple(one for one in version.artifacts if not version.hashed or _is_read(one))


def _read(catalog: Catalog, batch: Sequence[Place], found: _Sum, total: float) -> Job[None]:
    asked: dict[Path, Asked] = {}
    refused: dict[Path, Found] = {}
    for place in batch:
        own = {header.file for header in catalog.headers(place.key)}
        for artifact in place.artifacts:
            path = file_of(place, artifact.path)
            wanted = _is_read(artifact) and (not own or artifact.path in own)
            try:
                asked[path] = _asked(path, artifact.path) if wanted else Asked(path)
            except Unopened:  # its bytes are hashed all the same
                asked[path] = Asked(path)
            except DiptychError as error:
                refused[path] = error
    job = fingerprint_files(list(asked.values()))
    read = yield from retold(job, onward(found.bytes, total))
    results = {**read, **refused}
    found.files += len(results)
    found.bytes += sum(artifact.bytes for place in batch for artifact in place.artifacts)
    for place in batch:
        _keep(catalog, place, results, found)


def _asked(path: Path, name: str) -> Asked:
    """A weight file with its header; whether it changed after the header was read is told by its stamp."""
    try:
        stamp = stamp_of(path.stat())
    except OSError:
        return Asked(path)
    return Asked(path, stamp, _header(path, name))


def _header(path: Path, name: str) -> Header:
    return apart(WeightReader().read(format_of(name) or "safetensors", path, name))


def _keep(catalog: Catalog, place: Place, results: Mapping[Path, Found], found: _Sum) -> None:
    """Note the digests of a place's files, then its fingerprint, unless something is wrong with one of them."""
    digests: dict[str, Digest] = {}
    tensors: dict[str, TensorPrint] = {}
    errors = []
    for artifact in place.artifacts:
        path = file_of(place, artifact.path)
        outcome = results[path]
        if isinstance(outcome, DiptychError):
            errors.append((path, outcome))
            continue
        if artifact.digest is not None and artifact.digest != outcome.digest:
            text = f"{display.path(path)}: is not what it was when it was hashed"
            errors.append((path, Conflict(text, "Scan its folder again.")))
        digests[artifact.path] = outcome.digest
        tensors.update((tensor.name, tensor) for tensor in outcome.tensors)
    found.errors += errors
    if errors:
        return
    try:
        noted = catalog.digests(place.path, digests)
        version = catalog.resolve(str(place.path))
    except NotFound:  # taken off the list while its files were read
        return
    found.changes |= noted
    found.duplicates += doubled(catalog, noted, place.path)
    if version.hashed and tensors:
        weights = sum(artifact.bytes for artifact in place.artifacts if _is_read(artifact))
        catalog.fingerprints.keep(version.id, Fingerprint(tensors, weights))
        found.versions += 1
        found.changes |= Changes(updated=frozenset({version.key}))
