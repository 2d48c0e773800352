"""Scanning library folders: what is new or changed is read and stored; headers and records only, never weights."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.changes import Changes
from diptych.domain.found import Found, Record
from diptych.domain.version import Kind, Problem, State
from diptych.errors import DiptychError, NotFound
from diptych.job import Job, Tick
from diptych.workbench.link import Places, given_name
from diptych.workbench.recognise import CHECKPOINT, Recognised, Recogniser, inherit
from diptych.workbench.walk import Listing, look, walk

_BATCH = 100
_BATCH_SECONDS = 0.5
"""Finds are stored at the latest after this time, so that they appear while the scan goes on."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan came to."""

    changes: Changes
    versions: int
    """Versions in the scanned folders, changed or not."""
    files: int
    problems: tuple[Problem, ...]
    seconds: float

    def __str__(self) -> str:
        parts = [display.plural(self.files, "file"), display.plural(self.versions, "version")]
        parts.append(f"{len(self.changes.added):,} new")
        if self.changes.updated:
            parts.append(f"{len(self.changes.updated):,} updated")
        if self.problems:
            parts.append(f"{display.plural(len(self.problems), 'file')} with a problem")
        return " · ".join(parts)


@dataclass(slots=True)
class _Progress:
    changes: Changes = field(default_factory=Changes)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    present: set[Path] = field(default_factory=set)
    strays: list[Record] = field(default_factory=list)
    runs: dict[Path, tuple[Record, ...]] = field(default_factory=dict)
    pending: list[Found] = field(default_factory=list)
    seen: dict[Path, str] = field(default_factory=dict)
    stored: float = 0.0


def scan(catalog: Catalog, paths: Sequence[Path]) -> Job[ScanReport]:
    """Read `paths` into the catalog and remember them as library folders.

    Cancelling keeps what was stored. `NotFound` for a path that is not there; nothing else stops a scan.
    """
    started = time.monotonic()
    roots = [path.expanduser().absolute() for path in paths]
    for root in roots:
        if not root.exists():
            raise NotFound(f"{display.path(root)}: no such folder")
    progress = _Progress(stored=started)
    known = catalog.stamps()
    recogniser = Recogniser()
    left_out = own_files(catalog)
    for root in roots:
        folder = root if root.is_dir() else root.parent
        if root.is_dir():
            progress.changes |= catalog.add_root(root)
        listings: list[Listing] = []
        for listing in walk(root, left_out) if root.is_dir() else [_only(look(folder, left_out), root.name)]:
            listings.append(listing)
            progress.files += len(listing.files)
            yield Tick(f"Looking through {display.path(root)}", progress.files, unit="files")
        places = _by_folder(known)
        for number, listing in enumerate(listings):
            yield Tick(display.path(listing.path), number, len(listings), "folders", progress.changes)
            if known.get(listing.path) == listing.stamp or (not listing.files and not listing.problems):
                progress.present.update((listing.path, *places.get(listing.path, ())))
                continue
            _take(recogniser, listing, progress)
            if len(progress.pending) >= _BATCH or time.monotonic() - progress.stored > _BATCH_SECONDS:
                _store(catalog, progress)
        _store(catalog, progress)
        if root.is_dir():
            progress.changes |= catalog.missing(root, progress.present)
    yield Tick("Joining evaluations with their models", partial=progress.changes)
    progress.changes |= _attach(catalog, progress)
    progress.changes |= _tie(catalog)
    changes = replace(progress.changes, updated=progress.changes.updated - progress.changes.added)
    return ScanReport(
        changes, len(progress.present), progress.files, tuple(progress.problems), time.monotonic() - started
    )


def own_files(catalog: Catalog) -> frozenset[tuple[int, int]]:
    """The catalog's files by device and inode. Opening and closing one would drop SQLite's locks on it."""
    own = set()
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            state = Path(f"{catalog.file}{suffix}").stat()
        except OSError:
            continue
        own.add((state.st_dev, state.st_ino))
    return frozenset(own)


def _only(listing: Listing, name: str) -> Listing:
    listing.files = {key: state for key, state in listing.files.items() if key == name}
    return listing


