from __future__ import annotations

import math
from typing import Any

import pytest

from diptych.compare.config import Config
from diptych.compare.hyperparameters import Hyperparameters
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter, Series
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.version import Problem, Role, Source
from diptych.job import finish
from dossiers import HERE, artifact, dossier, parameters, version


def compared(left: dict[str, Any] | Dossier, right: dict[str, Any] | Dossier, rules: Rules | None = None) -> Sheet:
    sides = [side if isinstance(side, Dossier) else dossier(side) for side in (left, right)]
    return finish(Hyperparameters().compare(*sides, rules or Rules()))


def row(sheet: Sheet, key: str) -> Row:
    return next(row for row in sheet.rows if row.key == key)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (3e-4, 0.0003),
        (1, 1.0),
        (math.nan, math.nan),
        (-0.0, 0),
        ({"a": 1, "b": [1, 2]}, {"b": [1.0, 2], "a": 1}),
        (None, None),
        ([], []),
        (2**70, 2**70),
        ("3e-4", 0.0003),
        ("3e-4", "3E-04"),
        ({"a": ["1e3"]}, {"a": [1000]}),
    ],
)
def test_values_that_mean_the_same_are_the_same(left: Any, right: Any) -> None:
    sheet = compared({"train.x": left}, {"train.x": right})
    assert [row.status for row in sheet.rows] == [Status.SAME]
    assert sheet.differs == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, "1"),
        (0.0003, "0.0003"),
        ("3e-4", 0.0004),
        ("3e-4x", "3e-4"),
        ("1e-99999999999999999999999999999999", 0),
        (1, True),
        (0, False),
        (0, None),
        ("", None),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({}, []),
        ({"a": None}, {}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
        (2**70, 2**70 + 1),
        (math.nan, 0.0),
        (math.inf, -math.inf),
        ("a", "a "),
        ({"0": {"a": 1}}, [{"a": 1}]),
    ],
)
def test_values_that_differ_are_told_apart_and_never_look_alike(left: Any, right: Any) -> None:
    found = row(compared({"train.x": left}, {"train.x": right}), "train.x")
    assert found.status is Status.DIFFERS
    assert found.left is not None
    assert found.right is not None
    assert found.left.text != found.right.text


def test_numbers_that_differ_in_a_late_digit_are_shown_with_it() -> None:
    found = row(compared({"train.x": 0.12345678}, {"train.x": 0.12345679}), "train.x")
    assert found.left is not None
    assert found.left.text == "0.12345678"


def test_a_number_that_yaml_read_as_text_is_told() -> None:
    found = row(compared({"train.learning_rate": "3e-4"}, {"train.learning_rate": 0.0003}), "train.learning_rate")
    assert (found.status, found.note) == (Status.SAME, "text in A")


def test_whole_numbers_beyond_float_keep_their_difference() -> None:
    assert row(compared({"train.x": 2**60}, {"train.x": 2**60 + 1}), "train.x").change == "+1"
    assert row(compared({"train.x": 10**400}, {"train.x": 10**400 - 7}), "train.x").change == "−7"


def test_a_dot_in_a_name_is_shown_as_it_is() -> None:
    ours = {"train.k\\.dot": 1, "train.nested": {"a.b": 1}}
    theirs = {"train.k\\.dot": 2, "train.nested": {"a.b": 2}}
    sheet = compared(ours, theirs)
    assert row(sheet, "train.k\\.dot").label == "k.dot"
    assert row(sheet, "train.nested").tree[0].label == "a.b"


def test_a_tolerance_is_relative() -> None:
    rules = Rules(tolerance=0.01)
    assert row(compared({"train.x": 100}, {"train.x": 100.5}, rules), "train.x").status is Status.SAME
    assert row(compared({"train.x": 100}, {"train.x": 102}, rules), "train.x").status is Status.DIFFERS
    assert row(compared({"train.x": [100]}, {"train.x": [100.5]}, rules), "train.x").status is Status.SAME


@pytest.mark.parametrize(
    ("left", "right", "change", "magnitude"),
    [
        (2e-5, 5e-7, "÷40", -math.log10(40) / 2),
        (4, 6, "×1.5", math.log10(1.5) / 2),
        (0.9, 0.95, "+0.05", math.log10(0.95 / 0.9) / 2),
        (0, 0.05, "+0.05", None),
        (1, -1, "−2", None),
        (1, 1e9, "×1e9", 1.0),
        (1e-300, 1e300, "+1e300", 1.0),
        ("a", "b", "", None),
        (math.inf, 1.0, "", None),
    ],
)
def test_a_change_is_told_in_the_fitting_sign(left: Any, right: Any, change: str, magnitude: float | None) -> None:
    found = row(compared({"train.x": left}, {"train.x": right}), "train.x")
    assert found.change == change
    assert found.magnitude == (magnitude if magnitude is None else pytest.approx(magnitude))


