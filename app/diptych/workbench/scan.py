"""Scanning library folders: what is new or changed is read and stored; headers and records only, never weights."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from diptych.workbench.naming import FILES, Names
from diptych.workbench.recognise import Recogniser, likely
from diptych.workbench.walk import Listing, OwnFiles, is_there, look, settled, walk

T = TypeVar("T")

PACE = 0.03
"""Seconds between two ticks: more often than anybody looks."""
_PATIENCE = 30_000
"""Objects that are made between two visits of the collector of garbage; one visit takes a few milliseconds."""
_BATCH = 1000
_BATCH_SECONDS = 0.5
"""Finds are stored at the latest after this time, so that they appear while the scan goes on."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan came to."""

    changes: Changes
    versions: int
    """Versions in the scanned folders, changed or not, those known only from records among them."""
    files: int
    problems: tuple[Problem, ...]
    """What is wrong in the scanned folders, whether or not it is new."""
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
    roots = [settled(path) for path in paths]
    remembered = {root.path for root in catalog.roots()}
    for root in roots:
        if not is_there(root) and root not in remembered:
            raise NotFound(f"{display.path(root)}: no such folder")
    sweep = _Sweep(catalog)
    with _only_new_garbage():
        for root in roots:
            if root.is_dir():
                yield from sweep.folder(root)
            elif is_there(root):
                yield from sweep.file(root)
            else:
                sweep.problems.append(Problem(display.path(root), "is not there; its versions are kept as offline"))
                sweep.changes |= catalog.missing(root, ())
        yield from sweep.join()
    folders = [root for root in roots if root.is_dir()]
    sweep.lose(folders)
    met = catalog.tally(folders, sweep.present)
    changes = sweep.changes._replace(updated=sweep.changes.updated - sweep.changes.added)
    seconds = time.monotonic() - started
    problems = tuple(dict.fromkeys((*sweep.problems, *met.problems)))
    return ScanReport(changes, met.versions, sweep.files, problems, seconds)


@contextmanager
def _only_new_garbage() -> Iterator[None]:
    """Keep the collector of garbage to what is made from now on, and let it come less often.

    A scan makes many objects and hardly any garbage, so the collector would go through all modules and classes again
    and again, each time holding the interpreter for as long as it takes to read hundreds of folders. What others have
    seen to, as the window does at its start, is left as it is.
    """
    usual = gc.get_threshold()
    frozen, patient = gc.get_freeze_count() > 0, not 0 < usual[0] < _PATIENCE
    if not frozen:
        gc.freeze()
    if not patient:
        gc.set_threshold(_PATIENCE, *usual[1:])
    try:
        yield
    finally:
        if not patient:
            gc.set_threshold(*usual)
        if not frozen:
            gc.unfreeze()


def own_files(catalog: Catalog) -> OwnFiles:
    """The catalog's files. Opening and closing one would drop SQLite's locks on it."""
    own = {}
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            state = Path(f"{catalog.file}{suffix}").stat()
        except OSError:
            continue
        own[state.st_ino] = state.st_dev
    return own


