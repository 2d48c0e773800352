"""Histograms count every value once, in bins that are told exactly, whichever arithmetic serves."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize
from numpy.typing import NDArray

from diptych.domain.decoding import decode
from diptych.errors import Damaged
from diptych.formats import open_weights
from diptych.job import Tick, finish
from diptych.tensors import histogram as module
from diptych.tensors.bins import Bins, equal_bins
from diptych.tensors.histogram import Histogram, Histograms, histograms
from making import write_safetensors
from serving import serve

Raw = NDArray[np.uint8]
FAST = ("BF16", "F16", "F32", "F8_E4M3", "F8_E5M2")
WORDS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
LARGE = 1_100_003
"""Elements: more than a piece, and no whole number of blocks."""


@pytest.fixture
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which arithmetic serves, by the test's parameter."""
    which = cast("str", request.param)
    serve(which, module, request, monkeypatch)
    return which


both = pytest.mark.parametrize("chosen", ["plain", "compiled"], indirect=True)


def stored(values: NDArray[np.float64], dtype: str) -> Raw:
    """`values` in `dtype`, rounded somehow."""
    with np.errstate(over="ignore"):
        if dtype == "BF16":
            return (values.astype("<f4").view("<u4") >> 16).astype("<u2").view("u1")
        if dtype.startswith("F8"):
            return (values.astype("<f2").view("<u2") >> 8).astype("u1")
        return values.astype({"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4"}[dtype]).view("u1")


def written(folder: Path, dtype: str, raw: Raw) -> Path:
    """A file with one tensor, `w`."""
    values = decode(raw, dtype) if dtype == "BF16" else raw.view(WORDS.get(dtype, "u1"))
    return write_safetensors(folder / "w.safetensors", {"w": values}, {"w": dtype})


