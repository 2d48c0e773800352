"""What the pickle machine builds: plain values, and stand-ins for all that a real unpickler would look up or call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self, TypeAlias

_RECONSTRUCTORS = frozenset({"copyreg._reconstructor", "copy_reg._reconstructor"})
"""Makes an object of the class that is its first argument (protocols 0 and 1)."""

Value: TypeAlias = "str | bytes | int | float | bool | list[Value] | tuple[Value, ...] | Pairs | Name | Stand | None"
"""What the machine builds."""


class NotPickle(Exception):
    """The stream breaks the rules or a limit; the text says how. `names` are those seen until then."""

    def __init__(self, reason: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.names = names


class Placed(bytes):
    """Bytes of an array, with the place in the file where they begin."""

    begin: int

    def __new__(cls, content: bytes | bytearray, begin: int) -> Self:
        """`content` as it stands in the file from `begin` on."""
        placed = super().__new__(cls, content)
        placed.begin = begin
        return placed


@dataclass(slots=True, eq=False)
class Pairs:
    """A dict as it was filled: keys and values in order."""

    items: list[tuple[Value, Value]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Name:
    """A class or function that the stream refers to, as `module.name`."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Stand:
    """What a call in the stream would have made: the callee, its arguments, and what was put into it afterwards."""

    callee: Value
    args: Value = ()
    state: Value = None
    items: list[Value] = field(default_factory=list)
    pairs: list[tuple[Value, Value]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """`module.name` of what would have been made; empty where that is not a plain name."""
        callee = self.callee
        if str(callee) in _RECONSTRUCTORS and isinstance(self.args, tuple) and self.args:
            callee = self.args[0]
        return str(callee) if isinstance(callee, Name) else ""


@dataclass(frozen=True, slots=True)
class Inert:
    """One pickle, read."""

    value: Value
    names: tuple[str, ...]
    """Every `module.name` that the stream refers to, in order, once each."""
