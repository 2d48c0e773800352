"""Singular values of changes: right to a thousandth, and a low-rank update told from a full one."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.job import finish
from diptych.tensors.spectrum import MOST, spectrum


def low_rank(rows: int, columns: int, rank: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(rows, rank)) @ random.normal(size=(rank, columns)) / 100).astype(np.float32)


@pytest.mark.parametrize("shape", [(300, 200), (900, 1100), (1400, 900)])
@pytest.mark.parametrize("kind", ["full", "decaying", "low rank"])
def test_the_largest_values_are_right_to_a_thousandth(shape: tuple[int, int], kind: str) -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=shape).astype(np.float32)
    if kind == "decaying":
        matrix *= np.exp(-np.arange(shape[1]) / 50).astype(np.float32)
    elif kind == "low rank":
        matrix = low_rank(*shape, 16)
    found = finish(spectrum(matrix))
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    kept = exact[:MOST] > exact[0] * 1e-4
    np.testing.assert_allclose(found.values[: kept.sum()], exact[:MOST][kept], rtol=1e-3)
    assert found.energy == pytest.approx(float((exact**2).sum()), rel=1e-5)


@pytest.mark.parametrize("rank", [1, 8, 16, 32])
def test_a_lora_is_recognised_by_its_rank(rank: int) -> None:
    found = finish(spectrum(low_rank(400, 300, rank)))
    assert found.low_rank == rank
    assert found.rank_at(0.999) is not None
    assert found.rank_at(0.999) <= rank


def test_a_lora_merged_into_bfloat16_is_recognised_behind_the_rounding() -> None:
    random = np.random.default_rng(4)
    base = _bf16(random.normal(scale=0.02, size=(512, 512)).astype(np.float32))
    merged = _bf16(base + low_rank(512, 512, 8) / 20)
    assert finish(spectrum(merged - base)).low_rank == 8


@pytest.mark.parametrize("kind", ["full", "decaying"])
def test_a_full_change_is_no_lora(kind: str) -> None:
    matrix = np.random.default_rng(5).normal(size=(400, 300)).astype(np.float32)
    if kind == "decaying":
        matrix *= np.exp(-np.arange(300) / 30).astype(np.float32)
    assert finish(spectrum(matrix)).low_rank is None


def test_no_change_has_no_direction() -> None:
    found = finish(spectrum(np.zeros((40, 30), np.float32)))
    assert found.stable_rank == 0
    assert found.low_rank is None
    assert found.rank_at(0.5) is None


def test_values_that_are_not_finite_are_left_out() -> None:
    matrix = low_rank(100, 80, 2)
    matrix[0, 0] = np.nan
    assert np.isfinite(finish(spectrum(matrix)).values).all()


def test_the_stable_rank_counts_equal_directions() -> None:
    assert finish(spectrum(np.eye(50, dtype=np.float32))).stable_rank == pytest.approx(50, rel=1e-5)


def _bf16(values: np.ndarray) -> np.ndarray:
    bits = values.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.astype(np.uint32).view(np.float32)