def told(folder: Path, dtype_a: str, a: Raw, dtype_b: str, b: Raw, bins: int = 128) -> Histograms:
    paths = []
    for name, dtype, raw in (("a", dtype_a, a), ("b", dtype_b, b)):
        width = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8, "I32": 4}.get(dtype, 1)
        path = folder / f"{name}.safetensors"
        # an odd number of values lies at an odd place of its file
        pad = np.zeros(len(raw) // width % 2, "u1")
        shaped = np.ascontiguousarray(raw).view({1: "u1", 2: "<f2", 4: "<u4", 8: "<f8"}[width])
        if dtype == "BF16":
            write_safetensors(path, {"pad": pad, "w": decode(raw, "BF16")}, {"w": "BF16"})
        else:
            write_safetensors(path, {"pad": pad, "w": shaped}, {"w": dtype})
        paths.append(path)
    with open_weights(paths[0]) as left, open_weights(paths[1]) as right:
        return finish(histograms(left, right, "w", "w", bins))


def counted(values: NDArray[np.float64], edges: tuple[float, ...]) -> list[int]:
    """Counts by NumPy, of a value on an edge in the bin farther from nought: both signs by their sizes."""
    finite = values[np.isfinite(values)]
    limits = np.array(edges)
    above = np.searchsorted(limits, finite[finite >= 0], side="right") - 1
    below = np.searchsorted(limits, finite[finite < 0], side="left") - 1
    places = np.concatenate((above, below))
    assert places.min(initial=0) >= 0
    assert places.max(initial=0) < len(edges) - 1
    return np.bincount(places, minlength=len(edges) - 1).tolist()


def agree(found: Histograms, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        change = y - x
    for histogram, values in ((found.left, x), (found.right, y), (found.change, change)):
        assert list(histogram.counts) == counted(values, histogram.edges)
        assert histogram.nonfinite == np.count_nonzero(~np.isfinite(values))
        assert sum(histogram.counts) + histogram.nonfinite == len(values)
    assert found.left.edges == found.right.edges
    widths = np.diff(found.left.edges)
    assert (widths == widths[0]).all()
    sizes = np.array(found.change.edges)
    assert (sizes == -sizes[::-1]).all()
    assert (np.frexp(sizes)[0] == np.copysign(0.5, sizes)).all()


@both
@pytest.mark.parametrize("dtype", [*FAST, "F64"])
@pytest.mark.parametrize("count", [0, 1, 2047, 2049, LARGE])
def test_counts_are_those_of_numpy(chosen: str, dtype: str, count: int, tmp_path: Path) -> None:
    random = np.random.default_rng(count)
    x = random.standard_normal(count)
    y = np.where(random.random(count) < 0.3, x, x + 1e-2 * random.standard_normal(count))
    a, b = stored(x, dtype), stored(y, dtype)
    found = told(tmp_path, dtype, a, dtype, b)
    agree(found, *(decode(raw, dtype).astype(np.float64) for raw in (a, b)))
    if count == LARGE:
        assert 64 <= len(found.left.counts) <= 128 or dtype.startswith("F8")


@both
@pytest.mark.parametrize("dtype", FAST)
def test_every_pattern_of_bits_is_counted(chosen: str, dtype: str, tmp_path: Path) -> None:
    """NaN, infinities, subnormals and noughts of both signs, against a shuffled copy of themselves."""
    random = np.random.default_rng(2)
    if dtype == "F32":
        a = random.integers(0, 256, 2**20, dtype=np.uint8)
    else:
        bits = 8 if dtype.startswith("F8") else 16
        a = np.arange(2**bits, dtype=f"<u{bits // 8}").view("u1")
    b = random.permutation(a.view(f"<u{4 if dtype == 'F32' else 1 if dtype[1] == '8' else 2}")).view("u1")
    found = told(tmp_path, dtype, a, dtype, b)
    with np.errstate(invalid="ignore"):
        agree(found, *(decode(raw, dtype).astype(np.float64) for raw in (a, b)))


@both
@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
@pytest.mark.parametrize("lowest", [-9, -40, -66])
def test_changes_are_told_by_their_octaves_next_to_powers_of_two(
    chosen: str, dtype: str, lowest: int, tmp_path: Path
) -> None:
    """Powers of two less or more by something far smaller or nothing, where a change in float32 would be rounded."""
    random = np.random.default_rng(7)
    x, y = (
        random.choice([-1.0, 1.0, 0.75, 0.0], 2**16) * 2.0 ** random.integers(lowest, 2 if lowest < -40 else 0, 2**16)
        for _ in range(2)
    )
    # blocks that hold one change beyond those which come in twos
    y[:: 2**13] = 2.0 ** np.arange(-65, -57)
    x[:: 2**13] = 0
    a, b = stored(x, dtype), stored(y, dtype)
    found = told(tmp_path, dtype, a, dtype, b)
    agree(found, *(decode(raw, dtype).astype(np.float64) for raw in (a, b)))


@both
@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
def test_one_change_unlike_the_others_of_its_block_is_counted_as_it_is(chosen: str, dtype: str, tmp_path: Path) -> None:
    """Of a size that only float64 tells, or of none, in every block another one, and what is left behind the last."""
    random = np.random.default_rng(9)
    x = random.standard_normal(20 * 2**12 + 3) * 0.02
    y = x + random.standard_normal(len(x)) * 2e-4
    ends = [(0, 1), (0, 1.5), (1, -1), (0, 2), (-4, 4), (1, 2.0**-30), (2.0**-50, 1), (-(2.0**-24), -0.5), (0, -0.0)]
    ends += [
        (0, 2.0**-126),
        (0, 2.0**-127),
        (2.0**-133, 0),
        (2.0**-126, 1.5 * 2.0**-126),
        (np.inf, 1),
        (np.inf, np.inf),
    ]
    ends += [(np.nan, 1), (-np.inf, np.nan), (3e38, -3e38), (0.25, 0.25), (2.0**-24, 2.0**-23)]
    for at, (one, other) in enumerate(ends):
        x[at * 2**12 + 7 * at], y[at * 2**12 + 7 * at] = one, other
    a, b = stored(x, dtype), stored(y, dtype)
    found = told(tmp_path, dtype, a, dtype, b)
    agree(found, *(decode(raw, dtype).astype(np.float64) for raw in (a, b)))


@both
@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
def test_values_of_one_sign_have_their_limits_told(chosen: str, dtype: str, tmp_path: Path) -> None:
    for sign in (-1.0, 1.0):
        x = sign * np.random.default_rng(10).uniform(0.5, 0.75, 3 * 2**12 + 5)
        a, b = stored(x, dtype), stored(x[::-1].copy(), dtype)
        found = told(tmp_path, dtype, a, dtype, b)
        agree(found, *(decode(raw, dtype).astype(np.float64) for raw in (a, b)))
        assert len(found.left.counts) >= 32
        assert min(map(abs, (found.left.edges[0], found.left.edges[-1]))) > 0.48


@both
@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
def test_values_that_lie_close_together_far_from_nought_are_told_apart(chosen: str, dtype: str, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    a, b = (stored(1 + 1e-2 * random.standard_normal(20_000), dtype) for _ in range(2))
    found = told(tmp_path, dtype, a, dtype, b)
    agree(found, *(decode(raw, dtype).astype(np.float64) for raw in (a, b)))
    # of BF16 there are no more values than these to be told apart
    assert (len(found.left.counts) > 64) == (dtype != "BF16")


@pytest.mark.parametrize(
    ("left", "right"), [("BF16", "F32"), ("F8_E4M3", "F8_E5M2"), ("F64", "BF16"), ("F8_E5M2", "F16")]
)
def test_types_that_differ_are_counted_by_value(left: str, right: str, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    x = random.standard_normal(5000)
    a, b = stored(x, left), stored(x, right)
    agree(told(tmp_path, left, a, right, b), *(decode(r, d).astype(float) for r, d in ((a, left), (b, right))))


@pytest.mark.parametrize("scale", [1e-300, 1e-43, 1e-38, 1e38, 1e307])
def test_bins_hold_the_smallest_and_the_largest_values(scale: float, tmp_path: Path) -> None:
    x = np.random.default_rng(5).uniform(-1, 1, 3000) * scale
    a, b = stored(x, "F64"), stored(-x, "F64")
    agree(told(tmp_path, "F64", a, "F64", b), x, -x)
    if 1e-45 < scale < 1e39:
        a, b = stored(x, "F32"), stored(x[::-1], "F32")
        agree(told(tmp_path, "F32", a, "F32", b), *(decode(raw, "F32").astype(np.float64) for raw in (a, b)))


@pytest.mark.parametrize("value", [0.0, -3.0, 5.3, 1e-40])
def test_equal_values_stand_in_the_middle(value: float, tmp_path: Path) -> None:
    a = stored(np.full(7, value), "F32")
    found = told(tmp_path, "F32", a, "F32", a)
    assert found.left.counts == (0, 7, 0)
    assert found.change.counts == (0, 7, 0)
    assert max(found.change.edges) < 1e-44


def test_what_did_not_change_is_in_the_middle_between_powers_of_two(tmp_path: Path) -> None:
    a = np.zeros(6)
    b = np.array([0, 0, 0, 0.5, -0.75, 1.0])
    found = told(tmp_path, "F32", stored(a, "F32"), "F32", stored(b, "F32")).change
    assert found == Histogram((0, 1, 3, 1, 1), (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0))


def test_octaves_far_below_the_largest_change_are_in_the_middle(tmp_path: Path) -> None:
    b = np.array([2.0**-at for at in range(60)])
    found = told(tmp_path, "F64", stored(0 * b, "F64"), "F64", stored(b, "F64")).change
    assert found.counts == (0,) * 32 + (28,) + (1,) * 32
    assert found.edges[32:34] == (-(2.0**-31), 2.0**-31)


def test_whole_and_complex_numbers_have_histograms(tmp_path: Path) -> None:
    a = np.array([-2, 0, 0, 3])
    found = told(tmp_path, "I32", stored(a, "I32"), "I32", stored(a + 1, "I32"))
    assert found.left == Histogram((1, 0, 2, 0, 0, 1, 0), (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5))
    assert found.change == Histogram((0, 0, 4), (-2.0, -1.0, 1.0, 2.0))
    path = write_safetensors(tmp_path / "c.safetensors", {"w": np.array([3 + 4j, 0], "c8"), "v": np.zeros(2, "c8")})
    with open_weights(path) as source:
        sizes = finish(histograms(source, source, "v", "w"))
    assert (sum(sizes.change.counts), sizes.change.counts[-1], sizes.change.edges[-2:]) == (2, 1, (4.0, 8.0))


def test_quantised_blocks_are_counted_by_their_values(tmp_path: Path) -> None:
    values = np.random.default_rng(6).standard_normal((8, 256)).astype(np.float32)
    packed = quantize(values, GGMLQuantizationType.Q8_0)
    writer = GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("w", packed, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    plain = dequantize(packed, GGMLQuantizationType.Q8_0).reshape(-1).astype(np.float64)
    with open_weights(tmp_path / "model.gguf") as source:
        agree(finish(histograms(source, source, "w", "w")), plain, plain)


@pytest.mark.parametrize("seed", range(5))
def test_bins_are_as_narrow_as_they_may_be(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(100):
        low, high = sorted(random.standard_normal(2) * 10.0 ** random.integers(-30, 30, 2))
        bins = equal_bins(low, high, 128, 24, -149)
        assert bins.last - bins.first < 128
        assert bins.edges[0] <= low <= high <= bins.edges[-1]
        narrower = Bins(bins.exponent - 1, 0, 0).places(np.array([low, high]))
        finest = np.frexp(max(-low, high))[1] - 24
        assert narrower[1] - narrower[0] >= 128 or bins.exponent == finest


@both
def test_ticks_tell_how_far_it_is(chosen: str, tmp_path: Path) -> None:
    a = write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(3 * 2**20 + 1, "f4")})
    ticks: list[Tick] = []
    with open_weights(a) as source:
        finish(histograms(source, source, "w", "w"), ticks.append)
    # of both sides the changes, then the values
    assert ticks[-1].done == ticks[-1].total == 4 * (3 * 2**20 + 1) * 4
    assert [tick.done for tick in ticks] == sorted(tick.done for tick in ticks)
    assert len({tick.done for tick in ticks} - {0}) == (4 if chosen == "compiled" else 8)


@both
@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64"])
def test_the_change_is_told_before_any_value_is_counted(chosen: str, dtype: str, tmp_path: Path) -> None:
    values = np.random.default_rng(8).standard_normal((2, 5000))
    left, right = (
        written(tmp_path / name, dtype, stored(each, dtype)) for name, each in zip("ab", values, strict=True)
    )
    ticks: list[Tick] = []
    with open_weights(left) as a, open_weights(right) as b:
        found = finish(histograms(a, b, "w", "w"), ticks.append)
    told = [tick for tick in ticks if tick.partial is not None]
    assert [tick.done for tick in ticks if tick.partial is None][-1] == told[0].done == told[0].total / 2
    assert told[-1].done == told[-1].total
    assert all(tick.partial == found.change for tick in told)


@both
@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_values_that_changed_since_the_range_was_found_are_in_the_outermost_bins(
    chosen: str, dtype: str, tmp_path: Path
) -> None:
    """Another program may write to the file meanwhile; no count may then be one of other memory."""
    path = written(tmp_path, dtype, stored(np.linspace(-1, 1, 5000), dtype))
    begin = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    with open_weights(path) as source, closing(histograms(source, source, "w", "w")) as job:
        next(tick for tick in job if tick.partial is not None)
        with path.open("r+b") as file:
            file.seek(begin)
            file.write(stored(np.linspace(-400, 400, 5000), dtype).tobytes())
        found = finish(job)
    assert sum(found.left.counts) == 5000
    assert min(found.left.counts[0], found.left.counts[-1]) > 2000


def test_a_file_that_becomes_shorter_is_damaged_and_no_thread_stays(tmp_path: Path) -> None:
    a = write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(20 * 2**20, "f4")})
    before = threading.active_count()
    with open_weights(a) as source, closing(histograms(source, source, "w", "w")) as job:
        next(job)
        os.truncate(a, a.stat().st_size - 4)
        with pytest.raises(Damaged, match="shorter"):
            finish(job)
    assert threading.active_count() == before


def test_it_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    started: list[object] = []
    counting: Callable[..., object] = module._changes_of

    def slow(*arguments: object) -> object:
        started.append(arguments)
        let_go.wait(10)
        return counting(*arguments)

    monkeypatch.setattr(module, "_changes_of", slow)
    a = write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(64 * 2**20, "f2")})
    with open_weights(a) as source:
        job = histograms(source, source, "w", "w")
        assert next(job).done == 0
        let_go.set()
        job.close()
    assert len(started) < 20
