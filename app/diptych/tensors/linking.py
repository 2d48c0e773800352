"""A shared library for Linux from one object of machine code that calls nothing outside itself.

The system loads such a file in a fraction of a millisecond, without the compiler, and no linker need be installed.
Formats and relocations as in the ELF-64 specification and its supplements for the two processors.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_DYNAMIC = struct.Struct("<QQ")
_X86_64, _AARCH64 = 62, 183
_PAGE = 1 << 16
"""Bytes of the largest page of either processor."""
_ALLOCATED, _WRITABLE = 2, 1
_TABLE, _RELOCATIONS, _NOTHING = 2, 4, 8
"""Kinds of sections: symbols, relocations with addends, and those with no bytes in the file."""
_CODE, _DATA = 5, 6
"""Segments that are read and executed, and read and written."""
_SEGMENTS = 4
_EXPORTED = (1 << 4) | 2
"""A function that others may find."""


class Unlinkable(Exception):
    """The object needs more than can be done here."""


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    begin: int
    size: int
    link: int
    info: int
    align: int
    width: int


class _Symbol(NamedTuple):
    name: int
    info: int
    other: int
    home: int
    """The number of its section; nought where it is in none."""
    value: int
    size: int


@dataclass(slots=True)
class _Object:
    """A parsed object."""

    machine: int
    content: bytes
    sections: list[_Section]
    names: bytes

    def bytes_of(self, section: _Section) -> bytes:
        return self.content[section.begin : section.begin + section.size]

    def loaded(self) -> Iterator[tuple[int, _Section]]:
        """The sections that belong into memory, by number; tables for unwinding serve nobody here."""
        for number, section in enumerate(self.sections):
            named = self.names[section.name :].startswith((b".eh_frame\0", b".note"))
            if section.flags & _ALLOCATED and section.size and not named:
                if section.flags & _WRITABLE or section.kind == _NOTHING:
                    raise Unlinkable("it has data to be written")
                yield number, section


def shared_library(content: bytes) -> bytes:
    """The library with every global function of the object `content`. Raises `Unlinkable` where that is beyond it."""
    parsed = _parsed(content)
    table = next(section for section in parsed.sections if section.kind == _TABLE)
    symbols = [_Symbol(*each) for each in _SYMBOL.iter_unpack(parsed.bytes_of(table))]
    exported = [symbol for symbol in symbols if symbol.info == _EXPORTED and symbol.home]
    names = _names(parsed.bytes_of(parsed.sections[table.link]), exported)
    count = len(exported) + 1
    # every function is in the one bucket of the hash table
    chain = struct.pack(f"<{count + 3}I", 1, count, count - 1, *(max(at - 1, 0) for at in range(count)))
    at_symbols = _HEADER.size + _SEGMENTS * _SEGMENT.size
    at_chain = at_symbols + count * _SYMBOL.size
    at_names = at_chain + len(chain)
    room = at_names + len(names)
    places: dict[int, int] = {}
    for number, section in parsed.loaded():
        places[number] = _up(room, section.align)
        room = places[number] + section.size
    at_dynamic = _up(room, _PAGE)
    dynamic = b"".join(
        _DYNAMIC.pack(*each)
        for each in ((4, at_chain), (5, at_names), (6, at_symbols), (10, len(names)), (11, _SYMBOL.size), (0, 0))
    )
    found = _listed(exported, names, places)
    image = bytearray(_head(parsed.machine, room, at_dynamic, len(dynamic)) + found + chain + names)
    for number, section in parsed.loaded():
        image += bytes(places[number] - len(image)) + parsed.bytes_of(section)
    for section in parsed.sections:
        if section.kind == _RELOCATIONS and section.info in places:
            _relocate(parsed, section, symbols, places, image)
    return bytes(image).ljust(at_dynamic, b"\0") + dynamic


def _names(old: bytes, exported: Sequence[_Symbol]) -> bytes:
    """The names of the functions, each closed by a nought."""
    return b"\0" + b"".join(old[symbol.name :].split(b"\0", 1)[0] + b"\0" for symbol in exported)


def _listed(exported: Sequence[_Symbol], names: bytes, places: Mapping[int, int]) -> bytes:
    """The table of the functions, which begins with an empty row."""
    rows = [bytes(_SYMBOL.size)]
    at = 1
    for symbol in exported:
        rows.append(_SYMBOL.pack(*symbol._replace(name=at, home=1, value=places[symbol.home] + symbol.value)))
        at = names.index(b"\0", at) + 1
    return b"".join(rows)


def _parsed(content: bytes) -> _Object:
    _, kind, machine, _, _, _, begin, *_, width, count, names = _HEADER.unpack_from(content)
    if content[:6] != b"\x7fELF\2\1" or kind != 1 or machine not in _RULES or width != _SECTION.size:
        raise Unlinkable("not an object for a processor that is known")
    sections = [_Section(*_SECTION.unpack_from(content, begin + number * width)) for number in range(count)]
    parsed = _Object(machine, content, sections, b"")
    parsed.names = parsed.bytes_of(sections[names])
    return parsed


def _relocate(
    parsed: _Object,
    section: _Section,
    symbols: Sequence[_Symbol],
    places: Mapping[int, int],
    image: bytearray,
) -> None:
    """Put the distances between places into the code of one section."""
    for offset, info, addend in _RELOCATION.iter_unpack(parsed.bytes_of(section)):
        symbol = symbols[info >> 32]
        rule = _RULES[parsed.machine].get(info & 0xFFFFFFFF)
        if rule is None or symbol.home not in places:
            raise Unlinkable("it refers to what is not in it")
        at = places[section.info] + offset
        target = places[symbol.home] + symbol.value + addend
        (word,) = struct.unpack_from("<I", image, at)
        struct.pack_into("<I", image, at, rule(word, target, at) & 0xFFFFFFFF)


_Rule = Callable[[int, int, int], int]
"""The new word of code, from the old one, the place that it means and its own place."""


def _distance(_word: int, target: int, at: int) -> int:
    return target - at


def _page(word: int, target: int, at: int) -> int:
    pages = (target >> 12) - (at >> 12)
    return word & ~0x60FFFFE0 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5


def _jump(word: int, target: int, at: int) -> int:
    return word & ~0x3FFFFFF | (target - at) >> 2 & 0x3FFFFFF


def _within_page(shift: int) -> _Rule:
    """The place within its page, counted in units of 2^`shift` bytes."""
    return lambda word, target, _at: word & ~0x3FFC00 | (target & 0xFFF) >> shift << 10


_RULES: Mapping[int, Mapping[int, _Rule]] = {
    _X86_64: {2: _distance, 4: _distance},
    _AARCH64: {261: _distance, 275: _page, 277: _within_page(0), 278: _within_page(0), 282: _jump, 283: _jump,
               284: _within_page(1), 285: _within_page(2), 286: _within_page(3), 299: _within_page(4)},
}  # fmt: skip
"""By processor and by the number of the relocation."""


def _head(machine: int, code: int, at_dynamic: int, size: int) -> bytes:
    """What the system reads first: what kind of file this is, and how its parts go into memory."""
    segments = (
        (1, _CODE, 0, 0, 0, code, code, _PAGE),
        (1, _DATA, at_dynamic, at_dynamic, at_dynamic, size, size, _PAGE),
        (2, _DATA, at_dynamic, at_dynamic, at_dynamic, size, size, 8),
        # no stack that could be executed
        (0x6474E551, _DATA, 0, 0, 0, 0, 0, 16),
    )
    mark = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head = _HEADER.pack(
        mark, 3, machine, 1, 0, _HEADER.size, 0, 0, _HEADER.size, _SEGMENT.size, len(segments), _SECTION.size, 0, 0
    )
    return head + b"".join(_SEGMENT.pack(*segment) for segment in segments)


def _up(place: int, step: int) -> int:
    return -(-place // step) * step if step else place
