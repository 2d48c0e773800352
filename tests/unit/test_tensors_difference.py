"""Differences are exact where they claim to be, whichever arithmetic serves, and the work can be stopped."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.domain.decoding import codes, decode, packing
from diptych.domain.tensor import DTYPE_BITS, TensorInfo
from diptych.errors import Damaged
from diptych.formats import open_weights
from diptych.tensors import difference as module
from diptych.tensors import engine as engines
from diptych.tensors import plain
from diptych.tensors.difference import TensorDifference, difference
from diptych.tensors.engine import Engine
from diptych.tensors.sums import fresh
from making import write_safetensors
from serving import serve

Raw = NDArray[np.uint8]
FAST = ("BF16", "F16", "F32", "F8_E4M3", "F8_E5M2")


@pytest.fixture
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which arithmetic serves, by the test's parameter."""
    which: str = request.param
    serve(which, module, request, monkeypatch)
    return which


both = pytest.mark.parametrize("chosen", ["plain", "compiled"], indirect=True)


class Held:
    """Tensors in memory."""

    def __init__(self, **tensors: tuple[str, Raw]) -> None:
        self.held = tensors

    @property
    def metadata(self) -> dict[str, str]:
        return {}

    def tensors(self) -> list[TensorInfo]:
        found = []
        for name, (dtype, raw) in self.held.items():
            count, width = packing(dtype)
            found.append(TensorInfo(name, dtype, (len(raw) // width * count,), "m", 0, len(raw)))
        return found

    def raw(self, name: str) -> Raw:
        return self.held[name][1]

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        dtype, raw = self.held[name]
        count, width = packing(dtype)
        step = elements // count * width
        for at in range(0, len(raw), step):
            yield decode(raw[at : at + step], dtype)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def told(dtype_a: str, a: Raw, dtype_b: str, b: Raw) -> TensorDifference:
    found = [each for _, each in difference(Held(x=(dtype_a, a)), Held(y=(dtype_b, b)), [("x", "y")]) if each]
    assert len(found) == 1
    return found[0]


def stored(values: NDArray[np.float64], dtype: str) -> Raw:
    """`values` in `dtype`, rounded somehow; at most eight bits by a pattern that follows them."""
    if dtype == "BF16":
        return (values.astype("<f4").view("<u4") >> 16).astype("<u2").view("u1")
    if dtype.startswith("F8"):
        return (values.astype("<f2").view("<u2") >> 8).astype("u1")
    return values.astype({"F16": "<f2", "F32": "<f4", "F64": "<f8"}[dtype]).view("u1")


def expected(dtype: str, a: Raw, b: Raw) -> dict[str, float]:
    """Everything again, in float64 and in one go."""
    x, y = (decode(raw, dtype).astype(np.float64) for raw in (a, b))
    finite = np.isfinite(x) & np.isfinite(y)
    bits = [raw.view(f"u{max(DTYPE_BITS[dtype], 8) // 8}") for raw in (a, b)]
    norms = [math.sqrt(math.fsum(each[finite] ** 2)) for each in (x, y, y - np.where(finite, x, 0))]
    cosine = math.fsum(x[finite] * y[finite]) / (norms[0] * norms[1]) if norms[0] * norms[1] else math.nan
    return {
        "changed": int((bits[0] != bits[1]).sum()),
        "norm_left": norms[0],
        "norm_right": norms[1],
        "norm_change": norms[2],
        "max_abs": np.abs(y - x)[finite].max(initial=0),
        "cosine": cosine,
        "nonfinite_left": int((~np.isfinite(x)).sum()),
        "nonfinite_right": int((~np.isfinite(y)).sum()),
    }


def agree(numbers: TensorDifference, right: dict[str, float]) -> None:
    for exact in ("changed", "max_abs", "nonfinite_left", "nonfinite_right"):
        assert getattr(numbers, exact) == right[exact], exact
    for close in ("norm_left", "norm_right", "norm_change"):
        assert getattr(numbers, close) == pytest.approx(right[close], rel=1e-6), close


@both
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(dtype, scale) for dtype in (*FAST, "F64") for scale in (1.0, 1e-3)]
    # squares of these leave the range of float32
    + [(dtype, scale) for dtype in ("BF16", "F32", "F64") for scale in (1e-25, 1e25)],
)
def test_numbers_are_those_of_float64(chosen: str, dtype: str, scale: float) -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal(1_100_003) * scale
    y = np.where(random.random(len(x)) < 0.3, x, x + 1e-2 * random.standard_normal(len(x)) * scale)
    a, b = stored(x, dtype), stored(y, dtype)
    numbers = told(dtype, a, dtype, b)
    right = expected(dtype, a, b)
    agree(numbers, right)
    assert numbers.elements == len(x)
    assert numbers.cosine == pytest.approx(right["cosine"], abs=1e-9)
    assert numbers.relative_change == pytest.approx(right["norm_change"] / right["norm_left"], rel=1e-6)


@both
@pytest.mark.parametrize("dtype", FAST)
def test_every_pattern_of_bits_is_told_right(chosen: str, dtype: str) -> None:
    """NaN, infinities, subnormals and noughts of both signs, against a shuffled copy of themselves."""
    random = np.random.default_rng(2)
    if dtype == "F32":
        a = random.integers(0, 256, 2**20, dtype=np.uint8)
    else:
        a = np.arange(2 ** DTYPE_BITS[dtype], dtype=f"<u{DTYPE_BITS[dtype] // 8}").view("u1")
    words = a.view(f"<u{DTYPE_BITS[dtype] // 8}")
    b = random.permutation(words).view("u1")
    with np.errstate(all="ignore"):
        agree(told(dtype, a, dtype, b), expected(dtype, a, b))


@both
@pytest.mark.parametrize("dtype", FAST)
def test_one_changed_bit_is_found_wherever_it_is(chosen: str, dtype: str) -> None:
    random = np.random.default_rng(3)
    a = stored(random.standard_normal(20_000), dtype)
    for at in (0, 4095, 4096, len(a) - 2, len(a) - 1):
        b = a.copy()
        b[at] ^= 1
        numbers = told(dtype, a, dtype, b)
        assert numbers.changed == 1
        assert not numbers.identical
        agree(numbers, expected(dtype, a, b))


@both
def test_equal_tensors_are_identical_even_where_they_hold_nan(chosen: str) -> None:
    a = stored(np.array([1.0, np.nan, -np.inf, 0.0] * 5000), "F32")
    numbers = told("F32", a, "F32", a.copy())
    assert numbers.identical
    assert (numbers.nonfinite_left, numbers.nonfinite_right) == (10_000, 10_000)
    assert (numbers.relative_change, numbers.cosine, numbers.max_abs, numbers.changed_fraction) == (0, 1, 0, 0)
    assert numbers.norm_left == pytest.approx(math.sqrt(5000))


@both
def test_nought_against_something_has_no_angle(chosen: str) -> None:
    a, b = stored(np.zeros(5000), "F32"), stored(np.ones(5000), "F32")
    numbers = told("F32", a, "F32", b)
    assert numbers.relative_change == math.inf
    assert math.isnan(numbers.cosine)
    assert told("F32", a, "F32", a).cosine == 1


@both
def test_the_cosine_of_nearly_parallel_tensors_keeps_its_digits(chosen: str) -> None:
    random = np.random.default_rng(4)
    x = random.standard_normal(1_000_000).astype("f4")
    y = (x + 1e-5 * random.standard_normal(len(x))).astype("f4")
    right_x, right_y = x.astype(np.longdouble), y.astype(np.longdouble)
    unit = right_y / np.sqrt((right_y**2).sum()) - right_x / np.sqrt((right_x**2).sum())
    numbers = told("F32", x.view("u1"), "F32", y.view("u1"))
    assert numbers.cosine_distance == pytest.approx(float((unit**2).sum() / 2), rel=1e-4)


@both
def test_a_tensor_at_an_odd_place_is_read(chosen: str) -> None:
    random = np.random.default_rng(5)
    room = random.integers(0, 255, 40_001, dtype=np.uint8)
    room.flags.writeable = False
    a, b = room[1:], stored(random.standard_normal(10_000), "F32")
    with np.errstate(all="ignore"):
        agree(told("F32", a, "F32", b), expected("F32", a.copy(), b))


@pytest.mark.parametrize("dtype", sorted(DTYPE_BITS))
def test_every_dtype_of_the_format_is_compared(dtype: str) -> None:
    raw = np.arange(96, dtype=np.uint8) % (2 if dtype == "BOOL" else 97)
    other = raw.copy()
    other[0] ^= 1
    assert told(dtype, raw, dtype, raw.copy()).identical
    numbers = told(dtype, raw, dtype, other)
    assert numbers.changed == 1
    assert numbers.elements == 96 * 8 // DTYPE_BITS[dtype]
    if DTYPE_BITS[dtype] < 8:
        x, y = decode(raw, dtype).astype(float), decode(other, dtype).astype(float)
        assert numbers.max_abs == np.abs(x - y).max() > 0
        assert (codes(raw, dtype) != codes(other, dtype)).sum() == 1


def test_whole_numbers_of_64_bits_are_subtracted_as_such() -> None:
    x = np.array([2**62 + 1, -(2**63)], "<i8")
    y = np.array([2**62, 2**63 - 1], "<i8")
    assert told("I64", x.view("u1"), "I64", y.view("u1")).max_abs == float(2**64 - 1)
    close = told("I64", x[:1].view("u1"), "I64", y[:1].view("u1"))
    assert (close.max_abs, close.changed) == (1, 1)


def test_different_dtypes_are_compared_by_value() -> None:
    values = np.array([1.0, 2.5, np.nan, 1 + 2**-9, -0.0])
    numbers = told("F32", stored(values, "F32"), "BF16", stored(values, "BF16"))
    assert numbers.changed == 1
    assert numbers.max_abs == 2**-9
    assert (numbers.nonfinite_left, numbers.nonfinite_right) == (1, 1)
    packed = np.array([0x21, 0x43], np.uint8)
    wide = decode(packed, "F4").astype("<f4").view("u1")
    assert told("F4", packed, "F32", wide).identical


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-307, 1e308])
def test_float64_neither_overflows_nor_vanishes(scale: float) -> None:
    x = np.array([1.0, 0.0, 1.0]) * scale
    y = x * np.array([1.0, 1.0, 0.0])
    numbers = told("F64", stored(x, "F64"), "F64", stored(y, "F64"))
    assert numbers.relative_change == pytest.approx(math.sqrt(0.5))
    assert numbers.cosine == pytest.approx(math.sqrt(0.5))
    assert numbers.norm_change == pytest.approx(scale, rel=1e-9)


