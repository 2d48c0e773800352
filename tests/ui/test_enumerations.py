"""Enumerations made directly are those that Python makes."""

from __future__ import annotations

import copy
import enum
import pickle
import types
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import QEvent, Qt

from diptych.ui import enumerations

MODULES = (QtCore, QtGui, QtWidgets)
BASES = (enum.Enum, enum.IntEnum, enum.Flag, enum.IntFlag)


def within(holder: object, seen: set[int]) -> Iterator[enum.EnumType]:
    """The enumerations of a module of PySide, those of its classes as well."""
    for name in dir(holder):
        found = getattr(holder, name, None)
        if not isinstance(found, type) or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, enum.EnumType):
            yield found
        elif found.__module__.startswith("PySide6"):
            yield from within(found, seen)


def as_pyside_asks(base: Any, members: list[tuple[str, object]]) -> Any:
    return base("Asked", members, boundary=enum.KEEP)


def python_makes(base: Any, members: Any, **named: Any) -> Any:
    return enumerations._python_makes(base, "Asked", members, **{"module": __name__, **named})


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_all_of_pyside_are_as_python_makes_them(module: types.ModuleType) -> None:
    count = 0
    for found in within(module, set()):
        base = found.__mro__[1]
        members = {name: member.value for name, member in found.__members__.items()}
        kind = enumerations._kind(base)
        assert kind is not None, f"what is made directly is not like what Python makes of {base}"
        if not kind.suits(members):
            continue
        count += 1
        made = kind.make("Probe", members)
        assert enumerations._told(made) == enumerations._told(enumerations._by_python(base, members)), found
        assert [repr(each) for each in made] == [repr(each) for each in enumerations._by_python(base, members)]
    assert count > 50


def test_pyside_is_answered_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    for base in BASES:
        assert enumerations._kind(base) is not None
    monkeypatch.setattr(enumerations, "_python_makes", None)
    assert as_pyside_asks(enum.Enum, [("One", 1)]).One.value == 1
    assert as_pyside_asks(enum.IntFlag, [("One", 1), ("Two", 2)]).Two == 2


def test_flags_are_joined_taken_apart_and_turned_round() -> None:
    asked = as_pyside_asks(enum.Flag, [("None_", 0), ("Right", 2), ("Left", 1), ("Both", 3), ("Up", 32)])
    assert asked.Right | asked.Left is asked.Both
    assert list(asked.Both | asked.Up) == [asked.Right, asked.Left, asked.Up]
    assert asked.Left in asked.Both
    assert not asked.None_
    assert (asked.Both & ~asked.Left) is asked.Right
    assert asked(64).value == 64, "values that no member has are kept"
    assert str(asked.Left | asked.Up) == "Asked.Left|Up"


def test_members_are_found_by_value_and_name_and_cannot_be_changed() -> None:
    asked = as_pyside_asks(enum.IntEnum, [("A", 1), ("B", -2), ("Again", 1)])
    assert asked(1) is asked["A"] is asked.Again
    assert asked.B == -2
    assert [each.name for each in asked] == ["A", "B"]
    with pytest.raises(ValueError, match="7 is not a valid"):
        asked(7)
    with pytest.raises(AttributeError):
        asked.A = 3
    with pytest.raises(TypeError):
        types.new_class("More", (asked,))


def test_those_of_pyside_can_be_copied_and_kept() -> None:
    for one in (Qt.AlignmentFlag.AlignLeft, QEvent.Type.Paint, Qt.Key.Key_A, Qt.ItemDataRole.DisplayRole):
        assert pickle.loads(pickle.dumps(one)) is one
        assert copy.deepcopy(one) is one


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "members",
    [
        [("name", 1), ("value", 2)],
        [("_ignore_me", 1), ("plain", 2)],
        [("text", "words"), ("number", 1)],
        [("below", -1), ("above", 1)],
        [("yes", True), ("no", False)],
        [("real", 1), ("conjugate", 2)],
        [("counted", 1, "and more")],
        ["words", "alone"],
        [],
    ],
    ids=lambda members: str(members and members[0]),
)
def test_what_is_not_plain_is_made_by_python(base: type[enum.Enum], members: list[tuple[str, object]]) -> None:
    def told(make: Any) -> object:
        try:
            return enumerations._told(make(base, members))
        except (TypeError, ValueError) as error:
            return type(error), str(error)

    def by_python(base: type[enum.Enum], members: list[tuple[str, object]]) -> Any:
        return python_makes(base, members, boundary=enum.KEEP)

    assert told(as_pyside_asks) == told(by_python)


def test_a_name_that_comes_twice_is_refused_as_by_python() -> None:
    with pytest.raises(TypeError, match="Same"):
        as_pyside_asks(enum.Enum, [("Same", 1), ("Same", 2)])


def test_others_who_call_an_enumeration_are_answered_by_python() -> None:
    made = enum.Enum("Colour", "RED GREEN")
    assert [each.value for each in made] == [1, 2]
    assert made.__module__ == __name__, "so that it can be pickled"
    typed = enum.Enum("Typed", [("A", "a")], type=str)
    assert isinstance(typed["A"], str)


def test_where_python_makes_them_otherwise_python_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = enumerations._python_makes

    def later_python(cls: Any, name: str, names: Any, **named: Any) -> Any:
        made = plain(cls, name, names, **named)
        type.__setattr__(made, "_hashable_values_", [value for _, value in names])
        return made

    monkeypatch.setattr(enumerations, "_python_makes", later_python)
    monkeypatch.setattr(enumerations, "_known", {})
    made = as_pyside_asks(enum.Flag, [("One", 1), ("Two", 2)])
    assert made._hashable_values_ == [1, 2]
    assert enumerations._known == {enum.Flag: None}


def test_where_it_cannot_be_learnt_python_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: Any, name: str, members: Any) -> None:
        raise TypeError("another Python")

    monkeypatch.setattr(enumerations._Kind, "make", refuse)
    monkeypatch.setattr(enumerations, "_known", {})
    assert as_pyside_asks(enum.Enum, [("One", 1)]).One.value == 1
    assert enumerations._known == {enum.Enum: None}
