"""The dataclasses of the first page: what the standard library's do, theirs do too."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from typing import Any

import pytest

from diptych import dataclass as own

KINDS = [{}, {"frozen": True}, {"frozen": True, "slots": True}, {"slots": True}]


def point(decorator: Any, options: dict[str, bool]) -> Any:
    class Point:
        """A place on a map."""

        x: int
        y: int = 2
        tags: list[str] = field(default_factory=list)

        @property
        def far(self) -> bool:
            return self.x > 9

    Point.__qualname__ = "Point"
    made = decorator(**options)(Point)
    globals()["Point"] = made  # where pickle looks for it
    return made


@pytest.fixture(params=KINDS, ids=lambda options: "+".join(options) or "plain")
def options(request: pytest.FixtureRequest) -> dict[str, bool]:
    return dict(request.param)


@pytest.fixture(params=[dataclasses.dataclass, own.dataclass], ids=["standard", "own"])
def made(request: pytest.FixtureRequest, options: dict[str, bool]) -> Any:
    return point(request.param, options)


def test_values_come_by_place_by_name_and_by_default(made: Any) -> None:
    one = made(1, tags=["a"])
    assert (one.x, one.y, one.tags, one.far) == (1, 2, ["a"], False)
    assert made(3, 4, ["b"]) == made(y=4, x=3, tags=["b"])
    first, second = made(1), made(1)
    assert first.tags == []
    assert first.tags is not second.tags
    assert made.__doc__ == "A place on a map."
    assert made.__match_args__ == ("x", "y", "tags")


@pytest.mark.parametrize("call", [(), (1, 2, [], 4)], ids=["too few", "too many"])
def test_other_counts_of_values_are_refused(made: Any, call: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        made(*call)


def test_other_names_and_a_name_beside_its_place_are_refused(made: Any) -> None:
    with pytest.raises(TypeError):
        made(1, z=3)
    with pytest.raises(TypeError):
        made(1, x=3)


def test_equality_is_of_class_and_values(made: Any) -> None:
    assert made(1) == made(1, 2)
    assert made(1) != made(2)
    assert made(1) != (1, 2, [])


def test_what_is_written_names_the_fields(made: Any) -> None:
    assert repr(made(1)) == "Point(x=1, y=2, tags=[])"


def test_only_what_is_frozen_can_be_hashed(made: Any, options: dict[str, bool]) -> None:
    one = made(1, tags=())
    if "frozen" in options:
        assert hash(one) == hash(made(1, 2, ()))
    else:
        with pytest.raises(TypeError):
            hash(one)


def test_what_is_frozen_keeps_its_values(made: Any, options: dict[str, bool]) -> None:
    one = made(1)
    if "frozen" not in options:
        one.x = 5
        assert one.x == 5
        return
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.x = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.x
    assert one.x == 1


def test_slots_leave_no_room_for_other_names(made: Any, options: dict[str, bool]) -> None:
    assert hasattr(made(1), "__dict__") == ("slots" not in options)


def test_the_standard_functions_take_it(made: Any) -> None:
    one = made(1, tags=["a"])
    assert dataclasses.is_dataclass(one)
    assert dataclasses.replace(one, x=7) == made(7, 2, ["a"])
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "tags": ["a"]}
    assert [(each.name, each.type, each.default) for each in dataclasses.fields(made)][:2] == [
        ("x", "int", dataclasses.MISSING),
        ("y", "int", 2),
    ]


def test_copies_are_equal(made: Any) -> None:
    one = made(1, tags=["a"])
    assert copy.copy(one) == one
    deep = copy.deepcopy(one)
    assert deep == one
    assert deep.tags is not one.tags
    assert pickle.loads(pickle.dumps(one)) == one


def test_what_holds_itself_can_be_written(made: Any) -> None:
    one = made(1)
    one.tags.append(one)
    assert repr(one) == "Point(x=1, y=2, tags=[...])"


def test_without_options_the_brackets_may_be_left_out() -> None:
    @own.dataclass
    class Single:
        value: int

    assert Single(1) == Single(value=1)