def test_pieces_of_any_size_add_up() -> None:
    x = np.zeros(2**20 + 2**16 + 1)
    y = x.copy()
    x[0], x[-1] = 3e-200, 4e200
    y[0], y[-1] = 3e-200, 8e200
    for order in (slice(None), slice(None, None, -1)):
        numbers = told("F64", stored(x[order], "F64"), "F64", stored(y[order], "F64"))
        assert (numbers.norm_left, numbers.relative_change) == pytest.approx((4e200, 1.0))


def test_a_cast_is_told_from_a_change() -> None:
    values = np.random.default_rng(3).standard_normal(5000).astype("f4")
    values[:3] = 1e-6, 6e-8, 1e-9
    half = values.astype("<f2")
    numbers = told("F32", values.view("u1"), "F16", half.view("u1"))
    assert numbers.changed > 4000
    assert numbers.beyond_rounding == 0
    assert told("F16", half.view("u1"), "F32", values.view("u1")).beyond_rounding == 0
    half[7] = np.nextafter(half[7], np.float16(9))
    assert told("F32", values.view("u1"), "F16", half.view("u1")).beyond_rounding == 1
    assert told("F32", values.view("u1"), "F32", values.view("u1")).beyond_rounding is None


@pytest.mark.parametrize(("chosen", "signs"), [("plain", 3), ("compiled", 1)], indirect=["chosen"])
def test_pairs_come_in_their_order_with_signs_of_life(chosen: str, signs: int, tmp_path: Path) -> None:
    large = np.arange(3 * 2**20 + 5, dtype="f4")
    tensors = {"a": np.ones(3, "f4"), "large": large, "none": np.zeros((0, 2), "f4"), "z": np.ones(1, "f2")}
    write_safetensors(tmp_path / "one.safetensors", tensors)
    write_safetensors(tmp_path / "two.safetensors", tensors | {"large": large + 1})
    pairs = [(name, name) for name in ("z", "large", "none", "a")]
    with open_weights(tmp_path / "one.safetensors") as one, open_weights(tmp_path / "two.safetensors") as two:
        found = list(difference(one, two, pairs))
    assert [pair for pair, numbers in found if numbers] == pairs
    assert [pair for pair, numbers in found if numbers is None] == [("large", "large")] * signs
    numbers = dict(found)["large", "large"]
    assert numbers is not None
    assert numbers.changed == len(large)


