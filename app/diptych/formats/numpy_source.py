"""The arrays of NumPy files, mapped where they are stored, inflated in pieces where their archive packs them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diptych import display
from diptych.domain.decoding import decode
from diptych.domain.tensor import DTYPE_BITS, Header, TensorInfo
from diptych.errors import Damaged
from diptych.formats.lying import in_order, lying
from diptych.formats.numpy_file import read_file
from diptych.formats.source import FileSource
from diptych.formats.unfolding import Unfolded, gathered
from diptych.opening import open_regular
from diptych.pickles.archive import Member, pieces
from diptych.pickles.inert import NotPickle

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NumpySource(FileSource):
    """The arrays of NumPy files. Those that are packed in their archive are inflated in pieces when they are read."""

    def __init__(self, files: Sequence[tuple[Path, Header]], follow: bool = False) -> None:
        self._packed: dict[str, tuple[Path, int, Member]] = {}
        self._follow = follow
        for path, header in files:
            with open_regular(path, follow) as file:
                packed = read_file(file, header.file)[1]
            self._packed |= {name: (path, *where) for name, where in packed.items()}
        super().__init__(files, follow)

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        """The values in flat chunks, as of any source; packed ones are held in memory one chunk at a time."""
        told = lying(self._tensors[name].dtype) if name in self._tensors else None
        if told is None or not told.packed or told.strides is not None or self._unfolded.get(name) is not None:
            yield from super().read(name, elements)
            return
        step = max(elements, 1) * DTYPE_BITS[told.dtype] // 8
        held = bytearray()
        for piece in self._inflated(name):
            held += piece
            while len(held) >= step:
                yield decode(np.frombuffer(bytes(held[:step]), np.uint8), told.dtype)
                del held[:step]
        if held:
            yield decode(np.frombuffer(bytes(held), np.uint8), told.dtype)

    def _parts(self, tensor: TensorInfo) -> Iterator[bytes | NDArray[np.uint8]]:
        """The bytes of an array that is packed, turned or both, in order."""
        told = lying(tensor.dtype)
        if not told.packed:
            yield from super()._parts(tensor)
            return
        if told.strides is None:
            yield from self._inflated(tensor.name)
            return
        stored = Unfolded()
        size = in_order(tensor).bytes
        for _ in stored.fill(tensor.name, size, self._inflated(tensor.name)):
            yield b""
        unpacked = stored.get(tensor.name)
        assert unpacked is not None
        yield from gathered(unpacked, DTYPE_BITS[told.dtype] // 8, tensor.shape, told.strides)

    def _inflated(self, name: str) -> Iterator[bytes]:
        path, skip, member = self._packed[name]
        crc = 0
        with open_regular(path, self._follow) as file:
            try:
                for piece in pieces(file, member):
                    crc = zlib.crc32(piece, crc)
                    yield piece[skip:]
                    skip = max(0, skip - len(piece))
            except NotPickle as fault:
                raise Damaged(f"{display.path(path)}: {display.visible(str(fault))}") from None
        if crc != member.crc:
            what = f"the checksum of {display.elide(display.visible(member.name), 60)} does not match"
            raise Damaged(f"{display.path(path)}: is a damaged archive: {what}", "Fetch the file again.")
