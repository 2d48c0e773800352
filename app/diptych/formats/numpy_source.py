"""The arrays of NumPy files, mapped where they are stored, inflated in pieces where their archive packs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diptych import display
from diptych.domain.decoding import decode
from diptych.domain.tensor import Header
from diptych.errors import Damaged, Refused
from diptych.formats.numpy_file import PACKED, read_file
from diptych.formats.source import FileSource
from diptych.opening import open_regular
from diptych.pickles.archive import Member, pieces
from diptych.pickles.inert import NotPickle
from diptych.pickles.names import WIDTHS

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
        if name not in self._packed:
            yield from super().read(name, elements)
            return
        dtype = self._tensors[name].dtype.removesuffix(PACKED)
        if dtype not in WIDTHS or dtype == "C128":
            raise Refused(f"{display.visible(name)}: its values are of {dtype}, which is not read")
        step = max(elements, 1) * WIDTHS[dtype]
        held = bytearray()
        for piece in self._inflated(name):
            held += piece
            while len(held) >= step:
                yield decode(np.frombuffer(bytes(held[:step]), np.uint8), dtype)
                del held[:step]
        if held:
            yield decode(np.frombuffer(bytes(held), np.uint8), dtype)

    def _inflated(self, name: str) -> Iterator[bytes]:
        path, skip, member = self._packed[name]
        with open_regular(path, self._follow) as file:
            try:
                for piece in pieces(file, member):
                    yield piece[skip:]
                    skip = max(0, skip - len(piece))
            except NotPickle as fault:
                raise Damaged(f"{display.path(path)}: {display.visible(str(fault))}") from None
