"""Scanning library folders: what is new or changed is read and stored; headers and records only, never weights."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.changes import Changes
from diptych.domain.found import Found, Record
from diptych.domain.version import Problem
from diptych.errors import NotFound
from diptych.job import Job, Tick
from diptych.workbench.joining import join
from diptych.workbench.naming import Names
from diptych.workbench.recognise import Recogniser, likely
from diptych.workbench.walk import FileId, Listing, look, walk

T = TypeVar("T")

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
            parts.append(display.plural(len(self.problems), "problem"))
        return " · ".join(parts)


def scan(catalog: Catalog, paths: Sequence[Path]) -> Job[ScanReport]:
    """Read `paths` into the catalog and remember the folders among them as library folders.

    Ticks carry the changes so far. Cancelling keeps what was stored, and what was not is found by the next scan.
    `NotFound` for a path that is not there and never was a library folder; nothing else stops a scan.
    """
    started = time.monotonic()
    roots = [path.expanduser().absolute() for path in paths]
    remembered = {root.path for root in catalog.roots()}
    for root in roots:
        if not root.exists() and root not in remembered:
            raise NotFound(f"{display.path(root)}: no such folder")
    sweep = _Sweep(catalog)
    for root in roots:
        if root.is_dir():
            yield from sweep.folder(root)
        elif root.exists():
            yield from sweep.file(root)
        else:
            sweep.problems.append(Problem(display.path(root), "is not there; its versions are kept as offline"))
            sweep.changes |= catalog.missing(root, ())
    yield from sweep.join()
    changes = replace(sweep.changes, updated=sweep.changes.updated - sweep.changes.added)
    seconds = time.monotonic() - started
    return ScanReport(changes, sweep.versions, sweep.files, tuple(dict.fromkeys(sweep.problems)), seconds)


def own_files(catalog: Catalog) -> frozenset[FileId]:
    """The catalog's files by device and inode. Opening and closing one would drop SQLite's locks on it."""
    own = set()
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            state = Path(f"{catalog.file}{suffix}").stat()
        except OSError:
            continue
        own.add((state.st_dev, state.st_ino))
    return frozenset(own)


class _Sweep:
    """One scan on its way."""

    def __init__(self, catalog: Catalog) -> None:
        self.changes = Changes()
        self.problems: list[Problem] = []
        self.versions = 0
        self.files = 0
        self._catalog = catalog
        self._left_out = own_files(catalog)
        self._stamps = catalog.stamps()
        self._places = frozenset(catalog.places())
        self._names = Names(catalog.named())
        self._recogniser = Recogniser(self._names)
        self._present: set[Path] = set()
        self._pending: list[Found] = []
        self._seen: dict[Path, str] = {}
        self._strays: list[Record] = []
        self._unjoined: dict[Path, str] = {}
        """Folders of strays: noted as seen only when the strays are joined, so that cancelling loses none."""
        self._stored = time.monotonic()

    def folder(self, root: Path) -> Job[None]:
        """Everything below a folder."""
        self.changes |= self._catalog.add_root(root)
        listings: list[Listing] = []
        for listing in walk(root, self._left_out):
            if listing is not None:
                listings.append(listing)
                self.files += len(listing.files)
            yield Tick(f"Looking through {display.path(root)}", self.files, unit="files", partial=self.changes)
        self._names.expect([listing.path for listing in listings if likely(listing)])
        closed = [listing.path for listing in listings if listing.closed]
        for number, listing in enumerate(listings):
            tick = Tick(f"Reading {display.path(listing.path)}", number, len(listings), "folders", self.changes)
            yield tick
            yield from self._read(listing, tick)
        self._store()
        self._present.update(place for place in self._places for path in closed if place.is_relative_to(path))
        self.changes |= self._catalog.missing(root, self._present)

    def file(self, path: Path) -> Job[None]:
        """The version that one file belongs to."""
        tick = Tick(f"Reading {display.path(path)}")
        listing = yield from _ticking(look(path.parent, self._left_out), tick)
        self.files += 1
        yield from self._read(listing, tick, only=path)
        self._store()

    def join(self) -> Job[None]:
        """Join records and parents with the versions that are now in the catalog."""
        joining = join(self._catalog, self._strays)
        while True:
            try:
                so_far = next(joining)
            except StopIteration as stop:
                self.changes |= stop.value
                break
            yield Tick("Joining records with their models", partial=self.changes | so_far)
        if self._unjoined:
            self.changes |= self._catalog.store((), self._unjoined)

    def _read(self, listing: Listing, tick: Tick, only: Path | None = None) -> Job[None]:
        """Read one folder, unless it is as it was, and note what it holds."""
        stamp = listing.stamp()
        if self._stamps.get(listing.path) == stamp:
            self.problems += listing.problems
            self._keep(
                place for place in (listing.path, *map(listing.path.joinpath, listing.files)) if place in self._places
            )
            return
        recognised = yield from _ticking(self._recogniser.recognise(listing, self._stamps), tick)
        self.problems += recognised.problems
        self._strays += recognised.strays
        found = [one for one in recognised.versions if only is None or one.path in (only, listing.path)]
        self._pending += found
        self.problems += [problem for one in found for problem in one.problems]
        self._keep([*(one.path for one in found if one.path is not None), *recognised.unchanged])
        if only is None and all(one.path != listing.path for one in found):
            (self._unjoined if recognised.strays else self._seen)[listing.path] = stamp
        if len(self._pending) >= _BATCH or time.monotonic() - self._stored > _BATCH_SECONDS:
            self._store()

    def _keep(self, places: Iterable[Path]) -> None:
        before = len(self._present)
        self._present.update(places)
        self.versions += len(self._present) - before

    def _store(self) -> None:
        if self._pending or self._seen:
            self.changes |= self._catalog.store(self._pending, self._seen)
        self._pending, self._seen = [], {}
        self._stored = time.monotonic()


def _ticking(work: Generator[None, None, T], tick: Tick) -> Job[T]:
    """Work that only shows that it lives, as a job that repeats `tick`."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
        yield tick
