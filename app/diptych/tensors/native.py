"""Calls the compiled arithmetic: the difference of two pieces, their counts, and what the print of a piece consists of.

The functions are those of `kernels`, `counting` and `prints`. While they work, other threads do.
"""

from __future__ import annotations

import ctypes
import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diptych.tensors.rooms import BANKS, BLOCK, CHANGES, GROUP, STRIDE, TABLE, WIDE
from diptych.tensors.sketch import signs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    Raw: TypeAlias = NDArray[np.uint8]
    Values: TypeAlias = NDArray[np.float32]
    Sums: TypeAlias = NDArray[np.float64]
    Counts: TypeAlias = NDArray[np.int64]

COMPILED = frozenset({"BF16", "F16", "F32"})
"""Types that have functions of their own; those of eight bits are looked up in a table."""
_KINDS = {"BF16": ("bf16", "<u2"), "F16": ("f16", "<u2"), "F32": ("f32", "<u4")}
_DIGEST = 32
"""Bytes behind the library that tell whether it is whole."""


class Spoilt(Exception):
    """The file is not what was written."""


class Arithmetic:
    """The functions of one library."""

    def __init__(self, file: Path) -> None:
        content = file.read_bytes()
        if hashlib.sha256(content[:-_DIGEST]).digest() != content[-_DIGEST:]:
            raise Spoilt(file)
        self._library = ctypes.CDLL(str(file))
        # by their compiler's convention two places come first, for a result and for an error, neither of which is used
        self._unused = np.zeros(2)
        self._results = tuple(int(each.ctypes.data) for each in np.split(self._unused, 2))
        masks = (signs() >> np.uint32(16)).astype(np.uint16)
        self._signs = np.concatenate((masks, masks[1:], masks[:1]))
        self._signs_place = int(self._signs.ctypes.data)
        self._tables: list[NDArray[np.uint32]] = []
        """Those that nobody works with."""

    def add(self, dtype: str, a: Raw, b: Raw, table: Values | None, sums: Sums) -> None:
        """Add the difference of a piece of `dtype`, given as bytes, to its sums."""
        name, kind = _KINDS.get(dtype, ("f8", "u1"))
        left, right = _aligned(a, kind), _aligned(b, kind)
        room = np.empty(2 * STRIDE, np.float32)
        codes = () if table is None else (table, int(dtype == "F8_E4M3"))
        self._call(f"add_{name}", left, right, len(left), *codes, sums, room)

    def count_changes(self, dtype: str, a: Raw, b: Raw, counts: Counts) -> tuple[float, float]:
        """Add the changes between two pieces of `dtype`, given as bytes, to counts of every sign and exponent.

        The result are the smallest and the largest finite value of both; the wrong way round where there is none.
        """
        name, kind = _KINDS[dtype]
        # taken four bytes at a time
        left, right = _aligned(a, kind, 4), _aligned(b, kind, 4)
        room, keys = np.empty(2 * WIDE, np.float32), np.empty(2 * CHANGES, np.uint16)
        limits = np.array([np.inf, -np.inf], np.float32)
        self._call(f"changes_{name}", left, right, len(left), counts, limits, room, keys)
        return float(limits[0]), float(limits[1])

    def count_values(self, dtype: str, raw: Raw, exponent: int, first: int, counts: Counts) -> None:
        """Add a piece of `dtype`, given as bytes, to the counts of bins from `first` times 2^`exponent` on.

        There is one count more for what is not finite. The piece has less than 2^32 elements.
        """
        name, kind = _KINDS[dtype]
        # of two bytes each, they are taken eight bytes at a time
        values = _aligned(raw, kind, 8 if kind == "<u2" else 1)
        room, keys = np.empty(STRIDE, np.float32), np.empty(BLOCK, np.uint16)
        banks = np.zeros((BANKS, len(counts)), np.int64)
        with self._table() as table:
            self._call(f"values_{name}", values, len(values), exponent, first, len(counts), banks, room, keys, table)
        counts += banks.sum(axis=0)

    def count_pairs(self, a: Raw, b: Raw) -> tuple[Counts, Counts]:
        """The pairs of codes of two pieces of types of eight bits, those of A times 256 and those of B, and how often.

        Pieces have less than 2^32 elements.
        """
        with self._table() as table:
            self._call("pairs_f8", a, b, len(a), table, np.empty(BLOCK, np.uint16))
            one, other = table[: 2**16], table[2**16 : 2**17]
            one += other
            there = np.flatnonzero(one)
            times = one[there].astype(np.int64)
            table[:] = 0
        return there, times

    @contextmanager
    def _table(self) -> Iterator[NDArray[np.uint32]]:
        """Counts of codes of sixteen bits, all nought, as they are to be again: new memory is slow to come by."""
        try:
            table = self._tables.pop()
        except IndexError:
            table = np.zeros(TABLE, np.uint32)
        yield table
        self._tables.append(table)

    def print(self, dtype: str, raw: Raw, table: Values | None, first: int, sums: Sums, sketch: Sums) -> None:
        """Add a piece, given as bytes, to sums and sketch; it begins with the element `first`, which begins a block."""
        name, kind = _KINDS.get(dtype, ("f8", "u1"))
        # taken two at a time
        values, cells = _aligned(raw, kind, 4 if dtype == "BF16" else 1), len(sketch)
        room = np.zeros(GROUP + 2 * cells, np.float32)
        codes = () if table is None else (table,)
        block = first // cells
        self._call(f"print_{name}", values, len(values), *codes, block, self._signs_place, sums, sketch, cells, room)

    def _call(self, name: str, *arguments: NDArray[np.generic] | int) -> None:
        # an item of the library would be looked up anew each time, and there is a call for every mebibyte
        function: Callable[..., int] = getattr(self._library, name)
        places = (each if isinstance(each, int) else each.ctypes.data for each in arguments)
        if function(*map(ctypes.c_ssize_t, (*self._results, *places))):
            raise ArithmeticError(name)


def _aligned(raw: Raw, kind: str, to: int = 1) -> NDArray[np.unsignedinteger]:
    """`raw` as unsigned numbers; a tensor may lie at an odd place in its file, which the compiled code cannot read."""
    numbers: NDArray[np.unsignedinteger] = raw.view(kind)
    return numbers if numbers.flags.aligned and not numbers.ctypes.data % to else numbers.copy()
