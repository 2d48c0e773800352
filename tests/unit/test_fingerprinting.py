"""One read of weight files: digests, statistics and sketches are right for every type, however the files are cut."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize
from xxhash import xxh3_128

from diptych.domain.decoding import decode, packing
from diptych.domain.fingerprint import QUANTILES, TensorPrint
from diptych.domain.tensor import DTYPE_BITS, Header, Layout
from diptych.errors import Conflict, NotFound
from diptych.formats import GgufReader, HeaderReader
from diptych.job import Tick, finish
from diptych.tensors import fingerprinting as module
from diptych.tensors import sketch
from diptych.tensors.digest import stamp_of
from diptych.tensors.fingerprinting import Asked, FilePrint, fingerprint_files
from diptych.tensors.sketch import estimate
from making import bfloat16, write_safetensors
from serving import serve


@pytest.fixture(params=["plain", "compiled"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both arithmetics in turn."""
    serve(request.param, module, request, monkeypatch)


def asked(path: Path) -> Asked:
    reader = GgufReader() if path.suffix == ".gguf" else HeaderReader()
    return Asked(path, stamp_of(path.stat()), reader.read(path, path.name))


def printed(path: Path) -> dict[str, TensorPrint]:
    found = finish(fingerprint_files([asked(path)]))[path]
    assert isinstance(found, FilePrint)
    assert found.digest.value == hashlib.sha256(path.read_bytes()).hexdigest()
    return {tensor.name: tensor for tensor in found.tensors}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def laid(folder: Path, dtype: str, raw: np.ndarray, start: int = 64) -> Asked:
    """A file with one tensor that begins at `start`, and something behind it."""
    count, width = packing(dtype)
    path = folder / "weights"
    path.write_bytes(b"h" * start + raw.tobytes() + b"end")
    elements = len(raw) // width * count
    layout = Layout("x", (("t", dtype, (elements,), 0, len(raw)),), elements, dtype)
    return Asked(path, stamp_of(path.stat()), Header("weights", start, layout, {}))


