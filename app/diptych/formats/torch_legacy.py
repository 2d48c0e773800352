"""PyTorch before 1.6: a row of pickles with the storages behind; and single pickles of tensors or arrays."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.tensor import TensorSource

_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
_ENDINGS = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class TorchLegacy:
    """The format. Files with code are refused, naming it."""

    key = "pytorch-legacy"

    def sniff(self, head: bytes, name: str) -> bool:
        """By the number that the file begins with, or by its name."""
        return head.startswith(_MAGIC) or name.endswith(_ENDINGS)

    def open(self, path: Path) -> TensorSource:
        """Open one file. Raises `Unopened` where it holds code."""
        from diptych.formats.torch_reader import open_torch

        return open_torch(path)