def _by_folder(known: Iterable[Path]) -> dict[Path, list[Path]]:
    """The places that are files, by their folder: weights that lie loose."""
    places: dict[Path, list[Path]] = {}
    for place in known:
        if place.suffix == ".safetensors":
            places.setdefault(place.parent, []).append(place)
    return places


def _take(recogniser: Recogniser, listing: Listing, progress: _Progress) -> None:
    """Read one folder and note what it holds."""
    recognised = recogniser.recognise(listing)
    progress.problems += recognised.problems
    progress.strays += recognised.strays
    if any(CHECKPOINT.fullmatch(folder) for folder in listing.folders):
        progress.runs[listing.path] = tuple(record for record in recognised.strays if record.evidence.about is None)
    progress.seen[listing.path] = listing.stamp
    for found in recognised.versions:
        progress.pending.append(inherit(found, _run_of(recogniser, found, progress)))
        progress.problems += found.problems
        if found.path is not None:
            progress.present.add(found.path)
        if found.path == listing.path:
            progress.seen.pop(listing.path, None)


def _run_of(recogniser: Recogniser, found: Found, progress: _Progress) -> tuple[Record, ...]:
    """The records of the run that a checkpoint belongs to; read again where the run's folder did not change."""
    if found.step is None or found.path is None or not CHECKPOINT.fullmatch(found.path.name):
        return ()
    run = found.path.parent
    if run not in progress.runs:
        again: Recognised = recogniser.recognise(look(run))
        progress.runs[run] = tuple(record for record in again.strays if record.evidence.about is None)
    return progress.runs[run]


def _store(catalog: Catalog, progress: _Progress) -> None:
    if progress.pending or progress.seen:
        progress.changes |= catalog.store(progress.pending, progress.seen)
    progress.pending = []
    progress.seen = {}
    progress.stored = time.monotonic()


def _attach(catalog: Catalog, progress: _Progress) -> Changes:
    """Give records to the versions they are about; what is about no version here becomes one without weights."""
    places = Places(catalog.places())
    attached: dict[Path, list[Record]] = {}
    lone: dict[str, list[Record]] = {}
    for record in progress.strays:
        model = record.evidence.about
        if model is None:
            place = _end_of_run(record.path.parent, places)
            if place is not None:
                attached.setdefault(place, []).append(record)
            elif record.evidence.metrics:
                lone.setdefault(record.path.parent.name, []).append(record)
            continue
        place = places.about(model, record.path)
        if place is not None:
            attached.setdefault(place, []).append(record)
        else:
            lone.setdefault(given_name(model), []).append(record)
    for about in catalog.records_about():
        found = [(model, record) for model, record in zip(about.models, about.records, strict=False)]
        place = next((place for model, record in found if (place := places.about(model, record.path))), None)
        if place is not None:
            attached.setdefault(place, []).extend(about.records)
    changes = Changes()
    for place, records in attached.items():
        try:
            changes |= catalog.attach(catalog.resolve(str(place)).key, records)
        except DiptychError as error:
            progress.problems.append(Problem(display.path(place), error.message))
    if lone:
        changes |= catalog.store([_without_weights(name, records) for name, records in lone.items()])
    return changes


def _tie(catalog: Catalog) -> Changes:
    """Recognise parents by the paths that records name, seen from their own folder and those above."""
    untied = catalog.untied()
    if not untied:
        return Changes()
    places = Places(catalog.places())
    parents: dict[int, int] = {}
    for child in untied:
        place = places.find(child.base, child.path)
        if place is None or place == child.path:
            continue
        try:
            parents[child.key] = catalog.resolve(str(place)).key
        except DiptychError:
            continue
    return catalog.tie(parents) if parents else Changes()


def _end_of_run(run: Path, places: Places) -> Path | None:
    """The last checkpoint of a run: what is said of the run as a whole is about it."""
    steps = [(int(match[1]), place) for place in places.within(run) if (match := CHECKPOINT.fullmatch(place.name))]
    return max(steps)[1] if steps else None


def _without_weights(name: str, records: Sequence[Record]) -> Found:
    facts = {key: value for record in records for key, value in record.evidence.facts.items()}
    return Found(
        path=None,
        name=name,
        model=name.partition("@")[0],
        kind=Kind.RECORD,
        state=State.NO_WEIGHTS,
        stamp="",
        family=facts.get("family", ""),
        records=tuple(records),
    )
