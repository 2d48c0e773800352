"""GGUF: hostile files end in one line at once, good ones read as GGML's own converter reads them."""

from __future__ import annotations

import time
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from hostile_gguf import ACCEPTED, REJECTED, U8, Case, cases, pair, tensor
from hostile_gguf import gguf as built
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych import display
from diptych.domain.ggml import BLOCKS, QUANTISED
from diptych.errors import Damaged, DiptychError, Refused
from diptych.formats import Gguf, GgufReader, Partial
from diptych.workbench import Workbench

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_strange_file_ends_in_one_line_or_is_read(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(case.content)
    begun = time.process_time()
    if case.verdict == ACCEPTED:
        header = GgufReader().read(path, path.name)
        assert all(display.visible(value) == value or "\x1b" not in value for value in header.metadata.values())
    else:
        with pytest.raises(Damaged) as caught:
            GgufReader().read(path, path.name)
        message = caught.value.message
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert display.visible(message) == message
        assert len(message) - len(str(path)) < 200
        assert case.reason in message
    assert time.process_time() - begun < 5


def test_the_corpus_is_all_there() -> None:
    assert sum(case.verdict == REJECTED for case in CASES) >= 45
    assert len({case.name for case in CASES}) == len(CASES)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_changed_anywhere_end_in_one_line_or_are_read(data: st.DataObject, tmp_path: Path) -> None:
    from hostile_gguf import whole

    content = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 700))] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.gguf"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    said = ""
    try:
        with Gguf().open(path) as source:
            for one in source.tensors():
                source.raw(one.name)
    except DiptychError as error:
        said = error.message
    assert "\n" not in said


def test_a_file_that_grows_is_partial(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(built([], [tensor("a", (8,), 0, 0)], bytes(32))[:-4])
    with pytest.raises(Partial):
        GgufReader().read(path, path.name)


def test_values_of_an_unknown_type_are_refused_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    rows = [tensor("strange", (8,), 42, 0), tensor("plain", (8,), 0, 32)]
    path.write_bytes(built([pair("k", U8, b"\1")], rows, bytes(64)))
    with Gguf().open(path) as source:
        assert [(one.name, one.dtype) for one in source.tensors()] == [("strange", "type 42"), ("plain", "F32")]
        assert len(next(source.read("plain"))) == 8
        with pytest.raises(Refused, match="type 42, which is not read"):
            next(source.read("strange"))


WRITABLE = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "BF16", "F16", "F32", "TQ1_0", "TQ2_0", "MXFP4"]


@pytest.mark.parametrize("dtype", WRITABLE)
def test_blocks_are_read_as_the_converter_wrote_them(dtype: str, tmp_path: Path) -> None:
    kind = GGMLQuantizationType[dtype]
    values = np.random.default_rng(1).normal(size=(4, 512)).astype(np.float32)
    raw = quantize(values, kind)
    path = _written(tmp_path, raw, kind)
    with Gguf().open(path) as source:
        (info,) = source.tensors()
        assert (info.dtype, info.shape) == (dtype, (4, 512))
        read = np.concatenate(list(source.read("a", 256)))
    np.testing.assert_array_equal(read, gguf.quants.dequantize(raw, kind).reshape(-1).astype(np.float32))
    np.testing.assert_allclose(read, values.reshape(-1), atol=2.5)


K_QUANTS = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_S", "IQ2_XS"]


@pytest.mark.parametrize("dtype", K_QUANTS)
def test_blocks_that_only_the_c_code_writes_are_read_whatever_they_hold(dtype: str, tmp_path: Path) -> None:
    kind = GGMLQuantizationType[dtype]
    elements, size = BLOCKS[dtype]
    raw = np.random.default_rng(2).integers(0, 256, (3, 512 // elements * size), dtype=np.uint8)
    path = _written(tmp_path, raw, kind)
    with Gguf().open(path) as source:
        read = np.concatenate(list(source.read("a", 300)))
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(raw, kind).reshape(-1).astype(np.float32)
    np.testing.assert_array_equal(read, expected)
    assert len(read) == 3 * 512


def test_the_table_of_blocks_is_that_of_the_library() -> None:
    ours = {number: (elements, size) for number, (_, elements, size) in QUANTISED.items()}
    theirs = {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items() if int(kind) in ours}
    assert ours == theirs


def test_a_large_vocabulary_is_stepped_over(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_token_list([f"token{at}" for at in range(152_000)])
    writer.add_token_merges([f"a{at} b{at}" for at in range(280_000)])
    writer.add_tensor("a", np.zeros((4, 32), np.float32))
    _finish(writer)
    begun = time.process_time()
    header = GgufReader().read(path, path.name)
    assert time.process_time() - begun < 2  # a twentieth of it here; the library needs ten seconds
    assert header.metadata["tokenizer.ggml.tokens"] == "152,000 values"


def _written(folder: Path, raw: np.ndarray, kind: GGMLQuantizationType) -> Path:
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("a", raw, raw_dtype=kind)
    _finish(writer)
    return path


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_any_shard_names_its_set(workbench: Workbench, tmp_path: Path) -> None:
    for stem in ("large", "small"):
        for number, name in enumerate(("a", "b"), 1):
            shard = built(tensors=[tensor(name, (32,), 0, 0)], data=bytes(128))
            (tmp_path / f"{stem}-0000{number}-of-00002.gguf").write_bytes(shard)
    for number in (1, 2):
        found = workbench.dossier(tmp_path / f"small-0000{number}-of-00002.gguf")
        assert found.version.name == "small-00001-of-00002"
        assert {one.name for one in found.tensors} == {"a", "b"}
