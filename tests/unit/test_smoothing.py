"""The exponential mean, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.compare.smoothing import smoothed


def by_definition(values: list[float], weight: float) -> list[float]:
    found = []
    for end in range(len(values)):
        terms = [(weight ** (end - at), value) for at, value in enumerate(values[: end + 1]) if np.isfinite(value)]
        mean = sum(w * v for w, v in terms) / sum(w for w, _ in terms) if terms else np.nan
        found.append(mean if np.isfinite(values[end]) else np.nan)
    return found


@pytest.mark.parametrize("weight", [0.01, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000])
def test_each_point_is_the_mean_of_what_came_before_the_older_the_less(count: int, weight: float) -> None:
    values = np.random.default_rng(count).normal(size=count)
    assert smoothed(values, weight) == pytest.approx(by_definition(values.tolist(), weight), rel=1e-9)


def test_what_is_not_finite_stays_a_gap_and_counts_for_nothing() -> None:
    values = [np.nan, 1.0, np.inf, 3.0, np.nan, 5.0]
    found = smoothed(np.array(values), 0.5)
    assert found == pytest.approx(by_definition(values, 0.5), nan_ok=True)
    assert np.isnan(found).tolist() == [True, False, True, False, True, False]


def test_a_level_curve_stays_where_it_is_from_its_first_point() -> None:
    assert smoothed(np.full(500, 2.5), 0.99) == pytest.approx(np.full(500, 2.5))
