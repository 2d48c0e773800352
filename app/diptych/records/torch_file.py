"""The containers in which PyTorch wraps a pickle: a zip archive, a row of pickles (before 1.6), or nothing.

Layout of the archive: one top folder of any name with `data.pkl` in it (`torch.serialization`). Nothing is extracted
or executed.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from diptych.pickles.allowed import foreign
from diptych.pickles.inert import Inert, NotPickle
from diptych.pickles.machine import read_stream
from diptych.records.content import damaged, read_bytes

MOST_BYTES = 16 * 2**20
"""Size of a file that holds arguments, and of the pickle in it."""
_MOST_ENTRIES = 100_000
_MOST_RATIO = 1000
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


def read_torch(path: Path) -> Inert:
    """The object that was saved in `path`, inert. Raises `Damaged`, naming code that the file would have run."""
    content = read_bytes(path, MOST_BYTES)
    if not content:
        raise damaged(path, "is empty")
    try:
        if content[:4] == b"PK\x03\x04":
            return _single(_data_pickle(content))
        return _legacy(content) if _is_legacy(content) else _single(content)
    except NotPickle as fault:
        code = foreign(fault.names)
        raise damaged(path, contains_code(code) if code else str(fault)) from None


def contains_code(names: tuple[str, ...]) -> str:
    """The line that tells which calls a file holds."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"contains code — not run: {', '.join(names[:3])}{more}"


def _single(content: bytes) -> Inert:
    stream = BytesIO(content)
    inert = read_stream(stream, len(content))
    if stream.tell() != len(content):
        raise NotPickle("holds more after the end of its pickle", inert.names)
    return inert


def _is_legacy(content: bytes) -> bool:
    try:
        return read_stream(BytesIO(content[:64]), len(content)).value == _LEGACY_MAGIC
    except NotPickle:
        return False


def _legacy(content: bytes) -> Inert:
    """The fourth pickle of the row, after magic, version and system; the keys of its tensors come fifth."""
    stream = BytesIO(content)
    parts = [read_stream(stream, len(content)) for _ in range(5)]
    names = dict.fromkeys(name for part in parts for name in part.names)
    return Inert(parts[3].value, tuple(names))


def _data_pickle(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return archive.read(_entry(archive))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError) as error:
        raise NotPickle(
            "is a damaged archive" + (": a checksum does not match" if "CRC" in str(error) else "")
        ) from None
    except (NotImplementedError, RuntimeError, ValueError, UnicodeError, OverflowError):
        raise NotPickle("is an archive that torch does not write") from None


def _entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one entry that is the object; refuses every archive that two readers could take for different things."""
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise NotPickle(f"is an archive of more than {_MOST_ENTRIES:,} files")
    if entries and min(entry.header_offset for entry in entries) != 0:
        raise NotPickle("is an archive whose directory points to the wrong place")
    names = [entry.filename for entry in entries]
    for name in names:
        if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
            raise NotPickle("is an archive with a path that leads out of it")
    if any(name.partition("/")[2].startswith("code/") or name.endswith("/constants.pkl") for name in names):
        raise NotPickle("contains code — not run: TorchScript")
    found = [entry for entry in entries if entry.filename.partition("/")[2] == "data.pkl"]
    if len(found) != 1 or len(set(names)) != len(names):
        raise NotPickle("is an archive without a data.pkl" if not found else "is an archive with a file twice in it")
    entry = found[0]
    if entry.flag_bits & 0x1:
        raise NotPickle("is an encrypted archive")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotPickle("is compressed in a way that torch does not write")
    if entry.file_size > MOST_BYTES or entry.file_size > _MOST_RATIO * max(entry.compress_size, 1):
        raise NotPickle("unpacks to far more than a record needs")
    return entry
