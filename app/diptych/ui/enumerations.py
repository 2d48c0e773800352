"""Makes the enumerations of PySide directly.

PySide has Python's `enum` make its enumerations: all of a class as soon as one is named, which are ninety for the `Qt`
namespace, and two hundred with three thousand members until a window is shown. Python prepares for values of any kind
and for members with a meaning of their own, which is a quarter of all instructions until then. Those of PySide are
names of whole numbers, and for these the same class can be made directly.

What such a class has beside its members is learnt from one that Python made, and what is made directly is compared with
Python's once: where both differ, as they may with another version of Python, Python makes them all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import KEEP, Enum, EnumType, Flag, FlagBoundary, IntEnum, IntFlag
from itertools import repeat
from typing import Any

_KINDS = (Enum, IntEnum, Flag, IntFlag)
_MASKS = ("_flag_mask_", "_singles_mask_", "_all_bits_")
_LEARNT = {"nothing": 0, "second": 2, "first": 1, "mixed": 19, "again": 2, "last": 8}
_COMPARED = {"low": 4, "high": 64, "low_again": 4, "wide": 37, "none": 0, "middle": 16}
_python_makes: Any = vars(EnumType).get("_create_")


class _Kind:
    """How enumerations of one base are made."""

    def __init__(self, base: type[Enum]) -> None:
        self._base = base
        self._is_flag = issubclass(base, Flag)
        self._new: Any = int.__new__ if issubclass(base, int) else object.__new__
        self._taken = {name for kind in base.__mro__ for name in vars(kind)} | {"", "mro"}
        learnt = _by_python(base, _LEARNT)
        own = {*_LEARNT, "_iter_member_", "__doc__"}
        self._shared = {name: value for name, value in vars(learnt).items() if name not in own}
        self._masks = [name for name in _MASKS if name in self._shared]
        self.is_like_python = _told(self.make("Probe", _COMPARED)) == _told(_by_python(base, _COMPARED))

    def suits(self, members: Mapping[str, Any]) -> bool:
        """Whether these are plain names of whole numbers, none of which means something to Python or to the base."""
        return (
            self._taken.isdisjoint(members)
            and not any(map(str.startswith, members, repeat("_")))
            and {int}.issuperset(map(type, members.values()))
            and (not self._is_flag or min(members.values(), default=0) >= 0)
        )

    def make(self, name: str, members: Mapping[str, int]) -> Any:
        """The class with these members."""
        names: list[str] = []
        by_name: dict[str, Any] = {}
        by_value: dict[int, Any] = {}
        body = self._shared | {
            "_member_names_": names,
            "_member_map_": by_name,
            "_value2member_map_": by_value,
            "_unhashable_values_": [],
        }
        if "_unhashable_values_map_" in body:
            body["_unhashable_values_map_"] = {}
        if self._is_flag:
            body.update(self._masked(members))
        made: Any = type.__new__(EnumType, name, (self._base,), body)
        new, numbered = self._new, self._new is int.__new__
        for key, value in members.items():
            member = by_value.get(value)
            if member is None:
                member = by_value[value] = new(made, value) if numbered else new(made)
                member._value_ = value
                member._name_ = key
                member.__objclass__ = made
                member._sort_order_ = len(names)
                if not self._is_flag or (value and not value & (value - 1)):
                    names.append(key)
            by_name[key] = member
            type.__setattr__(made, key, member)
        if self._is_flag:
            values = [by_name[key]._value_ for key in names]
            if values != sorted(values):
                made._iter_member_ = made._iter_member_by_def_
        return made

    def _masked(self, members: Mapping[str, int]) -> dict[str, int]:
        """The bits that flags know of: before Python 3.12 only of members that are one bit."""
        every = single = 0
        for value in members.values():
            every |= value
            if not value & (value - 1):
                single |= value
        known = every if "_singles_mask_" in self._masks else single
        masks = {"_flag_mask_": known, "_singles_mask_": single, "_all_bits_": (1 << every.bit_length()) - 1}
        return {name: masks[name] for name in self._masks}


_known: dict[type[Enum], _Kind | None] = {}


def make_quickly() -> None:
    """From now on, make enumerations as PySide asks for them directly."""
    made_by: Any = EnumType
    if _python_makes is not None:
        made_by._create_ = _create


def _create(
    cls: type[Enum],
    class_name: str,
    names: Any,
    *,
    module: str | None = None,
    boundary: FlagBoundary | None = None,
    **named: Any,
) -> Any:
    """What Python's `enum` does when a class of it is called with `names`."""
    plain = boundary is KEEP and module is None and cls in _KINDS and _are_pairs(names)
    kind = _kind(cls) if plain and not (named.get("type") or named.get("qualname")) else None
    members = dict(names) if kind is not None else {}
    module = module or sys._getframe(2).f_globals.get("__name__")  # who called the class, as Python has it
    if kind is None or len(members) < len(names) or not kind.suits(members):
        return _python_makes(cls, class_name, names, module=module, boundary=boundary, **named)
    made = kind.make(class_name, members)
    made.__module__ = module
    return made


def _are_pairs(names: Any) -> bool:
    return type(names) is list and {tuple}.issuperset(map(type, names)) and {2}.issuperset(map(len, names))


def _kind(base: type[Enum]) -> _Kind | None:
    if base not in _known:
        try:
            kind = _Kind(base)
        except Exception:  # whatever another Python does not like of this; PySide would end the process with it
            _known[base] = None
        else:
            _known[base] = kind if kind.is_like_python else None
    return _known[base]


def _by_python(base: type[Enum], members: Mapping[str, int]) -> Any:
    return _python_makes(base, "Probe", list(members.items()), module=__name__, boundary=KEEP)


def _told(made: Any) -> dict[str, object]:
    """All that a class has, members told by what they have themselves."""
    parts = {name: getattr(made, name) for name in vars(made)}
    told: dict[str, object] = {name: repr(value) for name, value in parts.items()}
    for name, member in made._member_map_.items():
        told[name] = type(member) is made, {**vars(member), "__objclass__": member.__objclass__ is made}
    return told
