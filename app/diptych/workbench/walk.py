"""Walking through a library folder: every folder once, links never, and nothing that is not a regular file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diptych import display
from diptych.domain.version import Problem
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
_READERS = " ".join(record.key for record in RECORDS).encode()
"""Part of every stamp: what a new version of a reader would read differently counts as changed."""

FileId = tuple[int, int]
"""Device and inode."""


@dataclass(slots=True)
class Listing:
    """One folder and the regular files in it; those of hidden folders beside it under their relative names."""

    path: Path
    files: dict[str, os.stat_result] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """Links that are not followed."""
    broken: list[str] = field(default_factory=list)
    """Links of a Hub snapshot to blobs that are not there: the download did not finish."""
    problems: list[Problem] = field(default_factory=list)
    closed: bool = False
    """The folder could not be listed, so nothing is known of it and of what lies below."""

    def stamp(self, names: Collection[str] | None = None) -> str:
        """Digest of names, sizes, times and inodes of the files, or of some of them: equal means unchanged."""
        digest = hashlib.sha256(_READERS)
        for name in sorted(self.files if names is None else names):
            state = self.files[name]
            told = f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}\n"
            digest.update(told.encode("utf-8", "surrogateescape"))
        if names is None:
            digest.update("\0".join(self.links + self.broken).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:32]


def walk(root: Path, left_out: Collection[FileId] = ()) -> Iterator[Listing | None]:
    """Every folder from `root` down, by name; None now and then while a large one is read.

    `left_out` are files that must not be opened. A folder that cannot be listed is a problem of its listing; one that
    is gone by the time it is reached is an empty one.
    """
    pending = [root]
    while pending:
        listing = yield from look(pending.pop(), left_out)
        yield listing
        in_cache = listing.path.name.startswith("models--")
        pending += [
            listing.path / name
            for name in sorted(listing.folders, reverse=True)
            if not (in_cache and name in _OF_CACHE)
        ]


def look(folder: Path, left_out: Collection[FileId] = ()) -> Generator[None, None, Listing]:
    """One folder, without what lies below it; yields now and then while it is large."""
    listing = Listing(folder)
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries, 1):
                _take(entry, "", listing, left_out)
                if count % _STRIDE == 0:
                    yield
    except FileNotFoundError:
        return Listing(folder)
    except OSError as error:
        listing.closed = True
        listing.problems.append(Problem(display.path(folder), _reason(folder, error)))
    for hidden, way in _BESIDE.items():
        if hidden in listing.folders:
            listing.folders.remove(hidden)
            yield from _look_beside("/".join((hidden, *way)), listing, left_out)
    listing.folders = [name for name in listing.folders if name not in SKIPPED and not name.startswith(".")]
    listing.links.sort()
    listing.broken.sort()
    return listing


def _look_beside(place: str, listing: Listing, left_out: Collection[FileId]) -> Generator[None, None, None]:
    """The files of a hidden folder, which may be missing."""
    kept = len(listing.folders)
    try:
        with os.scandir(listing.path / place) as entries:
            for count, entry in enumerate(entries, 1):
                _take(entry, place + "/", listing, left_out)
                if count % _STRIDE == 0:
                    yield
    except OSError:
        return
    finally:
        del listing.folders[kept:]


def _take(entry: os.DirEntry[str], prefix: str, listing: Listing, left_out: Collection[FileId]) -> None:
    """Put one entry where it belongs. One that vanishes meanwhile was never there."""
    name = prefix + entry.name
    try:
        if entry.is_dir(follow_symlinks=False):
            listing.folders.append(name)
            return
        if entry.is_symlink():
            blob = blob_of(Path(entry.path))
            if blob is None:
                listing.links.append(name)
                return
            try:
                state = blob.stat(follow_symlinks=False)
            except FileNotFoundError:
                listing.broken.append(name)
                return
        else:
            state = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        listing.problems.append(Problem(display.path(entry.path), _reason(Path(entry.path), error)))
        return
    if (state.st_dev, state.st_ino) in left_out:
        return
    if stat.S_ISREG(state.st_mode):
        listing.files[name] = state
    else:
        listing.problems.append(Problem(display.path(entry.path), "is not a regular file"))


def _reason(path: Path, error: OSError) -> str:
    return unreadable(path, error).message.removeprefix(f"{display.path(path)}: ")
