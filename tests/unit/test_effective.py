"""Effective changes of adapters: against the product itself, between adapters, and within a merged model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adapting import (
    BIAS,
    HEAD,
    NORM,
    UP,
    Arrays,
    Q,
    adapter,
    compared,
    dora,
    model,
    product,
    rows,
    said,
    stored,
    thin,
    turned,
    weights,
    wide,
    with_whole,
)
from diptych.compare.effective import Adapter
from diptych.domain.sheet import Status
from diptych.domain.tensor import TensorInfo
from diptych.tensors.effective import Factors
from dossiers import dossier

# The arithmetic ---------------------------------------------------------------------------------------------------


def factors(rank: int, seed: int, shape: tuple[int, int] = (30, 20)) -> Factors:
    random = np.random.default_rng(seed)
    return Factors(random.standard_normal((shape[0], rank)), random.standard_normal((rank, shape[1])))


def test_norms_and_angles_are_those_of_the_products() -> None:
    one, other = factors(3, 0), factors(5, 1)
    a, b = one.b @ one.a, other.b @ other.a
    assert one.norm == pytest.approx(np.linalg.norm(a), rel=1e-12)
    assert other.minus(one).norm == pytest.approx(np.linalg.norm(b - a), rel=1e-12)
    assert one.cosine(other) == pytest.approx(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)
    np.testing.assert_allclose(one.spectrum().values, np.linalg.svd(a, compute_uv=False)[:3], rtol=1e-10)


def test_a_difference_of_nearly_equal_changes_keeps_its_digits() -> None:
    one = factors(4, 0)
    other = Factors(one.b * (1 + 1e-9), one.a)
    assert other.minus(one).norm == pytest.approx(1e-9 * one.norm, rel=1e-5)


def test_a_rank_above_the_sides_of_the_weight_is_no_difficulty() -> None:
    wide = factors(40, 0, (6, 5))
    assert wide.norm == pytest.approx(np.linalg.norm(wide.b @ wide.a), rel=1e-12)
    assert len(wide.spectrum().values) == 5


# Scales -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({}, 2.0),
        ({"adapter.use_rslora": True}, 4.0),
        ({r"adapter.alpha_pattern.layers\.0\.self_attn\.q_proj": 32}, 8.0),
        ({"adapter.alpha_pattern.up_proj": 32}, 2.0),
        ({"adapter.alpha_pattern": {"q_.*": 4}}, 1.0),
        ({"adapter.lora_parameters.scale": 20.0}, 20.0),
    ],
)
def test_the_scale_is_as_the_configuration_says(settings: dict[str, Any], scale: float) -> None:
    found = Adapter.of(adapter(thin(), settings))
    assert found.scale("layers.0.self_attn.q_proj", 4) == pytest.approx(scale)


def test_a_rank_of_its_own_scales_a_module_by_its_own() -> None:
    arrays = thin()
    arrays |= {name: value for name, value in thin(rank=2, seed=3).items() if "up_proj" in name}
    sheet = compared(model(weights()), adapter(arrays, {"adapter.rank_pattern.up_proj": 2}))
    wanted = 4.0 * np.linalg.norm(product(arrays, UP))
    assert rows(sheet)[f"{UP}.weight"].values["norm_change"] == pytest.approx(wanted, rel=1e-6)
    assert rows(sheet)[f"{UP}.weight"].values["rank"] == 2


@pytest.mark.parametrize("pattern", [UP, f"^{UP}", "layers.0.mlp.up_proj", "up_proj", r".*\.0\..*up_proj"])
def test_a_pattern_is_held_against_the_full_name_of_the_module(pattern: str) -> None:
    sheet = compared(model(weights()), adapter(thin(), {"adapter.alpha_pattern": {pattern: 32}}))
    found = rows(sheet)
    assert (found[f"{UP}.weight"].values["scale"], found[f"{Q}.weight"].values["scale"]) == (8.0, 2.0)


def test_mlx_multiplies_from_the_other_side() -> None:
    plain = thin()
    names = {"lora_A.weight": "lora_a", "lora_B.weight": "lora_b"}
    mlx: Arrays = {}
    for name, array in plain.items():
        stem, _, end = name.removeprefix("base_model.model.").partition(".lora_")
        mlx[f"{stem}.{names[f'lora_{end}']}"] = array.T
    base = model(weights())
    ours = rows(compared(base, adapter(plain)))[f"{UP}.weight"]
    theirs = rows(compared(base, adapter(mlx, {"adapter.lora_parameters.scale": 2.0})))[f"{UP}.weight"]
    assert theirs.values["norm_change"] == pytest.approx(ours.values["norm_change"], rel=1e-9)


def test_a_weight_stored_the_other_way_round_takes_the_product_so() -> None:
    base = weights()
    base[f"{UP}.weight"] = base[f"{UP}.weight"].T
    row = rows(compared(model(base), adapter(thin(), {"adapter.fan_in_fan_out": True})))[f"{UP}.weight"]
    assert row.values["norm_change"] == pytest.approx(2 * np.linalg.norm(product(thin(), UP)), rel=1e-9)
    assert row.values["max_abs"] == pytest.approx(2 * np.abs(product(thin(), UP)).max(), rel=1e-6)


def test_dora_also_turns_lengths() -> None:
    base = weights()
    lengths, merged = dora(base, thin())
    row = rows(compared(model(base), adapter(lengths, {"adapter.use_dora": True})))[f"{UP}.weight"]
    wanted = np.linalg.norm(merged[f"{UP}.weight"].astype(np.float64) - base[f"{UP}.weight"])
    assert row.values["norm_change"] == pytest.approx(wanted, rel=1e-6)
    assert row.note == "DoRA of rank 4"


def test_dora_on_weights_stored_the_other_way_round() -> None:
    base = weights()
    lengths, merged = dora(base, thin())
    made = adapter(lengths, {"adapter.use_dora": True, "adapter.fan_in_fan_out": True}, model(turned(base)))
    found = rows(compared(model(turned(base)), made))
    for name in (f"{Q}.weight", f"{UP}.weight"):
        wanted = np.linalg.norm(merged[name].astype(np.float64) - base[name])
        assert found[name].values["norm_change"] == pytest.approx(wanted, rel=1e-6)
    assert "merged, exact to" in said(compared(made, model(turned(merged), "merged/1")))[0]


def test_dora_of_an_embedding_learns_the_lengths_of_its_columns() -> None:
    name = "model.embed_tokens"
    base = weights() | {f"{name}.weight": np.random.default_rng(3).standard_normal((20, 8)).astype(np.float32)}
    a, b = (np.random.default_rng(seed).standard_normal(shape).astype(np.float32) for seed, shape in
            ((4, (4, 20)), (5, (8, 4))))  # fmt: skip
    learnt = np.linspace(1, 2, 8).astype(np.float32)
    arrays = {f"base_model.model.{name}.lora_{end}": value for end, value in
              (("embedding_A", a), ("embedding_B", b), ("magnitude_vector", learnt))}  # fmt: skip
    whole = base[f"{name}.weight"] + 2 * (b.astype(np.float64) @ a).T
    wanted = np.linalg.norm(whole * learnt / np.linalg.norm(whole, axis=0) - base[f"{name}.weight"])
    row = rows(compared(model(base), adapter(arrays, {"adapter.use_dora": True})))[f"{name}.weight"]
    assert row.values["norm_change"] == pytest.approx(wanted, rel=1e-6)


def test_dora_by_mlx_keeps_its_lengths_under_another_name() -> None:
    lengths, merged = dora(weights(), thin())
    mlx: Arrays = {}
    for name, array in lengths.items():
        stem, _, end = name.removeprefix("base_model.model.").partition(".lora_")
        mlx[stem + {"A.weight": ".lora_a", "B.weight": ".lora_b"}.get(end, ".m")] = array.T
    sheet = compared(model(weights()), adapter(mlx, {"adapter.lora_parameters.scale": 2.0}))
    wanted = np.linalg.norm(merged[f"{UP}.weight"].astype(np.float64) - weights()[f"{UP}.weight"])
    assert rows(sheet)[f"{UP}.weight"].values["norm_change"] == pytest.approx(wanted, rel=1e-6)
    assert all(row.left is not None for row in sheet.rows)


# What is kept whole -----------------------------------------------------------------------------------------------


def test_what_an_adapter_keeps_whole_is_measured_against_what_it_replaces() -> None:
    base = wide()
    arrays, merged = with_whole(base)
    for sheet in (compared(model(base), adapter(arrays)), compared(adapter(arrays), model(base))):
        found = rows(sheet)
        for name in (HEAD, NORM, BIAS):
            wanted = np.linalg.norm(merged[name] - base[name]) / np.linalg.norm(base[name])
            assert found[name].values["relative_change"] == pytest.approx(wanted, rel=1e-5)
            assert (found[name].status, found[name].note) == (Status.DIFFERS, "kept whole by the adapter")
        assert found[f"{UP}.bias"].status is Status.SAME
        assert said(sheet) == ["the adapter changes 5 of 6 tensors, rank 4, 3 of them kept whole"]


def test_a_bias_of_its_own_does_not_make_the_weight_beside_it_change() -> None:
    base = wide()
    sheet = compared(model(base), adapter({f"base_model.model.{BIAS}": base[BIAS] + 1}))
    assert {row.key for row in sheet.rows if row.status is Status.DIFFERS} == {BIAS}


def test_a_bias_that_b_has_itself_leaves_the_product_known() -> None:
    base = wide()
    arrays = thin() | {f"base_model.model.{Q}.lora_B.bias": np.ones(8, np.float32)}
    found = rows(compared(model(base), adapter(arrays)))
    assert found[f"{Q}.weight"].values["rank"] == 4
    assert (found[BIAS].status, found[BIAS].values["relative_change"]) == (Status.DIFFERS, None)


@pytest.mark.parametrize(
    "parts",
    [
        ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),
        ("hada_t1", "hada_w1_a", "hada_w1_b"),
        ("lokr_w1", "lokr_w2_a", "lokr_w2_b"),
        ("ia3_l",),
        ("vera_lambda_b", "vera_lambda_d"),
        ("oft_R.weight",),
        ("boft_R", "boft_s"),
    ],
)
def test_adapters_of_other_kinds_change_what_they_name_by_what_is_not_known(parts: tuple[str, ...]) -> None:
    arrays = {f"base_model.model.{UP}.{part}": np.ones((3, 3), np.float32) for part in parts}
    sheet = compared(model(weights()), adapter(arrays))
    (changed,) = (row for row in sheet.rows if row.status is not Status.SAME)
    assert (changed.key, changed.note) == (f"{UP}.weight", "changed by the adapter; by how much is not known")
    assert said(sheet) == ["the adapter changes 1 of 3 tensors"]


def test_a_head_of_its_own_is_no_stray_where_the_base_ties_it() -> None:
    tied = {name: array for name, array in wide().items() if name != HEAD} | {
        "model.embed_tokens.weight": np.ones((16, 8), np.float32)
    }
    source = stored(tied)
    base = dossier({"arch.tie_word_embeddings": True}, tensors=tuple(source.tensors()), weights=lambda: source)
    sheet = compared(base, adapter(thin() | {f"base_model.model.{HEAD}": np.ones((16, 8), np.float32)}))
    assert sheet.rows[-1].note == "kept whole, where the base ties it to its embedding"


# Two adapters -----------------------------------------------------------------------------------------------------


def test_other_factors_of_the_same_change_are_no_difference() -> None:
    ours = thin()
    theirs = {name: array * np.float32(4 if "lora_A" in name else 0.25) for name, array in ours.items()}
    sheet = compared(adapter(ours), adapter(theirs))
    assert {row.status for row in sheet.rows} == {Status.SAME}
    assert said(sheet) == ["the adapters change all 2 common modules alike"]


def test_two_adapters_differ_by_the_distance_of_their_products() -> None:
    ours, theirs = thin(), thin(rank=2, seed=5)
    row = rows(compared(adapter(ours), adapter(theirs)))[f"{UP}.weight".removeprefix("model.")]
    apart = 4 * product(theirs, UP) - 2 * product(ours, UP)
    wanted = np.linalg.norm(apart) / np.linalg.norm(2 * product(ours, UP))
    assert row.values["relative_change"] == pytest.approx(wanted, rel=1e-6)
    assert (row.values["rank_left"], row.values["rank_right"]) == (4, 2)


def test_an_adapter_with_nan_is_told_and_compared_by_the_rest() -> None:
    ours, broken = thin(), thin()
    name = next(name for name in broken if UP in name)
    broken[name] = broken[name].copy()
    broken[name].flat[0], broken[name].flat[1] = np.nan, np.inf
    sheet = compared(adapter(ours), adapter(broken))
    row = rows(sheet)[f"{UP}.weight".removeprefix("model.")]
    assert row.status is Status.DIFFERS
    assert row.note == "2 NaN or infinite in B, left out of the numbers"
    assert row.values["nonfinite_right"] == 2
    assert isinstance(row.values["relative_change"], float)
    assert 0 < row.values["relative_change"] < 1
    assert "NaN or infinite values in 1 module of B" in said(sheet)


def test_how_much_stronger_an_adapter_is_is_said() -> None:
    sheet = compared(adapter(thin()), adapter(thin(), {"adapter.lora_alpha": 16}))
    assert said(sheet) == [
        "the adapters change 2 of 2 common modules differently, cosine 1 in the middle, B's 2 times as large as A's"
    ]


def test_biases_beside_products_are_compared_too() -> None:
    ours, theirs = (thin() | {f"base_model.model.{BIAS}": np.full(8, value, np.float32)} for value in (1, 2))
    sheet = compared(adapter(ours), adapter(theirs))
    assert [row.key for row in sheet.rows if row.status is Status.DIFFERS] == [f"base_model.model.{BIAS}"]


def test_a_module_that_only_one_adapter_changes_is_told() -> None:
    ours = thin()
    theirs = {name: array for name, array in ours.items() if "up_proj" not in name}
    assert "1 module changed only by A" in said(compared(adapter(ours), adapter(theirs)))


# Merged models ----------------------------------------------------------------------------------------------------


def test_names_of_thin_matrices_must_be_whole_words() -> None:
    odd = TensorInfo("model.x.my_lora_Abc.weight", "F32", (4, 8), "f", 0, 128)
    assert Adapter.of(dossier({}, tensors=(odd,))).modules == []
