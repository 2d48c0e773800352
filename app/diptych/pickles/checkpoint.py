"""The files that PyTorch writes: a zip archive (from 1.6 on), a row of pickles with the storages behind, or one pickle.

Layouts as in `torch.serialization`. Nothing is called: names are held against a list of those that weights need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from diptych.pickles.archive import Member, NoDirectory, content, members
from diptych.pickles.inert import Inert, NotPickle, Stand, Value
from diptych.pickles.machine import read_stream
from diptych.pickles.names import STORAGES, WIDTHS, foreign
from diptych.pickles.settings import Plain, settings
from diptych.pickles.weights import Listed, Places, listed

MAGIC = 0x1950A86A20F9469CFC6C
MAGIC_BYTES = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MOST_PICKLE = 512 * 2**20
_MOST_STEPS = 20_000_000
_PROTOCOL = 1001
_SAID = 3


class Code(Exception):
    """The file would run something where it is loaded; the text names it."""


class Cut(Exception):
    """The file ends before its storages do."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was listed of one file."""

    container: str
    """`zip`, `torchscript`, `legacy` or `pickle`."""
    tensors: list[Listed]
    settings: dict[str, Plain]


def read_checkpoint(file: BinaryIO, size: int) -> Checkpoint:
    """The tensors in a file of `size` bytes. Raises `NotPickle`, `Code` or `Cut`."""
    if not size:
        raise NotPickle("is empty")
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    if head[257:262] == b"ustar":
        raise NotPickle("is a tar archive of PyTorch before 0.2, which is not read")
    try:
        if head.startswith(b"PK\x03\x04"):
            return _archive(file, size)
        if head.startswith(MAGIC_BYTES):
            return _legacy(file, size)
        return _single(file, size)
    except NoDirectory as short:
        raise Cut(str(short)) from None
    except NotPickle as fault:
        code = foreign(fault.names)
        if code:
            raise Code(_line(code)) from None
        raise


def _line(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SAID} more" if len(names) > _SAID else ""
    return f"contains code — not opened: {', '.join(name[:60] for name in names[:_SAID])}{more}"


def _good(inert: Inert, script: bool = False) -> Value:
    code = foreign(inert.names, script)
    if code:
        raise Code(_line(code))
    return inert.value


def _checkpoint(container: str, value: Value, places: Places) -> Checkpoint:
    return Checkpoint(container, listed(value, places), settings(value))


def _archive(file: BinaryIO, size: int) -> Checkpoint:
    entries = members(file, size)
    found = [name for name in entries if name.partition("/")[2] == "data.pkl"]
    if len(found) != 1:
        raise NotPickle("is an archive with more than one data.pkl" if found else "is an archive without a data.pkl")
    folder = found[0].partition("/")[0]
    order = entries.get(f"{folder}/byteorder")
    if order is not None and content(file, order, 64) != b"little":
        raise NotPickle("is written for big-endian machines, which is not read here")
    script = f"{folder}/constants.pkl" in entries or any(name.startswith(f"{folder}/code/") for name in entries)
    value = _good(_whole_stream(file, entries[found[0]]), script)
    if not script:
        return _checkpoint("zip", value, _storages(entries, f"{folder}/data/"))
    tensors = listed(value, _storages(entries, f"{folder}/data/"), whole=True)
    constants = entries.get(f"{folder}/constants.pkl")
    if constants is not None:
        value = _good(_whole_stream(file, constants), script)
        found_there = listed(value, _storages(entries, f"{folder}/constants/"), whole=True)
        tensors += [each._replace(name=f"constants.{each.name}") for each in found_there]
    return Checkpoint("torchscript", tensors, {})


def _whole_stream(file: BinaryIO, entry: Member) -> Inert:
    """The one pickle that a file of the archive is."""
    raw = content(file, entry, _MOST_PICKLE)
    stream = BytesIO(raw)
    inert = read_stream(stream, len(raw), _MOST_STEPS)
    if stream.tell() != len(raw):
        raise NotPickle("holds more after the end of its pickle", inert.names)
    return inert


def _storages(entries: Mapping[str, Member], prefix: str) -> Places:
    """Where the storages of an archive lie, by their keys."""

    def place(key: str) -> tuple[int, int] | None:
        entry = entries.get(f"{prefix}{key}")
        if entry is not None and entry.deflated:
            raise NotPickle("holds packed storages, which PyTorch does not write")
        return None if entry is None else (entry.begin, entry.begin + entry.size)

    return place


def _single(file: BinaryIO, size: int) -> Checkpoint:
    inert = read_stream(file, size, _MOST_STEPS)
    if file.tell() != size:
        raise NotPickle("holds more after the end of its pickle", inert.names)
    return _checkpoint("pickle", _good(inert), lambda _: None)


def _legacy(file: BinaryIO, size: int) -> Checkpoint:
    """Magic, protocol, system, the object, the keys of its storages; then each one's length and bytes."""
    parts = [read_stream(file, size, _MOST_STEPS) for _ in range(5)]
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    value = _good(Inert(parts[3].value, names))
    if parts[1].value != _PROTOCOL:
        raise NotPickle("is written by another protocol of PyTorch than 1001")
    if _little(parts[2].value) is False:
        raise NotPickle("is written for big-endian machines, which is not read here")
    keys = parts[4].value
    if not isinstance(keys, list):
        raise NotPickle("does not name its storages")
    widths = _widths(value)
    places: dict[str, tuple[int, int]] = {}
    at = file.tell()
    for key in keys:
        if not isinstance(key, str | int) or str(key) in places:
            raise NotPickle("does not name its storages")
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head, "little") * widths.get(str(key), 1)
        if len(head) < 8 or at + 8 + length > size:
            raise Cut(f"is still being written or was cut: {size:,} bytes end within its storages")
        places[str(key)] = at + 8, at + 8 + length
        at += 8 + length
    if at != size:
        raise NotPickle("holds more after the end of its storages")
    return _checkpoint("legacy", value, places.get)


def _little(system: Value) -> object:
    items = getattr(system, "items", ())
    return next((each for key, each in items if key == "little_endian"), None) if isinstance(items, list) else None


def _widths(value: Value) -> dict[str, int]:
    """Bytes of an element of each storage that is spoken of anywhere in `value`, by key."""
    widths: dict[str, int] = {}
    seen: set[int] = set()
    pending: list[Value] = [value]
    while pending:
        each = pending.pop()
        if id(each) in seen or (not isinstance(each, list | tuple | Stand) and not hasattr(each, "items")):
            continue
        seen.add(id(each))
        if isinstance(each, Stand):
            pending += [each.args, each.state, *each.items, *(item for pair in each.pairs for item in pair)]
            args = each.args
            if str(each.callee) == "pickle.persistent_id" and isinstance(args, tuple) and len(args) >= 5:
                kind = str(args[1]).rpartition(".")[2]
                widths[str(args[2])] = WIDTHS.get(STORAGES.get(kind, ""), 1)
        elif isinstance(each, list | tuple):
            pending += each
        elif each is not None and not isinstance(each, str | bytes | int | float):
            pending += [item for pair in getattr(each, "items", ()) for item in pair]
    return widths
