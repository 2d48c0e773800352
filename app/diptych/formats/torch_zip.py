"""PyTorch from 1.6 on: a zip archive with one pickle that names the tensors, and their storages as they are."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.tensor import TensorSource

_OTHERS = (".npz", ".zip", ".keras", ".eval", ".docx", ".xlsx")


class TorchZip:
    """The format. TorchScript and archives with code are refused, naming it."""

    key = "pytorch"

    def sniff(self, head: bytes, name: str) -> bool:
        """By the first four bytes, where the name speaks of no other archive."""
        return head[:4] == b"PK\x03\x04" and not name.endswith(_OTHERS)

    def open(self, path: Path) -> TensorSource:
        """Open one file. Raises `Unopened` where it holds code."""
        from diptych.formats.torch_reader import open_torch

        return open_torch(path)
