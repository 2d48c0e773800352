"""Walking through a library folder: every folder once, links never, and nothing that is not a regular file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diptych import display
from diptych.domain.version import Problem
from diptych.opening import blob_of

SKIPPED = frozenset(
    {"__pycache__", "node_modules", "site-packages", "venv", "blobs", "refs", "trees", "lost+found", "wandb"}
)
"""Folders that hold no model of their own; so do those whose names begin with a dot."""
BESIDE = (".eval_results", ".cache/huggingface/download")
"""Hidden folders that belong to the version in the folder that holds them."""


@dataclass(slots=True)
class Listing:
    """One folder and the regular files in it, those of `BESIDE` under their relative names."""

    path: Path
    files: dict[str, os.stat_result] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def stamp(self) -> str:
        """Digest of names, sizes, times and inodes: equal means unchanged."""
        told = [
            f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}"
            for name, state in sorted(self.files.items())
        ]
        return hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def walk(root: Path, left_out: Collection[tuple[int, int]] = ()) -> Iterator[Listing]:
    """Every folder below `root`, `root` first, by name. `left_out` are files by device and inode, never to be opened.

    A folder that cannot be read, or is gone by the time it is reached, is a problem of its listing.
    """
    pending = [root]
    while pending:
        folder = pending.pop()
        listing = look(folder, left_out)
        yield listing
        pending.extend(folder / name for name in sorted(listing.folders, reverse=True))


def look(folder: Path, left_out: Collection[tuple[int, int]] = ()) -> Listing:
    """One folder, without what lies below it."""
    listing = Listing(folder)
    _scan(folder, "", listing, left_out)
    for beside in BESIDE:
        if (folder / beside.partition("/")[0]).is_dir() and not (folder / beside).is_symlink():
            _scan(folder / beside, beside + "/", listing, left_out)
    return listing


def _scan(folder: Path, prefix: str, listing: Listing, left_out: Collection[tuple[int, int]]) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        if not prefix:
            reason = "may not be read" if isinstance(error, PermissionError) else "cannot be listed"
            listing.problems.append(Problem(display.path(folder), f"{reason} ({error.strerror})"))
        return
    for entry in entries:
        try:
            if entry.is_symlink():
                state = _behind(folder / entry.name)
            elif entry.is_dir(follow_symlinks=False):
                if not prefix and entry.name not in SKIPPED and not entry.name.startswith("."):
                    listing.folders.append(entry.name)
                continue
            else:
                state = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if state is None or (state.st_dev, state.st_ino) in left_out:
            continue
        if stat.S_ISREG(state.st_mode):
            listing.files[prefix + entry.name] = state
        else:
            listing.problems.append(Problem(display.path(folder / entry.name), "is not a regular file"))


def _behind(link: Path) -> os.stat_result | None:
    """The state of the blob behind a link of a Hub snapshot; other links are not followed."""
    blob = blob_of(link)
    return blob.stat(follow_symlinks=False) if blob is not None else None
