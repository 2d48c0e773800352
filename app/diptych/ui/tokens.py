"""The tables that decide how everything looks: colours, type sizes, spacing. Nothing else names a colour or a size."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Space(IntEnum):
    """The one spacing scale, in device-independent pixels."""

    XS = 4
    S = 8
    M = 12
    L = 16
    XL = 24
    XXL = 32


class Size(IntEnum):
    """The one type scale, in device-independent pixels at the system's normal text size."""

    CAPTION = 11
    BODY = 13
    SECTION = 15
    TITLE = 20


ROW = 28
COMPACT_ROW = 24
ICON = 16
RAIL_ICON = 20
RADIUS = 6


class Palette(NamedTuple):
    """Colours by what they mean. A and B keep theirs everywhere; nothing else in a table is saturated."""

    name: str
    surface: str
    """Behind content."""
    raised: str
    """Behind the frame: rail, headers, bars."""
    hover: str
    selected: str
    hairline: str
    text: str
    muted: str
    """Second things: sameness, units, captions. At least 4.5:1 on surface and raised."""
    faint: str
    """Only what need not be read: empty bars, disabled signs."""
    a: str
    a_row: str
    a_word: str
    b: str
    b_row: str
    b_word: str
    danger: str
    focus: str
    primary: str
    """Behind the one action a page asks for."""
    on_primary: str
    dark: bool


LIGHT = Palette(
    name="light",
    surface="#FFFFFF",
    raised="#F6F7F8",
    hover="#EEF0F2",
    selected="#E4E8EC",
    hairline="#DFE2E6",
    text="#1B1D21",
    muted="#5C636E",
    faint="#B4BAC3",
    a="#9A4A00",
    a_row="#FBEBDD",
    a_word="#F3C9A2",
    b="#0B57A4",
    b_row="#E1EEFB",
    b_word="#B5D5F6",
    danger="#B3261E",
    focus="#3C4450",
    primary="#24282E",
    on_primary="#FFFFFF",
    dark=False,
)

DARK = Palette(
    name="dark",
    surface="#1B1D21",
    raised="#222529",
    hover="#2A2E33",
    selected="#343A41",
    hairline="#363B42",
    text="#E9EBEE",
    muted="#A3AAB5",
    faint="#59606A",
    a="#F0A25A",
    a_row="#3A2A1C",
    a_word="#6B4420",
    b="#6CB2F2",
    b_row="#1B2F45",
    b_word="#1F4E7D",
    danger="#F28B82",
    focus="#C3C9D1",
    primary="#E9EBEE",
    on_primary="#1B1D21",
    dark=True,
)

LIGHT_CONTRAST = LIGHT._replace(
    name="light, high contrast", raised="#FFFFFF", hairline="#1B1D21", text="#000000", muted="#2B2F36",
    a_row="#FFFFFF", b_row="#FFFFFF", focus="#000000", primary="#000000",
)  # fmt: skip
DARK_CONTRAST = DARK._replace(
    name="dark, high contrast", surface="#000000", raised="#000000", hairline="#E9EBEE", text="#FFFFFF",
    muted="#DADDE2", a_row="#000000", b_row="#000000", focus="#FFFFFF", primary="#FFFFFF", on_primary="#000000",
)  # fmt: skip
