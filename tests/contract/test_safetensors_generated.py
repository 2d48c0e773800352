"""Safetensors files as no corpus has them: made at random, and changed by a byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hostile_safetensors import entry, one_line, packed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.domain.decoding import packing
from diptych.domain.tensor import DTYPE_BITS
from diptych.errors import Damaged
from diptych.formats import HeaderReader, open_weights

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tensors = st.dictionaries(
    names.filter(lambda name: name != "__metadata__"),
    st.tuples(st.sampled_from(sorted(DTYPE_BITS)), st.lists(st.integers(0, 4), max_size=3)),
    max_size=6,
)
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def built(declared: dict[str, tuple[str, list[int]]], metadata: dict[str, str] | None) -> bytes:
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    offset = 0
    for name, (dtype, shape) in declared.items():
        group, width = packing(dtype)
        full = [*shape, group]
        length = int(np.prod(full)) // group * width
        header[name] = entry(dtype, full, [offset, offset + length])
        offset += length
    return packed(header, bytes(at % 251 for at in range(offset)))


@relaxed
@given(declared=tensors, metadata=st.none() | st.dictionaries(names, names, max_size=3))
def test_what_was_written_is_read(
    declared: dict[str, tuple[str, list[int]]], metadata: dict[str, str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(built(declared, metadata))
    header = HeaderReader().read(path, "m.safetensors")
    assert header.metadata == (metadata or {})
    assert {each.name: (each.dtype, list(each.shape[:-1])) for each in header.tensors()} == {
        name: (dtype, shape) for name, (dtype, shape) in declared.items()
    }
    with open_weights(path) as source:
        content = path.read_bytes()
        for tensor in source.tensors():
            assert source.raw(tensor.name).tobytes() == content[tensor.begin : tensor.end]


@relaxed
@given(data=st.data(), declared=tensors)
def test_a_changed_byte_is_read_or_refused_and_nothing_else(
    data: st.DataObject, declared: dict[str, tuple[str, list[int]]], tmp_path: Path
) -> None:
    content = bytearray(built(declared, {"format": "pt"}))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(content), 400) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.safetensors"
    path.write_bytes(bytes(content))
    try:
        header = HeaderReader().read(path, "m.safetensors")
    except Damaged as error:
        one_line(error, path)
    else:
        assert header.start + sum(tensor.bytes for tensor in header.tensors()) == len(content)
