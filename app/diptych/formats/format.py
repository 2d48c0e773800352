"""What a weight format must offer, and the one fault that all of them share."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from diptych.domain.tensor import TensorSource
from diptych.errors import Damaged, Refused


class Partial(Damaged):
    """The file ends before its own header says: it is still being written, or was cut."""


class Unopened(Refused):
    """The file would run code where it is loaded, so it is listed by name and size only."""


class Format(Protocol):
    """One weight format on disk."""

    @property
    def key(self) -> str:
        """The name of the format as catalogs show it (`safetensors`)."""
        ...

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether a file called `name` that begins with `head` (16 bytes are enough) is of this format."""
        ...

    def open(self, path: Path) -> TensorSource:
        """Open one file. Raises `Damaged` (`Partial` where it is short), `NotFound` or `Refused`."""
        ...
