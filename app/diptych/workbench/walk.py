"""Walking through a library folder: every folder once, links never, and nothing that is not a regular file."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import attrgetter, itemgetter
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType
from typing import TypeAlias

from diptych import display
from diptych.domain.version import Problem
from diptych.formats.readers import VERSION
from diptych.opening import blob_of, unreadable
from diptych.records import RECORDS

SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "lost+found"})
"""Folders that hold no model of their own; so do those whose names begin with a dot."""
_OF_CACHE = frozenset({"blobs", "refs", "trees"})
"""Folders within a repository of a Hub cache that hold no version."""
_BESIDE = {".eval_results": (), ".cache": ("huggingface", "download")}
"""Hidden folders that belong to the version in the folder that holds them, with the way to their files."""
_STRIDE = 500
"""Entries between two signs of life."""
_READERS = " ".join([*(record.key for record in RECORDS), VERSION])
"""Part of every stamp: what a new version of a reader would read differently counts as changed."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC
_WORD = 2**64 - 1
_NUMBERS = attrgetter("st_size", "st_mtime_ns", "st_ino")
_BYTES, _MODIFIED, _INODE = range(3)
_INODES = itemgetter(_INODE)

Numbers: TypeAlias = tuple[int, int, int]
"""Bytes of a file, when it was modified in nanoseconds since 1970, and its inode: all that a scan keeps of what the
system tells, since it meets many files."""
OwnFiles: TypeAlias = Mapping[int, int]
"""Files that must not be opened, by inode, each with its device."""
_NONE: OwnFiles = MappingProxyType({})


@dataclass(slots=True)
class Listing:
    """One folder and the regular files in it; those of hidden folders beside it under their relative names."""

    where: str
    """Its path as text: a scan looks at many folders in which nothing changed, and paths are slow to make."""
    files: dict[str, Numbers] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Links that are not followed."""
    broken: list[str] = field(default_factory=list)
    """Links of a Hub snapshot to blobs that are not there: the download did not finish."""
    problems: list[Problem] = field(default_factory=list)
    closed: bool = False
    """The folder could not be listed, so nothing is known of it and of what lies below."""
    _path: Path | None = None
    _names: tuple[str, ...] | None = None
    _numbers: list[int] = field(default_factory=list)
    _stamp: str = ""

    @property
    def faults(self) -> list[Problem]:
        """The problems of the folder itself, with the links to files that would have been read."""
        links = [name for name in self.links if name.endswith((".safetensors", ".gguf", ".json"))]
        return self.problems + [
            Problem(display.path(self.path / name), "is a link and was not followed") for name in links
        ]

    @property
    def path(self) -> Path:
        """The folder."""
        if self._path is None:
            self._path = Path(self.where)
        return self._path

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, in order."""
        if self._names is None:
            self._names = tuple(sorted(self.files))
        return self._names

    def place(self, name: str) -> str:
        """The path of one of the files, as text."""
        return f"{self.where.rstrip('/')}/{name}"

    def stamp(self, names: Collection[str] | None = None) -> str:
        """Digest of names, sizes, times and inodes of the files, or of some of them: equal means unchanged."""
        if names is not None:
            return self._digest(sorted(names))
        if not self._stamp:
            self._stamp = self._digest(self.names, (*self.links, *self.broken))
        return self._stamp

    def largest(self, names: Collection[str]) -> str | None:
        """The one of some files with most bytes; None without any."""
        return max(names, key=lambda name: self.files[name][_BYTES], default=None)

    def modified(self, names: Collection[str]) -> float | None:
        """When the newest of some files was modified, seconds since 1970; None without any."""
        times = [self.files[name][_MODIFIED] for name in names]
        return max(times) / 1e9 if times else None

    def sizes_and_times(self, names: Sequence[str]) -> tuple[list[int], list[int]]:
        """Bytes of some of the files, and when they were modified in nanoseconds since 1970."""
        numbers = self._numbers if names is self._names and self._numbers else self._taken(names)
        return numbers[0::3], numbers[1::3]

    def _digest(self, names: Sequence[str], others: Sequence[str] = ()) -> str:
        numbers = self._taken(names)
        if names is self._names:
            self._numbers = numbers
        try:
            packed = array("Q", numbers)
        except OverflowError:  # a time before 1970, say
            packed = array("Q", [number & _WORD for number in numbers])
        text = "\0".join((_READERS, str(len(names)), *names, *others))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape") + packed.tobytes()).hexdigest()[:32]

    def _taken(self, names: Sequence[str]) -> list[int]:
        """Size, time and inode of each file, one behind the other."""
        return list(chain.from_iterable(map(self.files.__getitem__, names)))


