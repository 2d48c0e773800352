"""Zip archives in which every reader finds the same files: the directory, and each file's own header, must agree.

Nothing is extracted. What writers of weights never do (encrypt, put a file twice, lead out of the folder, leave the
directory pointing elsewhere) is refused, since two programs could take such an archive for two different things.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from diptych.pickles.inert import NotPickle

MOST_ENTRIES = 100_000
_MOST_RATIO = 1000
_HARMLESS = 64 * 2**20
"""Bytes that a file may unpack to whatever its ratio; an array of noughts packs as well as a bomb does."""
_MOST_DIRECTORY = 64 * 2**20
_LOCAL = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_PIECE = 2**20


class NoDirectory(NotPickle):
    """The archive ends before its directory, which is written last."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive."""

    name: str
    begin: int
    """Where its bytes lie in the archive, packed or not."""
    packed: int
    """Bytes there."""
    size: int
    """Bytes once unpacked."""
    deflated: bool
    crc: int


def members(file: BinaryIO, size: int) -> dict[str, Member]:
    """The files of an archive of `size` bytes by name, in the order of their bytes. Raises `NotPickle`."""
    _check_end(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            entries, directory = archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, zipfile.LargeZipFile, struct.error, EOFError, OSError):
        raise NotPickle("is a damaged archive") from None
    except (NotImplementedError, RuntimeError, ValueError, UnicodeError, OverflowError):
        raise NotPickle("is an archive that no writer of weights makes") from None
    if len(entries) > MOST_ENTRIES:
        raise NotPickle(f"is an archive of more than {MOST_ENTRIES:,} files")
    found: dict[str, Member] = {}
    reached = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.is_dir() and not entry.file_size:
            continue
        member = _member(file, entry, reached)
        if member.name in found:
            raise NotPickle(f"is an archive with a file twice in it: {member.name[:60]}")
        found[member.name] = member
        reached = member.begin + member.packed
    if reached > directory:
        raise NotPickle("is an archive whose directory points to the wrong place")
    return found


def content(file: BinaryIO, member: Member, most: int) -> bytes:
    """The bytes of one file, unpacked and held against their checksum. Raises `NotPickle`."""
    if member.size > most:
        raise NotPickle(f"unpacks to far more than it may: {member.size:,} bytes")
    unpacked = b"".join(pieces(file, member))
    if zlib.crc32(unpacked) != member.crc:
        raise NotPickle(f"is a damaged archive: the checksum of {member.name[:60]} does not match")
    return unpacked


def pieces(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The unpacked bytes of one file in pieces of a mebibyte at most, as many as it declares. Raises `NotPickle`."""
    file.seek(member.begin)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.deflated else None
    left, given = member.packed, 0
    while left or (inflate and inflate.unconsumed_tail):
        if inflate is None or not inflate.unconsumed_tail:
            raw = file.read(min(left, _PIECE))
            left -= len(raw)
            if not raw:
                raise NotPickle("became shorter while it was read")
        else:
            raw = inflate.unconsumed_tail
        try:
            piece = inflate.decompress(raw, _PIECE) if inflate else raw
        except zlib.error:
            raise NotPickle(f"is a damaged archive: {member.name[:60]} cannot be unpacked") from None
        given += len(piece)
        if given > member.size:
            raise NotPickle(f"unpacks to more than it says: {member.name[:60]}")
        if piece:
            yield piece
        elif inflate and inflate.eof:
            break
    if given != member.size:
        raise NotPickle(f"unpacks to less than it says: {member.name[:60]}")


def _check_end(file: BinaryIO, size: int) -> None:
    """Refuse a directory of absurd size before it is read; where the end record is not found, the library says so."""
    tail = min(size, _END.size + 2**16)
    file.seek(size - tail)
    last = file.read(tail)
    at = last.rfind(b"PK\x05\x06")
    if at < 0 or len(last) - at < _END.size:
        raise NoDirectory("is still being written or was cut: an archive without its directory")
    declared = _END.unpack_from(last, at)[5]
    if declared != 0xFFFFFFFF and declared > _MOST_DIRECTORY:
        raise NotPickle("is an archive with a directory of absurd size")
    if declared == 0xFFFFFFFF and size > _MOST_DIRECTORY:
        wide = last.rfind(b"PK\x06\x06", 0, at)
        if wide < 0 or len(last) - wide < 56 or struct.unpack_from("<Q", last, wide + 40)[0] > _MOST_DIRECTORY:
            raise NotPickle("is an archive with a directory of absurd size")
    file.seek(0, os.SEEK_SET)


def _member(file: BinaryIO, entry: zipfile.ZipInfo, reached: int) -> Member:
    name = entry.filename
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or "\0" in entry.orig_filename:
        raise NotPickle("is an archive with a path that leads out of it")
    if entry.flag_bits & 0x41:
        raise NotPickle("is an encrypted archive")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotPickle("is compressed in a way that no writer of weights uses")
    if entry.header_offset != reached and not _gap(entry, reached):
        raise NotPickle("is an archive whose directory points to the wrong place")
    file.seek(entry.header_offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise NotPickle("is an archive whose directory points to the wrong place")
    _, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(head)
    own = file.read(name_length)
    if own != entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", "replace"):
        raise NotPickle("is an archive in which a file has two names")
    if method != entry.compress_type or flags & 0x41:
        raise NotPickle("is an archive in which a file is described in two ways")
    deflated = method == zipfile.ZIP_DEFLATED
    if not deflated and entry.compress_size != entry.file_size:
        raise NotPickle("is an archive in which a file has two sizes")
    if entry.file_size > max(_HARMLESS, _MOST_RATIO * entry.compress_size):
        raise NotPickle(f"unpacks to far more than it may: {entry.file_size:,} bytes")
    begin = entry.header_offset + _LOCAL.size + name_length + extra_length
    return Member(name, begin, entry.compress_size, entry.file_size, deflated, entry.CRC)


def _gap(entry: zipfile.ZipInfo, reached: int) -> bool:
    """Whether what lies before a header can be the sizes that follow a streamed file (at most 24 bytes)."""
    return reached > 0 and 0 <= entry.header_offset - reached <= 24
