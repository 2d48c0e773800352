"""The format's own library is asked before data is trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diptych.domain.tensor import Header, Layout
from diptych.errors import Damaged
from diptych.formats import HeaderReader
from diptych.formats.source import SafetensorsSource
from making import write_safetensors


def test_data_is_read_where_both_readers_agree(tmp_path: Path) -> None:
    file = write_safetensors(tmp_path / "model.safetensors", {"w": np.arange(4, dtype=np.float32)})
    with SafetensorsSource([(file, HeaderReader().read(file, file.name))]) as source:
        assert [value for chunk in source.read("w") for value in chunk] == [0, 1, 2, 3]


def test_a_file_that_changed_since_its_header_was_read_is_not_trusted(tmp_path: Path) -> None:
    file = write_safetensors(tmp_path / "model.safetensors", {"w": np.arange(4, dtype=np.float32)})
    header = HeaderReader().read(file, file.name)
    entries = tuple(("other", *entry[1:]) for entry in header.layout.entries)
    renamed = Header(header.file, header.start, Layout("x", entries, 4, "F32"), {})
    with SafetensorsSource([(file, renamed)]) as source, pytest.raises(Damaged, match=r"finds other tensors"):
        source.raw("other")


def test_what_the_library_refuses_is_refused_in_one_line(tmp_path: Path) -> None:
    file = write_safetensors(tmp_path / "model.safetensors", {"w": np.arange(4, dtype=np.float32)})
    header = HeaderReader().read(file, file.name)
    content = bytearray(file.read_bytes())
    content[9:10] = b"!"
    file.write_bytes(bytes(content))
    with SafetensorsSource([(file, header)]) as source, pytest.raises(Damaged) as raised:
        source.raw("w")
    assert raised.value.message.startswith(str(file))
    assert "\n" not in raised.value.message
