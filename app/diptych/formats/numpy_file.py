"""NumPy's `.npy` and `.npz`, by a reader of its own: headers are never evaluated, and objects count as code."""

from __future__ import annotations

import os
import re
from io import FileIO
from math import prod
from pathlib import Path
from typing import BinaryIO

from diptych import display
from diptych.domain.tensor import Header, TensorSource
from diptych.errors import Damaged
from diptych.formats.format import Partial, Unopened
from diptych.formats.headers import Entry, header_of
from diptych.formats.lying import PACKED
from diptych.opening import open_regular, unreadable
from diptych.pickles.archive import Member, NoDirectory, members, pieces
from diptych.pickles.inert import NotPickle
from diptych.pickles.names import NUMPY, WIDTHS, strided
from diptych.pickles.weights import columns_first

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 64 * 1024
_MOST_DIMENSIONS = 64
_MOST = 2**63 - 1
_HEADER = re.compile(
    r"\{\s*'descr'\s*:\s*(?P<descr>'[^']{1,100}'|\[.*\])\s*,\s*'fortran_order'\s*:\s*(?P<fortran>True|False)\s*,"
    r"\s*'shape'\s*:\s*\((?P<shape>[\dL,\s]*)\)\s*,?\s*\}\s*",
    re.DOTALL,
)


class NumpyReader:
    """Reads headers, as the reader of safetensors does."""

    def read(self, path: Path, name: str, follow: bool = False) -> Header:
        """The header of the file at `path`, which the version knows as `name`.

        Raises `Unopened` where it holds Python objects, `Damaged`, `Partial`, `NotFound` or `Refused`.
        """
        with open_regular(path, follow) as file:
            try:
                return read_file(file, name)[0]
            except OSError as error:
                raise unreadable(path, error) from None
            except _Objects as objects:
                raise Unopened(f"{display.path(path)}: {objects}", "Save it without objects.") from None
            except (_Short, NoDirectory) as short:
                raise Partial(f"{display.path(path)}: {short}", "Scan again when it is complete.") from None
            except NotPickle as fault:
                reason = display.elide(display.visible(str(fault)), 150)
                raise Damaged(f"{display.path(path)}: {reason}", "Fetch the file again.") from None


class Numpy:
    """The format: one array, or an archive of several."""

    key = "numpy"

    def sniff(self, head: bytes, name: str) -> bool:
        """By the magic of an array, or by the name of an archive."""
        return head.startswith(_MAGIC) or (head[:4] == b"PK\x03\x04" and name.endswith(".npz"))

    def open(self, path: Path) -> TensorSource:
        """Open one file; links are followed, since the user named this one."""
        from diptych.formats.numpy_source import NumpySource

        return NumpySource([(path, NumpyReader().read(path, path.name, follow=True))], follow=True)


class _Objects(Exception):
    """The array holds Python objects, which NumPy would unpickle."""


class _Short(Exception):
    """The file ends early."""


def read_file(file: FileIO, name: str) -> tuple[Header, dict[str, tuple[int, Member]]]:
    """The header of a file; and the packed members by name, each with the bytes before its values."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(8)
    file.seek(0)
    if head.startswith(_MAGIC):
        dtype, shape, begin = _array(file.read(min(size, _MOST_HEADER + 16)))
        end = begin + _bytes(dtype, shape)
        if end > size:
            raise _Short(f"is still being written or was cut: {size:,} of {end:,} bytes")
        if end < size and dtype.partition(",")[0] in WIDTHS:
            raise NotPickle(f"has {size - end:,} bytes behind its array")
        stem = name.rpartition("/")[2].removesuffix(".npy")
        return header_of(name, [(stem, dtype, shape, begin, end)], {}), {}
    entries: list[Entry] = []
    packed: dict[str, tuple[int, Member]] = {}
    for member in members(file, size).values():
        if member.name.endswith(".npy"):
            _add(file, member, entries, packed)
    return header_of(name, entries, {}), packed


def _add(file: BinaryIO, member: Member, entries: list[Entry], packed: dict[str, tuple[int, Member]]) -> None:
    try:
        start = b""
        for piece in pieces(file, member):
            start += piece
            if len(start) >= _MOST_HEADER + 16:
                break
        dtype, shape, skip = _array(start)
    except NotPickle as fault:
        raise NotPickle(f"{member.name[:60]} {fault}") from None
    length = _bytes(dtype, shape)
    if dtype.partition(",")[0] in WIDTHS and skip + length != member.size:
        raise NotPickle(f"{member.name[:60]} has a shape that its bytes do not fill")
    name = member.name.removesuffix(".npy")
    begin = member.begin + skip
    if member.deflated:
        packed[name] = skip, member
        entries.append((name, f"{dtype}{PACKED}", shape, member.begin, member.begin + member.packed))
    else:
        entries.append((name, dtype, shape, begin, begin + length))


def _array(head: bytes) -> tuple[str, tuple[int, ...], int]:
    """Dtype, shape, and where the values begin, from the first bytes of an array's file."""
    if len(head) < 12 or not head.startswith(_MAGIC):
        raise NotPickle("is no array of NumPy, or was cut")
    version = head[6]
    if version not in (1, 2, 3):
        raise NotPickle(f"has version {version} of the format, which is not read")
    width = 2 if version == 1 else 4
    length = int.from_bytes(head[8 : 8 + width], "little")
    begin = 8 + width + length
    if length > _MOST_HEADER or begin > len(head):
        raise NotPickle("has a header that is longer than any")
    text = head[8 + width : begin].decode("utf-8" if version == 3 else "latin-1", "replace")
    described = _HEADER.fullmatch(text)
    if described is None:
        raise NotPickle("has a header that NumPy does not write")
    descr = described["descr"]
    if "O" in re.sub(r"'[^']*'\s*,", "", descr) if descr.startswith("[") else "O" in descr:
        raise _Objects("contains code — not opened: an array of Python objects")
    dtype = _dtype(descr.strip("'"))
    sizes = [part.strip().rstrip("L") for part in described["shape"].split(",") if part.strip()]
    if len(sizes) > _MOST_DIMENSIONS or any(not part.isdecimal() or len(part) > 19 for part in sizes):
        raise NotPickle("has a shape that no file can hold")
    shape = tuple(map(int, sizes))
    if prod(shape) * 16 > _MOST:
        raise NotPickle("has a shape that no file can hold")
    if described["fortran"] == "True" and sum(size > 1 for size in shape) > 1:
        dtype = strided(dtype, columns_first(shape)) if dtype in WIDTHS else dtype
    return dtype, shape, begin


def _dtype(descr: str) -> str:
    """A code of NumPy (`<f4`) in the spelling of safetensors; one that is not read, as a remark."""
    order, code = (descr[0], descr[1:]) if descr[:1] in "<>|=" else ("<", descr)
    plain = NUMPY.get(code)
    if plain is None:
        return f"‘{display.elide(display.visible(descr), 30)}’, not read"
    return plain if order != ">" or WIDTHS[plain] == 1 else f"{plain}, big-endian"


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of an array of a plain dtype; none of one that is not read."""
    return prod(shape) * WIDTHS.get(dtype.partition(",")[0], 0)
