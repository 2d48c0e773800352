"""Bytes of tensors that lie turned or packed in their file, put into the order of their values.

They are copied once, in pieces, so that whoever waits can stop between two of them. Little of it stays in memory: what
is more goes to a file without a name among what the program can make again, mapped as the weights themselves are.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from diptych import display, places
from diptych.errors import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IN_MEMORY = 64 * 2**20
"""Bytes held in memory in all."""
_LEFT_FREE = 2**30
"""Bytes of a disk that stay free."""
_PIECE = 2**18
"""Elements that are copied at a time."""


class Unfolded:
    """The tensors of one source that were put in order, until it is closed."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[mmap.mmap | None, NDArray[np.uint8]]] = {}
        self._in_memory = 0

    def get(self, name: str) -> NDArray[np.uint8] | None:
        """The bytes of a tensor in order; None where that was not done."""
        held = self._held.get(name)
        return None if held is None else held[1]

    def fill(self, name: str, size: int, parts: Iterator[bytes | NDArray[np.uint8]]) -> Iterator[None]:
        """Take in the `size` bytes of a tensor, part by part. `Refused` where the disk has no room for them."""
        room = self._room(name, size) if size else None
        at = 0
        try:
            for part in parts:
                if room is not None:
                    room[at : at + len(part)] = part if isinstance(part, bytes) else part.tobytes()
                at += len(part)
                yield
        except BaseException:
            if room is not None:
                room.close()
            raise
        values = np.frombuffer(room if room is not None else b"", np.uint8)
        values.flags.writeable = False
        self._held[name] = room, values

    def _room(self, name: str, size: int) -> mmap.mmap:
        if self._in_memory + size <= _IN_MEMORY:
            self._in_memory += size
            return mmap.mmap(-1, size)
        folder = places.cache_folder()
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(folder).free >= size + _LEFT_FREE:
                with tempfile.TemporaryFile(dir=folder) as file:
                    # claimed at once: writing to a map on a full disk would end the process
                    os.posix_fallocate(file.fileno(), 0, size)
                    return mmap.mmap(file.fileno(), size)
        needed = f"needs {display.size(size)} to be put in order, for which there is no room"
        raise Refused(f"{display.visible(name)}: {needed} in {display.path(folder)}")

    def close(self) -> None:
        """Give everything back."""
        rooms = [room for room, _ in self._held.values() if room is not None]
        self._held.clear()
        for room in rooms:
            # where an array is still held somewhere, the map goes with it
            with suppress(BufferError):
                room.close()


def gathered(
    raw: NDArray[np.uint8], width: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Iterator[NDArray[np.uint8]]:
    """The bytes of a view's elements, in order: of `raw`, which begins with its first one, `width` bytes each."""
    if 0 in shape:
        return
    reach = sum((size - 1) * step for size, step in zip(shape, strides, strict=True)) + 1
    if reach * width > len(raw):
        raise Refused("a view reaches out of its bytes")
    elements = raw[: reach * width].view(f"u{width}")
    view = np.lib.stride_tricks.as_strided(elements, shape, [step * width for step in strides], writeable=False)
    yield from _pieces(np.atleast_1d(view))


def _pieces(view: NDArray[np.unsignedinteger]) -> Iterator[NDArray[np.uint8]]:
    """A view in pieces of bounded size, cut along its first dimension, and the ones within where that is not enough."""
    across = prod(view.shape[1:])
    if across > _PIECE:
        for part in view:
            yield from _pieces(part)
        return
    step = max(_PIECE // max(across, 1), 1)
    for first in range(0, len(view), step):
        yield np.ascontiguousarray(view[first : first + step]).reshape(-1).view(np.uint8)
