"""Maps of files that others may cut while they are read.

Touching a mapped page behind the new end of a file raises SIGBUS, which ends the process; a look at the size before
each use leaves a moment for that. So the signal is answered: pages of nought take the places of those that are gone,
the reader goes on, and its map knows that what was read since is worth nothing. A fault anywhere else ends the process
as ever. This needs no compiled code: the signal comes from the very instruction that reads, in the thread that runs it,
so that what answers it may be a function of Python's.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import signal
import sys
import weakref
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KNOWN = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
"""Where the structures below are those of the system's own."""
_FIXED = 0x10
_WITH_PLACE = 4
"""SA_SIGINFO: the handler is told the address."""


class _Fault(ctypes.Structure):
    """The beginning of `siginfo_t`."""

    _fields_ = (("signal", ctypes.c_int), ("error", ctypes.c_int), ("code", ctypes.c_int), ("place", ctypes.c_void_p))


class _Action(ctypes.Structure):
    """`struct sigaction`."""

    _fields_ = (("handler", ctypes.c_void_p), ("mask", ctypes.c_ubyte * 128), ("flags", ctypes.c_int),
                ("restorer", ctypes.c_void_p))  # fmt: skip


class Map:
    """A file's first bytes, mapped for reading."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Raises `OSError`."""
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        mapped.madvise(mmap.MADV_SEQUENTIAL)
        self.bytes: NDArray[np.uint8] = np.frombuffer(mapped, np.uint8)
        self._map: mmap.mmap | None = mapped
        begin = int(self.bytes.ctypes.data)
        self._stretch = _Stretch(begin, begin + size)
        _watch()
        _stretches[self._stretch] = None
        # an array of its bytes may outlive this object, and the map goes with it
        self._forget = weakref.finalize(mapped, _stretches.pop, self._stretch, None)
        self._forget.atexit = False

    @property
    def cut(self) -> bool:
        """Whether pages were read that the file no longer had: they are nought."""
        return self._stretch.cut

    def release(self, begin: int, end: int) -> None:
        """Give the memory behind some bytes back to the system; they stay readable."""
        first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
        if self._map is not None and end - first >= mmap.PAGESIZE:
            self._map.madvise(mmap.MADV_DONTNEED, first, end - first)

    def close(self) -> None:
        """Unmap the file, unless an array of its bytes is still held somewhere."""
        del self.bytes
        if self._map is not None:
            with suppress(BufferError):
                self._map.close()
                self._forget()
            self._map = None


@dataclass(slots=True, eq=False)
class _Stretch:
    """The addresses of a map."""

    begin: int
    end: int
    cut: bool = False

    def patch(self, place: int) -> bool:
        """Put nought from the page of an address on; whether that was done, since the address is of this map."""
        if not self.begin <= place < self.end:
            return False
        page = place - place % mmap.PAGESIZE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED
        self.cut = _system.mmap(page, self.end - page, mmap.PROT_READ, flags, -1, 0) == page
        return self.cut


_stretches: dict[_Stretch, None] = {}
"""Those of all maps. It is changed and copied in single steps only, since a fault may come at any moment."""
_system = ctypes.CDLL(None)
_before = _Action()
"""What answered before."""
_ANSWERING = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.POINTER(_Fault), ctypes.c_void_p)


_answering: list[object] = []
"""What answers, kept for as long as the process lives."""
_once = Lock()


def _watch() -> None:
    """Answer the signal, from the first map on."""
    with _once:
        if not _KNOWN or _answering:
            return
        _system.mmap.restype = ctypes.c_void_p
        _system.mmap.argtypes = (
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
        )  # fmt: skip
        answer = _ANSWERING(_answer)
        _answering.append(answer)
        action = _Action(ctypes.cast(answer, ctypes.c_void_p).value, flags=_WITH_PLACE)
        _system.sigaction(int(signal.SIGBUS), ctypes.byref(action), ctypes.byref(_before))


def _answer(_signal: int, fault: Any, _context: int | None) -> None:
    """Patch the map that was read. The instruction is tried again afterwards, whatever was done."""
    try:
        place = fault.contents.place or 0
        if any(each.patch(place) for each in _stretches.copy()):
            return
    except KeyboardInterrupt:
        return
    _system.sigaction(int(signal.SIGBUS), ctypes.byref(_before), None)
