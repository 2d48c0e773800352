"""Files beneath one folder, opened without following any link on the way, and folders that take another's place."""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path

from diptych import display
from diptych.errors import Refused
from diptych.opening import unreadable

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE
_CLONE = 0x40049409  # FICLONE


def open_folder(root: Path, path: str, make: bool = False) -> int:
    """A descriptor of the folder `path` beneath `root`; with `make`, what is missing of it is made. Raises OSError."""
    descriptor = os.open(root, FOLDER)
    for part in filter(None, path.split("/")):
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            below = os.open(part, FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def open_file(root: Path, name: str) -> FileIO:
    """A regular file beneath `root`, for reading. Raises `NotFound`, `Refused` for a link or a pipe, or `Damaged`."""
    parent, _, leaf = name.rpartition("/")
    try:
        folder = open_folder(root, parent)
        try:
            descriptor = os.open(leaf, _READ, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise unreadable(root / name, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{display.path(root / name)}: is not a regular file")
    return FileIO(descriptor, "rb")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places at once; False where the file system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def clone(source: int, target: int) -> bool:
    """Let a new file share the blocks of another until either is written to; False where the file system cannot."""
    try:
        fcntl.ioctl(target, _CLONE, source)
    except OSError:
        return False
    return True