def test_a_seed_is_a_name_and_not_a_size() -> None:
    found = row(compared({"train.seed": 42_000}, {"train.seed": 84_000}), "train.seed")
    assert found.change == ""
    assert found.magnitude is None
    assert found.left is not None
    assert found.left.text == "42000"


def test_type_differences_are_named() -> None:
    found = row(compared({"train.x": 1}, {"train.x": "1"}), "train.x")
    assert "type differs: number and text" in found.note
    assert (found.left and found.left.text, found.right and found.right.text) == ("1", '"1"')


def test_lists_that_are_sets_compare_without_order_and_tell_what_came_and_went() -> None:
    same = compared({"adapter.target_modules": ["q", "k"]}, {"adapter.target_modules": ["k", "q"]})
    assert same.differs == 0
    found = row(
        compared({"adapter.target_modules": ["q", "k"]}, {"adapter.target_modules": ["k", "v"]}),
        "adapter.target_modules",
    )
    assert found.change == "+v and −q"


def test_absent_is_neither_null_nor_same() -> None:
    sheet = compared({"train.x": None}, {})
    assert row(sheet, "train.x").status is Status.LEFT_ONLY
    assert row(sheet, "train.x").right is None


def test_aliases_line_up_and_say_so() -> None:
    found = row(compared({"train.lr": 1e-3}, {"train.learning_rate": 1e-3}), "train.learning_rate")
    assert found.status is Status.SAME
    assert found.note == "lr ≡ learning_rate"


def test_an_alias_steps_back_where_the_common_name_is_there_too() -> None:
    sheet = compared({"train.lr": 1, "train.learning_rate": 2}, {"train.learning_rate": 2})
    assert row(sheet, "train.learning_rate").status is Status.SAME
    assert row(sheet, "train.lr").status is Status.LEFT_ONLY


def test_ignored_differences_are_counted_apart() -> None:
    sheet = compared({"train.output_dir": "a", "train.x": 1}, {"train.output_dir": "b", "train.x": 2})
    assert (sheet.differs, sheet.ignored, sheet.same) == (1, 1, 0)
    assert sheet.counts == "1 of 2 hyperparameters differ · 0 the same · 1 ignored"


def test_the_base_of_an_adapter_is_never_ignored() -> None:
    sheet = compared({"adapter.base_model_name_or_path": "a"}, {"adapter.base_model_name_or_path": "b"})
    assert sheet.differs == 1


def test_nested_values_open_into_their_leaves() -> None:
    found = row(
        compared({"train.x": {"a": {"b": 1, "c": 2}, "d": 3}}, {"train.x": {"a": {"b": 10, "c": 2}, "e": 4}}), "train.x"
    )
    assert {(inner.label, inner.status) for inner in found.tree} == {
        ("a.b", Status.DIFFERS),
        ("a.c", Status.SAME),
        ("d", Status.LEFT_ONLY),
        ("e", Status.RIGHT_ONLY),
    }
    assert next(inner.change for inner in found.tree if inner.label == "a.b") == "×10"


def test_records_that_disagree_are_named() -> None:
    twice = parameters({"train.epochs": 3}) + parameters({"train.epochs": 13}, Source("/x/args.bin"))
    sheet = compared(dossier(hyperparameters=twice), {"train.num_train_epochs": 3})
    found = row(sheet, "train.num_train_epochs")
    assert found.status is Status.SAME
    assert "records of A disagree: 13 in args.bin" in found.note


def test_what_matters_most_comes_first_and_the_order_does_not_depend_on_the_sides() -> None:
    ours = {"adapter.r": 8, "train.zeta": 1, "train.seed": 1, "train.learning_rate": 1, "odd": 1}
    theirs = {"data.rows": 1, "train.optim": "x", "train.learning_rate": 2}
    keys = [row.key for row in compared(ours, theirs).rows]
    assert keys == [
        "train.learning_rate", "train.optim", "train.seed", "train.zeta", "adapter.r", "data.rows", "odd",
    ]  # fmt: skip
    assert keys == [row.key for row in compared(theirs, ours).rows]