def test_unequal_numbers_of_elements_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        told("F32", stored(np.ones(2), "F32"), "F32", stored(np.ones(3), "F32"))


def test_a_file_that_shrinks_ends_the_comparison(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_safetensors(tmp_path / f"{name}.safetensors", {at: np.zeros(2**21, "f4") for at in "abcdefgh"})
    pairs = [(at, at) for at in "abcdefgh"]
    with open_weights(tmp_path / "one.safetensors") as one, open_weights(tmp_path / "two.safetensors") as two:
        found = difference(one, two, pairs)
        next(found)
        os.truncate(tmp_path / "two.safetensors", 5 * 2**23)
        with pytest.raises(Damaged, match="became shorter"):
            list(found)


def test_a_file_that_shrinks_while_a_piece_waits_ends_the_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_safetensors(tmp_path / "one.safetensors", {"a": np.zeros(2**16, "f4"), "b": np.zeros(2**16, "f4")})
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    summing = module._sums

    def cutting(work: object) -> NDArray[np.float64]:
        found = summing(work)
        os.truncate(path, 2**18)
        return found

    monkeypatch.setattr(module, "_sums", cutting)
    with open_weights(path) as one, pytest.raises(Damaged, match="became shorter"):
        list(difference(one, one, [("a", "a"), ("b", "b")]))


@both
def test_closing_ends_the_work_at_once(chosen: str) -> None:
    raw = np.zeros(2**26, np.uint8)
    before = threading.active_count()
    with closing(difference(Held(x=("F32", raw)), Held(x=("F32", raw)), [("x", "x")])) as found:
        next(found)
        begin = time.perf_counter()
    assert time.perf_counter() - begin < 0.2
    assert threading.active_count() == before


# which arithmetic serves ---------------------------------------------------------------------------------------------


def test_plain_arithmetic_serves_small_comparisons_without_a_child(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "cache")
    assert engine.arithmetic(1000) is None
    assert not (tmp_path / "cache").exists()


def test_plain_arithmetic_serves_while_the_other_is_compiled(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "cache")
    assert engine.arithmetic(2**40) is None
    engine.close()


def test_a_cache_that_cannot_be_written_leaves_plain_arithmetic(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = Engine(tmp_path / "file" / "cache")
    assert not engine.wait()
    assert engine.arithmetic(2**40) is None


def test_a_child_that_fails_is_not_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_PROGRAM", ("-c", "raise SystemExit(3)"))
    engine = Engine(tmp_path / "cache")
    assert not engine.wait()
    monkeypatch.setattr(engines, "_PROGRAM", ("-c", "import time; time.sleep(60)"))
    assert engine.arithmetic(2**40) is None
    assert engine._child is None


def test_what_was_compiled_is_found_by_the_next_process(filled: Engine) -> None:
    again = Engine(filled._file.parent)
    assert again.arithmetic(1) is not None
    assert again._child is None


def test_loading_what_was_compiled_makes_nobody_wait(filled: Engine) -> None:
    times = []
    for _ in range(5):
        again = Engine(filled._file.parent)
        begin = time.perf_counter()
        assert again.arithmetic(2**40) is not None
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.02


def test_the_compiler_is_never_loaded_by_who_calls_what_it_made(filled: Engine) -> None:
    program = (
        "import sys; from pathlib import Path; from diptych.tensors.engine import Engine;"
        "assert Engine(Path(sys.argv[1])).arithmetic(2**40);"
        "assert not {'numba', 'llvmlite'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program, str(filled._file.parent)], check=True, env=environment)


@pytest.mark.parametrize("spoil", [lambda whole: whole[:5000], lambda whole: whole[:9000] + b"x" + whole[9001:]])
def test_a_library_that_is_not_whole_is_made_anew(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes]
) -> None:
    copy = f"import shutil, sys; shutil.copyfile({str(filled._file)!r}, sys.argv[1])"
    monkeypatch.setattr(engines, "_PROGRAM", ("-c", copy))
    engine = Engine(tmp_path)
    engine._file.write_bytes(spoil(filled._file.read_bytes()))
    assert engine.arithmetic(1000) is None
    assert engine._child is None
    assert engine.wait()
    assert engine._file.read_bytes() == filled._file.read_bytes()


def test_a_library_that_the_system_refuses_leaves_plain_arithmetic(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine._file.write_bytes(b"no library" + hashlib.sha256(b"no library").digest())
    assert engine.arithmetic(2**40) is None
    assert not engine.wait()


def test_plain_sums_do_not_depend_on_the_pieces() -> None:
    random = np.random.default_rng(6)
    raw = [random.integers(0, 255, 3 * 2**16, dtype=np.uint8) for _ in range(2)]
    whole, parts = fresh(), fresh()
    plain.add("F6_E2M3", raw[0], "F6_E2M3", raw[1], whole)
    for at in range(0, len(raw[0]), 3 * 2**12):
        plain.add("F6_E2M3", raw[0][at : at + 3 * 2**12], "F6_E2M3", raw[1][at : at + 3 * 2**12], parts)
    np.testing.assert_allclose(whole, parts, rtol=1e-12)
