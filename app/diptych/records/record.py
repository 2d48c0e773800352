"""The port that every reader of run records fills."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from diptych.domain.evidence import Evidence


class Record(Protocol):
    """Recognises one kind of record file and reads what it says."""

    @property
    def key(self) -> str:
        """Name and version of the reader (`trainer_state/1`); a new version makes a scan read the file again."""

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether a file of this name (a folder may precede it) that begins with `head` is of this kind."""

    def read(self, path: Path) -> Evidence:
        """What the file says.

        Raises `Damaged` where nothing of it can be used, `NotFound` or `Refused` where it cannot be opened; smaller
        faults are `Evidence.problems`.
        """


def last_name(name: str) -> str:
    """The name without its folders."""
    return name.rpartition("/")[2]