def test_the_effective_batch_is_derived_with_its_parts() -> None:
    ours = {"train.per_device_train_batch_size": 8, "train.gradient_accumulation_steps": 4, "train.world_size": 2}
    theirs = {"train.per_device_train_batch_size": 8, "train.gradient_accumulation_steps": 2}
    found = row(compared(ours, theirs), "train.effective_batch_size")
    assert found.derived
    assert (found.left and found.left.text, found.right and found.right.text) == ("64", "≥ 16")
    assert found.left is not None
    assert found.left.source == HERE
    parts = found.values["parts_left"]
    assert isinstance(parts, list)
    assert len(parts) == 3
    assert "world size" in found.note


def test_tokens_follow_from_steps_where_no_record_counts_them() -> None:
    settings = {"train.per_device_train_batch_size": 4, "train.max_length": 128, "train.world_size": 1}
    counted = dossier({**settings, "train.num_input_tokens_seen": 5000})
    derived = dossier(settings, version=version(step=10))
    found = row(compared(counted, derived), "train.tokens_seen")
    assert (found.left and found.left.value, found.right and found.right.value) == (5000, 5120)
    assert found.right is not None
    assert found.right.text == "≈ 5120"


def test_epochs_come_from_the_last_step_of_the_version() -> None:
    place = Source("trainer_state.json", "/log_history/3/loss", "test/1")
    curve = Series("loss", (10.0, 20.0, 30.0), (1.0, 1.0, 1.0), place, (0.5, 1.0, 1.5))
    here = dossier(series=(curve,), version=version(step=20))
    found = row(compared(here, dossier(series=(curve,), version=version(step=30))), "train.epochs_seen")
    assert (found.left and found.left.value, found.right and found.right.value) == (1, 1.5)
    assert found.left
    assert found.left.source == Source("trainer_state.json", "/log_history", "test/1")


def test_warm_up_steps_round_up() -> None:
    settings = {"train.warmup_ratio": 0.03, "train.max_steps": 101}
    found = row(compared(settings, settings), "train.warmup_steps_from_ratio")
    assert found.left is not None
    assert found.left.value == 4
    assert found.status is Status.SAME


def test_a_side_without_records_is_told() -> None:
    assert "no record says how B was trained" in compared({"train.x": 1}, {}).notes


def test_config_holds_what_hyperparameters_leave_out() -> None:
    ours = dossier({"arch.hidden_size": 128, "gen.top_p": 0.9, "train.x": 1})
    theirs = dossier({"arch.hidden_size": 256, "gen.top_p": 0.9, "train.x": 2})
    sheet = finish(Config().compare(ours, theirs, Rules()))
    assert [(row.key, row.status) for row in sheet.rows] == [
        ("arch.hidden_size", Status.DIFFERS),
        ("gen.top_p", Status.SAME),
    ]
    assert sheet.clauses[0].text == "hidden_size 128 → 256 (×2)"


def test_a_configuration_that_is_not_here_is_no_difference() -> None:
    ours = dossier({"arch.hidden_size": 128})
    listed = (artifact("config.json", role=Role.CONFIG),)
    broken = dossier(
        version=version("b/1", artifacts=listed), problems=(Problem("/models/b/1/config.json", "is not JSON"),)
    )
    for other, note in (
        (dossier(), "no configuration of B is here"),
        (broken, "B's configuration cannot be read: config.json: is not JSON"),
    ):
        sheet = finish(Config().compare(ours, other, Rules()))
        assert (sheet.differs, sheet.rows, sheet.notes) == (0, (), (note,))


def test_torch_dtype_is_dtype() -> None:
    ours, theirs = dossier({"arch.torch_dtype": "bfloat16"}), dossier({"arch.dtype": "bfloat16"})
    assert finish(Config().compare(ours, theirs, Rules())).differs == 0


def test_the_raw_text_does_not_decide() -> None:
    ours = dossier(hyperparameters=(HyperParameter("train.x", 0.0003, HERE, "3e-4"),))
    assert compared(ours, {"train.x": 3e-4}).differs == 0


def test_a_key_is_ignored_literally_and_counted_again() -> None:
    key = "train.betas[0]"
    rules = Rules(ignored=("*_time",)).ignoring(key)
    assert rules.ignores(key)
    assert not rules.ignores("train.betas0")
    assert rules.ignoring(key) is rules
    assert rules.counting(key) == Rules(ignored=("*_time",))
    assert not rules.counting("train.end_time").ignores("eval.end_time")
