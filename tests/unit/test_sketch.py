"""Sketches: linear, right on average, within their stated bounds, and the same whoever computes them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diptych.domain.fingerprint import TensorPrint
from diptych.tensors import sketch


def printed(values: np.ndarray, digest: str = "") -> TensorPrint:
    """The print of a tensor as far as estimates need it."""
    flat = values.reshape(-1).astype(np.float32)
    cells = np.zeros(sketch.cells(flat.size))
    sketch.add(flat, 0, cells)
    norm = float(np.linalg.norm(flat.astype(np.float64)))
    return TensorPrint("t", "F32", values.shape, digest or str(hash(flat.tobytes())), 0, 0, norm, 0, (), 0, 0, 0,
                       cells.astype(np.float32))  # fmt: skip


def test_a_sketch_is_linear() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 50_000)).astype(np.float32)
    whole = np.zeros(1024)
    sketch.add(x - 2 * y, 0, whole)
    parts = np.zeros((2, 1024))
    sketch.add(x, 0, parts[0])
    sketch.add(y, 0, parts[1])
    np.testing.assert_allclose(parts[0] - 2 * parts[1], whole, atol=1e-3)


def test_pieces_add_up_to_the_whole() -> None:
    x = np.random.default_rng(2).normal(size=10_000).astype(np.float32)
    whole, pieces = np.zeros((2, 256))
    sketch.add(x, 0, whole)
    for block in range(0, len(x), 2560):
        sketch.add(x[block : block + 2560], block // 256, pieces)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


@pytest.mark.parametrize("kind", ["spread", "one column", "all alike", "few"])
def test_relative_change_lies_within_the_bounds_in_95_of_100_cases(kind: str) -> None:
    random = np.random.default_rng(3)
    within = 0
    cases = 120
    for _ in range(cases):
        a = random.normal(size=(128, 64)).astype(np.float32)
        d = 0.01 * random.normal(size=a.shape).astype(np.float32)
        if kind == "one column":
            d[:, 1:] *= 0.01
        elif kind == "all alike":
            d[:] = random.normal() * 0.01
        elif kind == "few":
            d[random.random(a.shape) > 0.01] = 0
        found = sketch.estimate(printed(a), printed(a + d))
        assert found is not None
        true = float(np.linalg.norm((a + d).astype(np.float64) - a) / np.linalg.norm(a.astype(np.float64)))
        within += found.low <= true <= found.high
    assert within >= 0.89 * cases  # 95 % expected; three standard deviations of the count


def test_small_tensors_are_told_exactly() -> None:
    a = np.arange(1, 61, dtype=np.float32)
    b = a + np.float32(0.5)
    found = sketch.estimate(printed(a), printed(b))
    assert found is not None
    true = float(np.linalg.norm(b - a) / np.linalg.norm(a))
    assert found.relative_change == pytest.approx(true, rel=1e-5)
    assert found.high - found.low < 1e-5
    assert found.cosine == pytest.approx(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), abs=1e-6)


def test_equal_bytes_are_certain_and_other_shapes_are_not_compared() -> None:
    a = np.ones((4, 4), np.float32)
    same = sketch.estimate(printed(a, "d"), printed(a, "d"))
    assert same is not None
    assert (same.identical, same.relative_change, same.high) == (True, 0.0, 0.0)
    assert sketch.estimate(printed(a), printed(np.ones((4, 5), np.float32))) is None


def test_nought_has_no_relative_change() -> None:
    found = sketch.estimate(printed(np.zeros(100)), printed(np.ones(100)))
    assert found is not None
    assert math.isnan(found.relative_change)


def test_the_mixture_is_that_of_the_paper() -> None:
    # the first outputs of the reference implementation with the seed 1234567
    state, outputs = 1234567, []
    for _ in range(3):
        outputs.append(sketch.mix(state))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_cells_grow_with_the_tensor_up_to_a_thousand() -> None:
    assert [sketch.cells(n) for n in (1, 64, 2048, 16_384, 10**9)] == [64, 64, 128, 1024, 1024]
