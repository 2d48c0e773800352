"""The JSON cursor says what the standard library says, whatever the window; and it stays within its bounds."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.errors import Damaged
from diptych.records import json_stream
from diptych.records.json_stream import Cut, JsonText, parse_json, read_json

numbers = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=30,
)


@pytest.fixture(params=[64, 100, 256])
def narrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows so small that documents are taken apart; no number is longer than half of one."""
    monkeypatch.setattr(json_stream, "_WINDOW", request.param)
    monkeypatch.setattr(json_stream, "_READ", 16)


@pytest.mark.usefixtures("narrow")
def test_a_narrow_window_changes_nothing() -> None:
    @settings(max_examples=60, deadline=None)
    @given(documents, st.sampled_from([None, 2]), st.booleans())
    def agree(document: object, indent: int | None, ascii_only: bool) -> None:
        written = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
        assert parse_json(written, "x") == document

    agree()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "broken", ["[1 2]", "[1,]", '{"a" 1}', '{"a":1,}', "[nul]", '["\\x"]', "[1]]", '{"a":1,"a":2}', "[-]"]
)
def test_a_narrow_window_finds_the_same_faults(broken: str) -> None:
    broken = f'["{"x" * 300}", {broken}]'
    with pytest.raises(Damaged) as caught:
        parse_json(broken.encode(), "x")
    assert not isinstance(caught.value, Cut)


@pytest.mark.usefixtures("narrow")
def test_every_cut_is_told_as_one() -> None:
    whole = json.dumps({"a": [1.5, -2e10, True, None], "b": {"c": "é\\u00e9\n"}, "d": "x"}, indent=1)
    for length in range(1, len(whole)):
        with pytest.raises(Cut):
            parse_json(whole[:length].encode(), "x")


def test_numbers_beyond_json() -> None:
    found = parse_json(b"[NaN, Infinity, -Infinity, 1e400, 12345678901234567890123]", "x")
    assert isinstance(found, list)
    assert math.isnan(float(str(found[0])))
    assert found[1:] == [math.inf, -math.inf, math.inf, 12345678901234567890123]


def test_depth_ends_at_two_hundred() -> None:
    parse_json(b"[" * 200 + b"]" * 200, "x")
    with pytest.raises(Damaged, match="200 levels"):
        parse_json(b"[" * 201 + b"]" * 201, "x")


def test_faults_name_their_line() -> None:
    with pytest.raises(Damaged, match=r"^some file: .*line 3: a comma"):
        parse_json(b'{"a": 1,\n"b": 2\n"c": 3}', "some file")


def test_a_document_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.write(b'{"a": 1')
        file.truncate(json_stream.MOST_BYTES + 1)
    with pytest.raises(Damaged, match="larger than 256 MiB"):
        read_json(path)


def test_a_large_document_is_never_decoded_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0

    class Watched(json.JSONDecoder):
        def raw_decode(self, s: str, idx: int = 0) -> tuple[object, int]:
            nonlocal longest
            value, end = super().raw_decode(s, idx)
            longest = max(longest, end - idx)
            return value, end

    monkeypatch.setattr(json_stream, "_DECODER", Watched())
    document = {
        "rows": [{"step": n, "loss": n / 7} for n in range(100_000)],
        "names": {f"n{n}": n for n in range(50_000)},
    }
    assert parse_json(json.dumps(document).encode(), "x") == document
    assert 0 < longest <= 2**20


def test_streaming_gives_elements_before_the_end_is_known() -> None:
    text = JsonText(io.BytesIO(b'{"log": [{"a": 1}, {"a": 2}, {"a'), "x")
    assert next(text.members()) == "log"
    elements = ((index, text.value()) for index in text.elements())
    assert next(elements) == (0, {"a": 1})
    assert next(elements) == (1, {"a": 2})
    with pytest.raises(Cut):
        next(elements)
