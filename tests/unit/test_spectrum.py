"""Singular values of changes: right to a thousandth, and a low-rank update told from a full one."""

from __future__ import annotations

import time

import numpy as np
import pytest

from diptych.compare.spectra import told
from diptych.job import finish
from diptych.tensors import spectrum as module
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


def test_values_that_are_equal_are_all_found() -> None:
    random = np.random.default_rng(7)
    left, right = (np.linalg.qr(random.normal(size=(900, 50)))[0] for _ in range(2))
    matrix = (left @ right.T + 1e-5 * random.normal(size=(900, 900))).astype(np.float32)
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[:MOST]
    np.testing.assert_allclose(finish(spectrum(matrix)).values, exact, rtol=1e-3)


def test_a_matrix_of_few_directions_ends_the_search() -> None:
    found = finish(spectrum(low_rank(900, 1000, 3)))
    assert found.low_rank == 3
    assert found.values[3] < 1e-4 * found.values[0]


def test_values_that_did_not_settle_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(8).normal(size=(900, 1000)).astype(np.float32)
    settled = finish(spectrum(matrix))
    assert settled.settled
    assert "settle" not in told(settled)
    monkeypatch.setattr(module, "_MOST", 256)
    stopped = finish(spectrum(matrix))
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[:MOST]
    assert not stopped.settled
    assert (stopped.values <= exact * (1 + 1e-6)).all()
    assert stopped.values[-1] * (1 + 3 * stopped.error) > exact[-1]
    assert "may be" in told(stopped)


@pytest.mark.parametrize("shape", [(512, 6000), (2500, 2000)])
def test_a_search_can_be_given_up_within_a_moment(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(9).standard_normal(shape, np.float32)
    for _ in range(3):  # another program may hold this one up, but not each time
        longest, last = 0.0, time.monotonic()
        for _ in spectrum(matrix):
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        if longest < 0.2:
            break
    assert longest < 0.2


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
