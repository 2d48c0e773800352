"""The content of record files: opened like every file of other people's, read in large pieces, faults in one line."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from diptych import display, opening
from diptych.domain.version import Problem
from diptych.errors import Damaged

_BUFFER = 2**20
"""Large, since each read from the system lets go of the interpreter's lock and takes it back before any other thread
wakes: with many small reads the window would starve."""


def open_record(path: Path) -> BinaryIO:
    """Open a record file for reading bytes; links and faults are treated as `opening.open_regular` does."""
    return BufferedReader(opening.open_regular(path), _BUFFER)


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes; `Damaged` where it is larger."""
    with open_record(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise opening.unreadable(path, error) from None
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
