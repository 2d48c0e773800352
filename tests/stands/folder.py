"""A folder of this machine, as a mounted share is one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from diptych.domain.address import parse
from diptych.domain.shipping import Parcel
from stands import Place


class Share:
    """Each model has a folder of its own, which is there before anything is pushed, as a share is."""

    kind = "folder"
    port = 0
    reference = "v1"
    chunk = 1 << 20
    keeps_content_once = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def root(self, model: str) -> Path:
        """The folder that a model is pushed to."""
        root = self.folder / model
        root.mkdir(parents=True, exist_ok=True)
        return root

    def place(self, model: str, port: int = 0) -> Place:
        return Place(parse(f"file://{self.root(model)}"))

    def strangers(self, model: str) -> tuple[Place, ...]:
        return ()

    def visible(self, model: str) -> Mapping[str, str]:
        shown = [entry for entry in self.root(model).iterdir() if not entry.name.startswith(".")]
        return {entry.name: hashlib.sha256((entry / "diptych.json").read_bytes()).hexdigest() for entry in shown}

    def tamper(self, model: str, parcel: Parcel) -> None:
        file = self.root(model) / self.reference / parcel.name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    def close(self) -> None:
        """There is no server to end."""


def start(folder: Path) -> Share:
    """A share with nothing in it."""
    return Share(folder)