def content(dtype: str, elements: int) -> np.ndarray:
    """Values of a type as bytes, with a few noughts, NaN and infinities where it has them."""
    chance = np.random.default_rng(4)
    if dtype in ("F16", "F32", "F64", "BF16"):
        values = normal(elements)
        values[:5] = 0
        values[7_000:7_003] = np.nan, np.inf, -np.inf
        if dtype == "BF16":
            return bfloat16(values).view(np.uint8)
        return values.astype({"F16": "<f2", "F32": "<f4", "F64": "<f8"}[dtype]).view(np.uint8)
    if dtype == "F8_E8M0":
        return chance.integers(100, 140, elements).astype(np.uint8)
    return chance.integers(0, 2 if dtype == "BOOL" else 256, elements * DTYPE_BITS[dtype] // 8).astype(np.uint8)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("dtype", sorted(set(DTYPE_BITS) - {"C64"}))
def test_statistics_are_those_of_the_values_in_float64(dtype: str, tmp_path: Path) -> None:
    raw = content(dtype, 1_200_000 if dtype in ("BF16", "F32", "F16") else 40_000)
    one = laid(tmp_path, dtype, raw)
    result = finish(fingerprint_files([one]))[one.path]
    assert isinstance(result, FilePrint)
    assert result.digest.value == hashlib.sha256(one.path.read_bytes()).hexdigest()
    (found,) = result.tensors
    with np.errstate(all="ignore"):
        values = decode(raw, dtype).astype(np.float64)
    finite = values[np.isfinite(values)]
    assert found.digest == xxh3_128(raw.tobytes()).hexdigest()
    assert (found.nans, found.infs) == (np.isnan(values).sum(), np.isinf(values).sum())
    assert found.zeros == np.count_nonzero(finite == 0)
    assert found.mean == pytest.approx(finite.mean(), rel=1e-5, abs=1e-6 * np.abs(finite).max())
    assert found.std == pytest.approx(finite.std(), rel=1e-5)
    assert found.norm == pytest.approx(np.sqrt(np.sum(finite**2)), rel=1e-6)
    assert found.absmax == np.abs(finite).max()
    sample = values[:: -(-len(values) // 8192)]
    assert found.quantiles == pytest.approx(tuple(np.quantile(sample[np.isfinite(sample)], QUANTILES)))
    cells = np.zeros(sketch.cells(len(values)))
    with np.errstate(over="ignore"):
        sketch.add(np.where(np.isfinite(values), values, 0).astype(np.float32), 0, cells)
    np.testing.assert_allclose(found.sketch, cells, rtol=1e-4, atol=2e-6 * found.norm)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("start", [65, 2**20 - 1, 3 * 2**20 + 2])
def test_where_a_tensor_lies_makes_no_difference(start: int, tmp_path: Path) -> None:
    raw = content("BF16", 900_000)
    prints = [finish(fingerprint_files([one]))[one.path] for one in (laid(tmp_path, "BF16", raw),)]
    prints += [finish(fingerprint_files([one]))[one.path] for one in (laid(tmp_path, "BF16", raw, start),)]
    (a, b) = (found.tensors[0] for found in prints if isinstance(found, FilePrint))
    assert (a.digest, a.zeros, a.nans, a.quantiles) == (b.digest, b.zeros, b.nans, b.quantiles)
    np.testing.assert_allclose(a.sketch, b.sketch, atol=1e-6 * a.norm)


def test_types_that_are_not_read_are_digested_only(tmp_path: Path) -> None:
    for dtype in ("C64", "type 99"):
        raw = np.arange(80, dtype=np.uint8)
        path = tmp_path / "weights"
        path.write_bytes(raw.tobytes())
        header = Header("weights", 0, Layout("x", (("t", dtype, (10,), 0, 80),), 10, dtype), {})
        found = finish(fingerprint_files([Asked(path, stamp_of(path.stat()), header)]))[path]
        assert isinstance(found, FilePrint)
        (tensor,) = found.tensors
        assert tensor.digest == xxh3_128(raw.tobytes()).hexdigest()
        assert (len(tensor.sketch), tensor.quantiles) == (0, ())


def test_tensors_of_nothing_have_prints(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", {"empty": np.zeros((0, 4), np.float32), "one": np.ones(1)})
    found = printed(path)
    assert found["empty"].digest == xxh3_128(b"").hexdigest()
    assert (found["one"].norm, found["one"].quantiles) == (1.0, (1.0,) * 5)


def test_a_model_in_shards_has_the_prints_of_one_file(tmp_path: Path) -> None:
    tensors = {f"t{at}": normal(64, 300, seed=at) for at in range(6)}
    whole = printed(write_safetensors(tmp_path / "m.safetensors", tensors))
    for at in range(3):
        names = list(tensors)[2 * at : 2 * at + 2]
        path = write_safetensors(tmp_path / f"m-{at}.safetensors", {name: tensors[name] for name in names})
        for name, tensor in printed(path).items():
            assert tensor.digest == whole[name].digest
            np.testing.assert_array_equal(tensor.sketch, whole[name].sketch)


def test_another_dtype_is_compared_by_value(tmp_path: Path) -> None:
    values = normal(256, 256)
    cast = (bfloat16(values).astype(np.uint32) << 16).view(np.float32)
    a = printed(write_safetensors(tmp_path / "a.safetensors", {"t": values}))["t"]
    b = printed(write_safetensors(tmp_path / "b.safetensors", {"t": values}, {"t": "BF16"}))["t"]
    found = estimate(a, b)
    assert found is not None
    true = float(np.linalg.norm((cast - values).astype(np.float64)) / np.linalg.norm(values.astype(np.float64)))
    assert found.low <= true <= found.high
    assert found.relative_change == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_0"])
def test_a_gguf_of_the_same_layout_lies_near(kind: str, tmp_path: Path) -> None:
    values = normal(128, 256)
    a = printed(write_safetensors(tmp_path / "a.safetensors", {"t": values}))["t"]
    path = tmp_path / "b.gguf"
    writer = GGUFWriter(path, "llama")
    written = GGMLQuantizationType[kind]
    writer.add_tensor("first", np.ones(3, np.float32))
    writer.add_tensor("t", quantize(values, written), raw_dtype=written)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    b = printed(path)["t"]
    back = dequantize(quantize(values, written), written).astype(np.float64)
    found = estimate(a, b)
    assert found is not None
    assert b.norm == pytest.approx(np.linalg.norm(back), rel=1e-6)
    assert found.low <= np.linalg.norm(back - values) / np.linalg.norm(values.astype(np.float64)) <= found.high


def test_bounds_hold_for_a_model_that_was_trained_on(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    shapes = [(256, 128), (128, 128), (64, 128), (384, 128), (128, 384), (1024, 128), (128,)]
    base = {f"t{at}": normal(*shapes[at % 7], seed=at) * 0.05 for at in range(70)}
    moved = {}
    for name, values in base.items():
        # some directions, columns and rows move more than others, as with Adam
        change = chance.normal(size=values.shape) * np.exp(chance.normal(size=values.shape[-1]))
        if values.ndim == 2:
            change += np.outer(chance.normal(size=values.shape[0]), chance.normal(size=values.shape[1]))
        moved[name] = (values + 1e-3 * change).astype(np.float32)
    a = printed(write_safetensors(tmp_path / "a.safetensors", base))
    b = printed(write_safetensors(tmp_path / "b.safetensors", moved))
    within = 0
    for name, values in base.items():
        found = estimate(a[name], b[name])
        assert found is not None
        change = moved[name].astype(np.float64) - values
        within += found.low <= np.linalg.norm(change) / np.linalg.norm(values.astype(np.float64)) <= found.high
    assert within >= 0.95 * len(base) - 3


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def forge(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [grow, cut, forge])
@pytest.mark.parametrize("when", ["before", "while"])
def test_a_file_that_changes_has_no_fingerprint(change: Callable[[Path], None], when: str, tmp_path: Path) -> None:
    one = laid(tmp_path, "F32", content("F32", 2_000_000))
    if when == "before":
        change(one.path)
    job = fingerprint_files([one])
    next(job)
    if when == "while":
        change(one.path)
    found = finish(job)[one.path]
    assert isinstance(found, Conflict)
    assert str(one.path) in found.message
    assert "changed while it was read" in found.message


def test_a_file_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    one = laid(tmp_path, "F32", content("F32", 10_000))
    found = finish(fingerprint_files([Asked(tmp_path / "gone"), one, Asked(tmp_path)]))
    assert isinstance(found[tmp_path / "gone"], NotFound)
    assert isinstance(found[one.path], FilePrint)


def test_ticks_count_bytes_and_closing_ends_the_threads(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**32)
    layout = Layout("x", (("t", "F32", (2**30,), 0, 2**32),), 2**30, "F32")
    before = threading.active_count()
    job = fingerprint_files([Asked(path, stamp_of(path.stat()), Header("large", 0, layout, {}))])
    first, second = next(job), next(job)
    assert isinstance(first, Tick)
    assert (first.total, first.unit) == (2**32, "bytes")
    assert 0 < second.done < 2**32
    begin = time.perf_counter()
    job.close()
    assert time.perf_counter() - begin < 0.2
    assert threading.active_count() == before
