from __future__ import annotations

import math

import pytest

from diptych.compare.metrics import Metrics, stderr
from diptych.domain.evidence import Metric
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.job import finish
from dossiers import dossier, metric


def compared(left: Metric | list[Metric], right: Metric | list[Metric]) -> Sheet:
    sides = [dossier(metrics=tuple(side) if isinstance(side, list) else (side,)) for side in (left, right)]
    return finish(Metrics().compare(*sides, Rules()))


def only(left: Metric, right: Metric) -> Row:
    (row,) = compared(left, right).rows
    return row


def test_a_clear_difference_has_a_word_and_its_interval() -> None:
    row = only(metric(0.5, stderr=0.01, n=1000, higher_is_better=True), metric(0.6, stderr=0.01, n=1000))
    reach = 1.96 * math.sqrt(2) * 0.01
    assert row.change == "+0.1 better"
    assert row.values["delta"] == pytest.approx(0.1)
    assert row.values["ci_low"] == pytest.approx(0.1 - reach)
    assert row.values["ci_high"] == pytest.approx(0.1 + reach)
    assert row.values["interval"] == "+0.0723 … +0.128"
    assert row.note == "unpaired estimate"


def test_lower_can_be_better() -> None:
    errors = {"stderr": 0.01, "n": 1000, "higher_is_better": False}
    assert only(metric(3.0, **errors), metric(2.0, **errors)).values["verdict"] == "better"
    assert only(metric(2.0, **errors), metric(3.0, **errors)).values["verdict"] == "worse"


def test_a_difference_within_the_noise_is_not_judged() -> None:
    errors = {"stderr": 0.05, "n": 100, "higher_is_better": True}
    row = only(metric(0.50, **errors), metric(0.55, **errors))
    assert row.change == "+0.05 can't tell"
    assert row.status is Status.DIFFERS


def test_without_uncertainty_there_is_no_verdict() -> None:
    assert only(metric(0.5, higher_is_better=True), metric(0.9, higher_is_better=True)).change == (
        "+0.4 no uncertainty known"
    )


def test_without_a_direction_there_is_no_verdict_but_an_interval() -> None:
    row = only(metric(0.5, "oddness", stderr=0.01), metric(0.9, "oddness", stderr=0.01))
    assert row.change == "+0.4"
    assert row.values["verdict"] == ""
    assert row.values["ci_low"] is not None
    assert "not known whether higher is better" in row.note


def test_directions_that_contradict_are_no_direction() -> None:
    row = only(metric(0.5, stderr=0.01, higher_is_better=True), metric(0.9, stderr=0.01, higher_is_better=False))
    assert row.values["verdict"] == ""


def test_what_was_not_measured_alike_is_never_judged() -> None:
    row = only(
        metric(0.5, stderr=0.001, higher_is_better=True, conditions={"shots": "5"}),
        metric(0.9, stderr=0.001, higher_is_better=True, conditions={"shots": "0"}),
    )
    assert row.status is Status.NOT_COMPARABLE
    assert row.note == "not comparable: 5-shot vs 0-shot"
    assert row.change == ""
    assert row.values["verdict"] == ""


def test_equal_values_under_other_conditions_are_not_the_same() -> None:
    row = only(metric(0.5, conditions={"task version": "1"}), metric(0.5, conditions={"task version": "2"}))
    assert row.status is Status.NOT_COMPARABLE


def test_a_limit_on_one_side_is_a_mismatch_and_an_unknown_hash_is_none() -> None:
    limited = metric(0.5, conditions={"shots": "0", "limit": "10"})
    assert only(limited, metric(0.6, conditions={"shots": "0"})).note == "not comparable: limit 10 vs none"
    hashed = metric(0.5, conditions={"shots": "0", "task hash": "a" * 64})
    assert only(hashed, metric(0.6, conditions={"shots": "0"})).status is Status.DIFFERS


def test_hashes_are_short_in_words() -> None:
    row = only(metric(0.5, conditions={"task hash": "a" * 64}), metric(0.5, conditions={"task hash": "b" * 64}))
    assert row.note == "not comparable: task hash aaaaaaaa vs bbbbbbbb"


def test_nothing_scored_is_not_comparable() -> None:
    assert only(metric(0.0, n=0), metric(0.5, n=10)).status is Status.NOT_COMPARABLE


@pytest.mark.parametrize("n", [0, 1, 4])
def test_few_items_have_no_standard_error(n: int) -> None:
    assert stderr(metric(1.0, stderr=0.0, n=n)) is None


def test_a_perfect_score_has_the_error_of_agresti_and_coull() -> None:
    share = 18 / 20
    assert stderr(metric(1.0, stderr=0.0, n=16)) == pytest.approx(math.sqrt(share * (1 - share) / 20))
    assert stderr(metric(0.5, stderr=0.0, n=16)) == 0


def test_two_of_two_against_none_of_two_is_no_proof() -> None:
    sides = [metric(value, stderr=0.0, n=2, higher_is_better=True) for value in (0.0, 1.0)]
    assert only(*sides).values["verdict"] == "no uncertainty known"


def test_nan_is_told_and_equals_itself() -> None:
    assert only(metric(math.nan), metric(math.nan)).status is Status.SAME
    row = only(metric(math.nan, stderr=0.1), metric(0.5, stderr=0.1))
    assert row.status is Status.DIFFERS
    assert row.values["delta"] is None
    assert row.magnitude is None


def test_the_newest_value_of_a_key_counts() -> None:
    sheet = compared([metric(0.9, step=300), metric(0.1, step=100)], [metric(0.9)])
    assert sheet.rows[0].status is Status.SAME


def test_bars_of_one_metric_share_an_axis() -> None:
    names = ("arith", "docs")
    left = [metric(0.5, task=task) for task in names]
    right = [metric(0.5 + step, task=task) for task, step in zip(names, (0.1, -0.4), strict=True)]
    assert [row.magnitude for row in compared(left, right).rows] == [pytest.approx(0.25), pytest.approx(-1)]


def test_metrics_of_one_side_stand_alone() -> None:
    sheet = compared(metric(0.5, "acc"), metric(0.5, "f1"))
    assert {row.key: row.status for row in sheet.rows} == {
        "arith/acc": Status.LEFT_ONLY,
        "arith/f1": Status.RIGHT_ONLY,
    }


def test_values_that_differ_never_look_alike() -> None:
    row = only(metric(0.123456), metric(0.123457))
    assert row.left is not None
    assert row.right is not None
    assert row.left.text != row.right.text
