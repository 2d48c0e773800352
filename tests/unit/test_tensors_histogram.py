"""Histograms count every value once, over bins that both sides share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diptych.formats import open_weights
from diptych.job import Tick, finish
from diptych.tensors.histogram import Histograms, histograms
from making import write_safetensors


def counted(folder: Path, a: np.ndarray, b: np.ndarray, bins: int = 10) -> tuple[Histograms, list[Tick]]:
    one = write_safetensors(folder / "one.safetensors", {"w": a})
    two = write_safetensors(folder / "two.safetensors", {"w": b})
    ticks: list[Tick] = []
    with open_weights(one) as left, open_weights(two) as right:
        return finish(histograms(left, right, "w", "w", bins), ticks.append), ticks


def test_counts_are_those_of_numpy(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    a = random.standard_normal(600_000).astype("f4")
    b = (a * 1.5).astype("f4")
    found, ticks = counted(tmp_path, a, b, 31)
    edges = np.linspace(float(min(a.min(), b.min())), float(max(a.max(), b.max())), 32)
    np.testing.assert_allclose(found.left.edges, edges)
    assert found.left.edges == found.right.edges
    np.testing.assert_array_equal(found.left.counts, np.histogram(a.astype(float), found.left.edges)[0])
    np.testing.assert_array_equal(found.right.counts, np.histogram(b.astype(float), found.left.edges)[0])
    change = b.astype(float) - a.astype(float)
    assert sum(found.change.counts) == len(a)
    assert found.change.edges[0] == -found.change.edges[-1] == -np.abs(change).max()
    assert ticks[-1].done == ticks[-1].total == a.nbytes * 2
    assert len(ticks) == 6


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_equal_values_stand_in_the_middle(value: float, tmp_path: Path) -> None:
    found, _ = counted(tmp_path, np.full(7, value, "f4"), np.full(7, value, "f4"), 3)
    assert found.left.counts == (0, 7, 0)
    assert found.change.counts == (0, 7, 0)


def test_what_is_not_finite_is_counted_apart(tmp_path: Path) -> None:
    a = np.array([1, np.nan, np.inf, 2], "f4")
    b = np.array([1, 1, np.inf, 2], "f4")
    found, _ = counted(tmp_path, a, b)
    assert [each.nonfinite for each in (found.left, found.right, found.change)] == [2, 1, 2]
    assert [sum(each.counts) for each in (found.left, found.right, found.change)] == [2, 3, 2]


def test_nothing_and_whole_and_complex_numbers_have_histograms(tmp_path: Path) -> None:
    found, _ = counted(tmp_path, np.zeros(0, "f4"), np.zeros(0, "f4"))
    assert sum(found.left.counts) == 0
    found, _ = counted(tmp_path, np.arange(10, dtype="i8"), np.arange(10, dtype="i8") + 1)
    assert found.change.edges[-1] == 1
    found, _ = counted(tmp_path, np.array([3 + 4j], "c8"), np.array([0j], "c8"))
    assert found.change.edges[-1] == 5