class _Sweep:
    """One scan on its way. Places are texts here: a scan meets each of them, and paths are slow to make."""

    def __init__(self, catalog: Catalog) -> None:
        self.changes = Changes()
        self.problems: list[Problem] = []
        self.files = 0
        self._catalog = catalog
        self._left_out = own_files(catalog)
        self._stamps, self._places = catalog.looked_at()
        self._recogniser: Recogniser | None = None
        self.present: set[str] = set()
        """The places where a version was met."""
        self._pending: list[Found] = []
        self._seen: dict[str, str] = {}
        self._strays: list[Record] = []
        self._unjoined: dict[str, str] = {}
        """Folders of strays: noted as seen only when the strays are joined, so that cancelling loses none."""
        self._stored = self._ticked = time.monotonic()

    def folder(self, root: Path) -> Job[None]:
        """Everything below a folder."""
        self.changes |= self._catalog.add_root(root)
        text = f"Looking through {display.path(root)}"
        yield Tick(text, self.files, unit="files", partial=self.changes)
        changed: list[tuple[Listing, str]] = []
        closed: list[str] = []
        for listing in walk(root, self._left_out):
            if listing is not None:
                self.files += len(listing.files)
                if listing.links or listing.problems:
                    self.problems += listing.faults
                if listing.closed:
                    closed.append(f"{listing.where.rstrip('/')}/")
                if not listing.files and not listing.links:
                    continue
                if (stamp := listing.stamp()) != self._stamps.get(listing.where):
                    changed.append((listing, stamp))
                else:
                    self._meet(listing)
            if self._due():
                yield Tick(text, self.files, unit="files", partial=self.changes)
        yield from self._read_all(changed)
        below = f"{str(root).rstrip('/')}/"
        lost = [place for place in self._places - self.present if place == str(root) or place.startswith(below)]
        kept = [place for place in lost if place.startswith(tuple(closed))]
        self.present.update(kept)
        if len(lost) > len(kept):
            self.changes |= self._catalog.missing(root, [Path(place) for place in self.present])

    def file(self, path: Path) -> Job[None]:
        """The version that one file belongs to."""
        tick = Tick(f"Reading {display.path(path)}")
        listing = yield from _ticking(look(str(path.parent), self._left_out), tick)
        self.files += 1
        self.problems += listing.faults
        yield from self._read(listing, listing.stamp(), tick, only=path)
        self._store()

    def join(self) -> Job[None]:
        """Join records and parents with the versions that are now in the catalog."""
        if not (self.changes or self._strays):
            return
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

    def lose(self, folders: Sequence[Path]) -> None:
        """Forget records in folders that are gone: what they told of versions elsewhere cannot be looked up."""
        gone = [record for folder in folders for record in self._catalog.strays(folder) if _gone(record)]
        if gone:
            self.changes |= self._catalog.lose(gone)

    def _meet(self, listing: Listing) -> None:
        """Note the versions in a folder that is as it was."""
        if listing.where in self._places:
            self.present.add(listing.where)
        else:
            places = [listing.place(name) for name in listing.files if name.endswith(FILES)]
            self.present |= self._places.intersection(places)

    def _read_all(self, changed: Sequence[tuple[Listing, str]]) -> Job[None]:
        """Read the folders that are new or changed, and name what they hold together."""
        if changed:
            self._named().expect([listing.where for listing, _ in changed if likely(listing)])
        for number, (listing, stamp) in enumerate(changed):
            tick = Tick("Reading versions", number, len(changed), "folders", self.changes)
            if not number or self._due():
                yield tick._replace(text=f"Reading {display.path(listing.where)}")
            yield from self._read(listing, stamp, tick)
        self._store()

    def _read(self, listing: Listing, stamp: str, tick: Tick, only: Path | None = None) -> Job[None]:
        """Read one folder and note what it holds."""
        self._named()
        assert self._recogniser is not None
        recognised = yield from _ticking(self._recogniser.recognise(listing, self._stamps), tick, self._due)
        self.problems += recognised.problems
        self._strays += recognised.strays
        found = [one for one in recognised.versions if only is None or one.path in (str(only), listing.where)]
        self._pending += found
        self.present.update(recognised.unchanged)
        whole = False
        for one in found:
            self.present.add(str(one.path))
            whole |= str(one.path) == listing.where
        # a folder with problems that no version keeps is read again each time, so that they are told each time
        if only is None and not whole and (recognised.strays or not recognised.problems):
            (self._unjoined if recognised.strays else self._seen)[listing.where] = stamp
        if len(self._pending) >= _BATCH or time.monotonic() - self._stored > _BATCH_SECONDS:
            self._store()

    def _named(self) -> Names:
        """The names there are; read when something must be named."""
        if self._recogniser is None:
            self._recogniser = Recogniser(Names(self._catalog.named()))
        return self._recogniser.names

    def _store(self) -> None:
        if self._pending or self._seen:
            self.changes |= self._catalog.store(self._pending, self._seen)
        self._pending, self._seen = [], {}
        self._stored = time.monotonic()

    def _due(self) -> bool:
        """Whether it is time for another sign of life."""
        now = time.monotonic()
        due = now - self._ticked >= PACE
        if due:
            self._ticked = now
        return due


def _gone(file: str) -> bool:
    """Whether a file is certainly not there; one that may not be looked at may well be."""
    try:
        os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _always() -> bool:
    return True


def _ticking(work: Generator[None, None, T], tick: Tick, due: Callable[[], bool] = _always) -> Job[T]:
    """Work that only shows that it lives, as a job that repeats `tick` when it is due."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if due():
            yield tick
