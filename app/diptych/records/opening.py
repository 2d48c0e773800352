"""Opening files that lie in other people's folders: no links, no pipes, no devices, no waiting."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from diptych import display
from diptych.domain.version import Problem
from diptych.errors import Damaged, NotFound, Refused
from diptych.records import hub

_BUFFER = 2**20
"""Large, since each read from the system lets go of the interpreter's lock and takes it back before any other thread
wakes: with many small reads the window would starve."""
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes.

    A link is followed only within a Hub cache, from a snapshot to the blob that it stands for. Raises `NotFound`,
    `Refused` (a link, a pipe, no permission) or `Damaged` (the disk cannot read it).
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        blob = hub.blob_of(path) if error.errno == errno.ELOOP else None
        if blob is None:
            raise _unopened(path, error) from None
        return _open_blob(path, blob)
    return _checked(path, descriptor)


def _open_blob(path: Path, blob: Path) -> BinaryIO:
    try:
        return _checked(path, os.open(blob, _FLAGS))
    except OSError as error:
        raise _unopened(path, error) from None


def _checked(path: Path, descriptor: int) -> BinaryIO:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{display.path(path)}: is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=_BUFFER)


def _unopened(path: Path, error: OSError) -> NotFound | Refused | Damaged:
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


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes; `Damaged` where it is larger."""
    with open_regular(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise _unopened(path, error) from None
    if len(content) > limit:
        raise damaged(path, f"is larger than {display.size(limit)}, too large for what it claims to be")
    return content


def damaged(path: Path, reason: str) -> Damaged:
    """The error for a file that is not what it claims to be, in one line."""
    return Damaged(f"{display.path(path)}: {short(reason)}")


def problem(path: Path, reason: str) -> Problem:
    """A fault that leaves the rest of the file usable, in one line."""
    return Problem(str(path), short(reason))


def short(text: str) -> str:
    """`text` without control characters and at most 160 characters long."""
    return display.elide(display.visible(text), 160)
