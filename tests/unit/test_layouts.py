"""The quick way through a plain header says what the strict one says, and nothing where that refuses."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from diptych.domain.tensor import DTYPE_BITS, Layout
from diptych.formats.json_cursor import Broken, JsonCursor
from diptych.formats.layout import plain_layout, read_layout

NUMBERS: st.SearchStrategy[object] = st.one_of(
    st.integers(0, 3), st.sampled_from((2**62, 2**64, -1, 1.0, True, None, "1", [], {}))
)
WRONG: st.SearchStrategy[object] = st.one_of(
    NUMBERS, st.lists(NUMBERS, max_size=3), st.sampled_from((["dtype", "U8"], {"a": 1, "b": 2}))
)


def strict(text: bytes) -> Layout | None:
    """What the strict way says of a header; None where it refuses."""
    cursor = JsonCursor(memoryview(text))
    try:
        return read_layout(cursor, cursor.members(), "digest")[0]
    except Broken:
        return None


def sound(names: list[str], shapes: list[list[int]], dtypes: list[str]) -> list[tuple[str, list[tuple[str, object]]]]:
    """The members of a header in which tensors lie end to end."""
    members: list[tuple[str, list[tuple[str, object]]]] = []
    reached = 0
    for name, shape, dtype in zip(names, shapes, dtypes, strict=True):
        bits = DTYPE_BITS[dtype]
        for dimension in shape:
            bits *= dimension
        end = reached + bits // 8
        members.append((name, [("dtype", dtype), ("shape", shape), ("data_offsets", [reached, end])]))
        reached = end
    return members


def spelled(value: object) -> str:
    """JSON in which a list of pairs is an object, so that names can repeat."""
    if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{spelled(one)}" for name, one in value) + "}"
    return json.dumps(value, separators=(",", ":"))


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Headers of up to four tensors, each a sound one with at most one thing wrong, or spelled in another way."""
    count = draw(st.integers(1, 4))
    names = draw(st.lists(st.text("ab.-\u00e9", min_size=1, max_size=2), min_size=count, max_size=count))
    shapes = draw(st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=count, max_size=count))
    dtypes = draw(st.lists(st.sampled_from(("U8", "BF16", "F32", "F4")), min_size=count, max_size=count))
    members = sound(names, shapes, dtypes)
    if draw(st.booleans()):
        name, fields = members[draw(st.integers(0, count - 1))]
        place = draw(st.integers(0, 2))
        fields[place] = (fields[place][0], draw(WRONG))
        if draw(st.booleans()):
            fields[:] = draw(st.permutations(fields))
        if draw(st.booleans()):
            members.append((name, fields))
    text = spelled(members)
    if draw(st.booleans()):
        text = text.replace(*draw(st.sampled_from(((",", " , "), ('"a', '"\\u0061'), (":[0", ":[-0"), ("0,", "0.0,")))))
    return text.encode() + b" " * draw(st.integers(0, 2))


@given(headers())
@example(b"{}")
@example(b'{"a":[["dtype","U8"],["shape",[1]],["data_offsets",[0,1]]]}')
@example(b'{"a":{"dtype":"U8","shape":{},"data_offsets":[0,1]}}')
@example(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,true]}}')
@example(b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,1]}}')
@example(b'{"a":{"dtype":"U8","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}')
@example(b'{"__metadata__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}')
@example(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}{}')
@example(b'[{"dtype":"U8","shape":[1],"data_offsets":[0,1]}]')
@example(b'{"\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}')
def test_the_quick_way_says_what_the_strict_one_says(text: bytes) -> None:
    quick = plain_layout(text, "digest")
    assert quick is None or quick == strict(text)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.sampled_from(sorted(DTYPE_BITS)))
def test_the_quick_way_is_taken_for_what_tools_write(shape: list[int], dtype: str) -> None:
    members = sound(["model.weight", "model.b\u00efas"], [[8, *shape]] * 2, [dtype] * 2)
    quick = plain_layout(f"{spelled(members)}   ".encode(), "digest")
    assert quick is not None
    assert quick == strict(spelled(members).encode())
