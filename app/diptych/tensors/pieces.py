"""How a file is cut for reading: pieces of about two mebibytes, in which every tensor ends or is cut between blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diptych.tensors.printing import Printer

PIECE = 1 << 21
"""Bytes of a piece at most: so many that handing them over hardly counts, so few that they stay in a cache."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a piece holds of one tensor."""

    printer: Printer
    begin: int
    """Counted from the begin of the piece."""
    end: int
    first: int
    """The element that it begins with."""


@dataclass(slots=True)
class Piece:
    """A stretch of a file."""

    begin: int
    length: int
    parts: list[Part]


def pieces(printers: Sequence[Printer], size: int) -> Iterator[Piece]:
    """All of a file of `size` bytes, with the tensors in it: also its header, gaps between tensors, and its end."""
    piece = Piece(0, 0, [])
    for printer, begin, end in _stretches(printers, size):
        step, elements = printer.step if printer is not None else (1, 0)
        at = begin
        while at < end:
            room = PIECE - piece.length
            taken = end - at if end - at <= room else room // step * step
            if not taken:
                yield piece
                piece = Piece(at, 0, [])
                continue
            if printer is not None:
                first = (at - begin) // step * elements
                piece.parts.append(Part(printer, piece.length, piece.length + taken, first))
            piece.length += taken
            at += taken
    if piece.length:
        yield piece


def _stretches(printers: Sequence[Printer], size: int) -> Iterator[tuple[Printer | None, int, int]]:
    at = 0
    for printer in printers:
        tensor = printer.tensor
        yield None, at, tensor.begin
        yield printer, tensor.begin, tensor.end
        at = tensor.end
    yield None, at, size
