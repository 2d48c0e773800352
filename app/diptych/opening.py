"""Opening files that lie in other people's folders: no pipes, no devices, no waiting, and links only where wanted."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path

from diptych import display
from diptych.errors import Damaged, DiptychError, NotFound, Refused

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def open_regular(path: Path | str, follow: bool = False) -> FileIO:
    """Open a regular file for reading bytes, unbuffered.

    Without `follow` a link is taken only within a Hub cache, from a snapshot to the blob that it stands for. Raises
    `NotFound`, `Refused` (a link, a pipe, a device, no permission) or `Damaged` (the disk cannot read it).
    """
    descriptor, _ = descriptor_of(path, follow)
    return FileIO(descriptor, "rb")


def descriptor_of(path: Path | str, follow: bool = False) -> tuple[int, int]:
    """What `open_regular` opens, for the caller to close, and the size of the file."""
    target: Path | str = path
    if not follow and "/snapshots/" in str(path):
        target = blob_of(Path(path)) or path
    try:
        descriptor = os.open(target, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        raise unreadable(path, error) from None
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise Refused(f"{display.path(path)}: is not a regular file")
    return descriptor, state.st_size


def blob_of(path: Path) -> Path | None:
    """The blob in a Hub cache that a link in a snapshot stands for; None for anything else. Reads only the link."""
    parts = path.parts
    if "snapshots" not in parts[1:]:
        return None
    place = len(parts) - 1 - parts[::-1].index("snapshots")
    if not parts[place - 1].startswith("models--"):
        return None
    try:
        target = Path(os.path.normpath(path.parent / path.readlink()))
    except OSError:
        return None
    return target if target.parent == Path(*parts[:place]) / "blobs" else None


def unreadable(path: Path | str, error: OSError) -> DiptychError:
    """What the system's refusal to open or read `path` means to the user, in one line."""
    name = display.path(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(f"{name}: is not there")
    if error.errno == errno.ELOOP:
        return Refused(f"{name}: is a link and was not followed")
    if error.errno in (errno.ENXIO, errno.ENODEV):
        return Refused(f"{name}: is not a regular file")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Refused(f"{name}: may not be read by this user")
    return Damaged(f"{name}: cannot be read: {os.strerror(error.errno or 0)}")