def settled(path: Path) -> Path:
    """`path` absolute and without `~` and `..`, so that one folder has one path; links are kept where there is none."""
    with suppress(RuntimeError):  # of a user that does not exist
        path = path.expanduser()
    return path.resolve() if ".." in path.parts else path.absolute()


def is_there(path: Path) -> bool:
    """Whether something lies at `path`; nothing does at a path that cannot be."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def walk(root: Path, left_out: OwnFiles = _NONE) -> Iterator[Listing | None]:
    """Every folder from `root` down, by name; None now and then while a large one is read.

    `left_out` are files that must not be opened. A folder that cannot be listed is a problem of its listing; one that
    is gone by the time it is reached is an empty one.
    """
    pending = [str(root)]
    while pending:
        listing = yield from look(pending.pop(), left_out)
        yield listing
        if listing.folders:
            skipped = _OF_CACHE if listing.where.rpartition("/")[2].startswith("models--") else frozenset()
            stem = listing.where.rstrip("/")
            pending += [f"{stem}/{name}" for name in sorted(listing.folders, reverse=True) if name not in skipped]


def look(folder: str, left_out: OwnFiles = _NONE) -> Generator[None, None, Listing]:
    """One folder, without what lies below it; yields now and then while it is large."""
    listing = Listing(folder)
    try:
        # below a folder that is open, the system need not find the way to it again for every file
        descriptor = os.open(folder, _FOLDER)
        try:
            with os.scandir(descriptor) as entries:
                some = list(islice(entries, _STRIDE))
                while len(some) == _STRIDE:
                    _sort(some, listing)
                    yield
                    some = list(islice(entries, _STRIDE))
                _sort(some, listing)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return Listing(folder)
    except OSError as error:
        listing.closed = True
        listing.problems.append(Problem(display.path(folder), _reason(Path(folder), error)))
    if listing.folders:
        for hidden, way in _BESIDE.items():
            if hidden in listing.folders:
                yield from _look_beside("/".join((hidden, *way)), listing)
        listing.folders = [name for name in listing.folders if name not in SKIPPED and not name.startswith(".")]
    listing.links.sort()
    listing.broken.sort()
    if not left_out.keys().isdisjoint(map(_INODES, listing.files.values())):
        listing.files = {name: state for name, state in listing.files.items() if not _is_own(name, listing, left_out)}
    return listing


def _is_own(name: str, listing: Listing, left_out: OwnFiles) -> bool:
    """Whether a file must not be opened; one that vanished meanwhile need not be either."""
    inode = listing.files[name][_INODE]
    try:
        return inode in left_out and (listing.path / name).stat().st_dev == left_out[inode]
    except OSError:
        return True


def _sort(entries: Sequence[os.DirEntry[str]], listing: Listing) -> None:
    """Put each entry where it belongs. Nearly all are regular files; whatever else there is takes the long way."""
    try:
        files = {
            entry.name: _NUMBERS(entry.stat(follow_symlinks=False))
            for entry in entries
            if entry.is_file(follow_symlinks=False)
        }
    except OSError:  # one of them vanished, say
        files = {}
    if listing.files:
        listing.files.update(files)
    else:
        listing.files = files
    if len(files) < len(entries):
        for entry in entries:
            if entry.name not in files:
                _take(entry, entry.name, listing)


def _look_beside(place: str, listing: Listing) -> Generator[None, None, None]:
    """The files of a hidden folder, which may be missing."""
    kept = len(listing.folders)
    try:
        with os.scandir(f"{listing.where}/{place}") as entries:
            for count, entry in enumerate(entries, 1):
                _take(entry, f"{place}/{entry.name}", listing)
                if count % _STRIDE == 0:
                    yield
    except OSError:
        return
    finally:
        del listing.folders[kept:]


def _take(entry: os.DirEntry[str], name: str, listing: Listing) -> None:
    """Put one entry where it belongs. One that vanishes meanwhile was never there."""
    try:
        if entry.is_dir(follow_symlinks=False):
            listing.folders.append(name)
            return
        state = _behind(name, listing) if entry.is_symlink() else entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        place = listing.place(name)
        listing.problems.append(Problem(display.path(place), _reason(Path(place), error)))
        return
    if state is None:
        return
    if S_ISREG(state.st_mode):
        listing.files[name] = _NUMBERS(state)
    else:
        listing.problems.append(Problem(display.path(listing.place(name)), "is not a regular file"))


def _behind(name: str, listing: Listing) -> os.stat_result | None:
    """The state of the blob behind a link of a snapshot; None, and a note, for any other link."""
    blob = blob_of(Path(listing.place(name)))
    if blob is None:
        listing.links.append(name)
        return None
    try:
        return blob.stat(follow_symlinks=False)
    except FileNotFoundError:
        listing.broken.append(name)
        return None


def _reason(path: Path, error: OSError) -> str:
    return unreadable(path, error).message.removeprefix(f"{display.path(path)}: ")
