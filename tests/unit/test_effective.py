"""Effective changes of adapters: against the product itself, between adapters, and within a merged model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.compare.effective import Adapter
from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.tensor import TensorInfo
from diptych.domain.version import Kind
from diptych.job import finish
from diptych.tensors.effective import Factors
from dossiers import Bytes, dossier, version
from making import bfloat16

Arrays = dict[str, NDArray[np.float32]]
Q, UP = "model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj"
SHAPES = {Q: (8, 8), UP: (12, 8)}


def stored(arrays: Arrays, dtype: str = "F32") -> Bytes:
    raw = {name: (bfloat16(a) if dtype == "BF16" else np.ascontiguousarray(a)).tobytes() for name, a in arrays.items()}
    return Bytes({name: (dtype, array.shape, raw[name]) for name, array in arrays.items()})


def model(arrays: Arrays, name: str = "base/1", dtype: str = "F32") -> Dossier:
    source = stored(arrays, dtype)
    return dossier({}, name=name, tensors=tuple(source.tensors()), weights=lambda: source)


def adapter(arrays: Arrays, settings: Mapping[str, Any] | None = None, base: Dossier | None = None) -> Dossier:
    source = stored(arrays)
    return dossier(
        {"adapter.lora_alpha": 8} | dict(settings or {}),
        version=version("lora/1", kind=Kind.ADAPTER),
        tensors=tuple(source.tensors()),
        weights=lambda: source,
        base=None if base is None else lambda: base,
    )


def weights(seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    found = {f"{module}.weight": random.standard_normal(shape).astype(np.float32) for module, shape in SHAPES.items()}
    return found | {"model.norm.weight": random.standard_normal(8).astype(np.float32)}


def thin(rank: int = 4, seed: int = 1) -> Arrays:
    random = np.random.default_rng(seed)
    found: Arrays = {}
    for module, (rows, columns) in SHAPES.items():
        found[f"base_model.model.{module}.lora_A.weight"] = random.standard_normal((rank, columns)).astype(np.float32)
        found[f"base_model.model.{module}.lora_B.weight"] = random.standard_normal((rows, rank)).astype(np.float32)
    return found


def product(arrays: Arrays, module: str) -> NDArray[np.float64]:
    ends = [arrays[f"base_model.model.{module}.lora_{end}.weight"].astype(np.float64) for end in "BA"]
    found: NDArray[np.float64] = ends[0] @ ends[1]
    return found


def compared(left: Dossier, right: Dossier) -> Sheet:
    return finish(Weights().compare(left, right, Rules()))


def rows(sheet: Sheet) -> dict[str, Row]:
    return {row.key: row for row in sheet.rows}


def said(sheet: Sheet) -> list[str]:
    return [clause.text for clause in sheet.clauses]


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


def dora(base: Arrays, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """An adapter with learnt lengths, and what its base becomes with it."""
    merged, lengths = dict(base), dict(arrays)
    for at, module in enumerate(SHAPES):
        sum_ = base[f"{module}.weight"].astype(np.float64) + 2 * product(arrays, module)
        learnt = np.linspace(1, 2 + at, len(sum_)).astype(np.float32)
        lengths[f"base_model.model.{module}.lora_magnitude_vector.weight"] = learnt
        scaled = sum_ * (learnt / np.linalg.norm(sum_, axis=1))[:, None]
        merged[f"{module}.weight"] = scaled.astype(np.float32)
    return lengths, merged


def test_dora_also_turns_lengths() -> None:
    base = weights()
    lengths, merged = dora(base, thin())
    row = rows(compared(model(base), adapter(lengths, {"adapter.use_dora": True})))[f"{UP}.weight"]
    wanted = np.linalg.norm(merged[f"{UP}.weight"].astype(np.float64) - base[f"{UP}.weight"])
    assert row.values["norm_change"] == pytest.approx(wanted, rel=1e-6)
    assert row.note == "DoRA of rank 4"


def turned(arrays: Arrays) -> Arrays:
    return {name: array.T.copy() for name, array in arrays.items()}


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

HEAD, NORM, BIAS = "lm_head.weight", "model.norm.weight", f"{Q}.bias"


def with_whole(base: Arrays) -> tuple[Arrays, Arrays]:
    """An adapter with a head, a norm and a bias of its own, and what its base becomes with it."""
    random = np.random.default_rng(9)
    kept = {name: base[name] + random.standard_normal(base[name].shape).astype(np.float32) for name in
            (HEAD, NORM, BIAS)}  # fmt: skip
    named = {f"base_model.model.{name}": array for name, array in kept.items()}
    return thin() | named, merged_of(base, thin()) | kept


def wide() -> Arrays:
    random = np.random.default_rng(8)
    shapes = {HEAD: (16, 8), BIAS: (8,), f"{UP}.bias": (12,)}
    return weights() | {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


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


def test_a_merge_is_held_against_what_the_adapter_keeps_whole() -> None:
    base = wide()
    arrays, merged = with_whole(base)
    made = adapter(arrays, base=model(base))
    sheet = compared(made, model(merged, "merged/1"))
    assert {row.status for row in sheet.rows} == {Status.SAME}
    assert rows(sheet)[HEAD].note == "as in the adapter"
    assert len(said(sheet)) == 1
    other = compared(made, model(merged | {HEAD: base[HEAD]}, "merged/1"))
    assert "1 tensor not as kept whole by the adapter A" in said(other)


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


def merged_of(base: Arrays, arrays: Arrays) -> Arrays:
    found = dict(base)
    for module in SHAPES:
        found[f"{module}.weight"] = (base[f"{module}.weight"] + 2 * product(arrays, module)).astype(np.float32)
    return found


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_merge_is_exact_to_the_rounding_of_its_dtype(dtype: str) -> None:
    base = weights()
    made = adapter(thin(), base=model(base))
    merged = model(merged_of(base, thin()), "merged/1", dtype)
    for sheet, sides in ((compared(made, merged), "BA"), (compared(merged, made), "AB")):
        assert {row.status for row in sheet.rows} == {Status.SAME}
        assert said(sheet)[0].startswith(f"{sides[0]} is base/1 with the adapter {sides[1]} merged, exact to ")
        assert f"rounding to {dtype}" in said(sheet)[0]
        relative = rows(sheet)[f"{UP}.weight"].values["relative_change"]
        assert isinstance(relative, float)
        assert relative < (4e-3 if dtype == "BF16" else 1e-6)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_merge_that_was_computed_in_its_own_dtype_is_within_rounding(dtype: str) -> None:
    random = np.random.default_rng(1)

    def stored_as(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return values if dtype == "F32" else (bfloat16(values).astype("u4") << 16).view(np.float32)

    shape, rank, name = (96, 64), 32, "model.layers.0.mlp.up_proj"
    base = {f"{name}.weight": stored_as(random.standard_normal(shape).astype(np.float32))}
    a, b = (stored_as(random.standard_normal(size).astype(np.float32)) for size in ((rank, 64), (96, rank)))
    arrays = {f"base_model.model.{name}.lora_A.weight": a, f"base_model.model.{name}.lora_B.weight": b}
    change = stored_as(stored_as(b @ a) * np.float32(0.3))
    whole = {f"{name}.weight": stored_as(base[f"{name}.weight"] + change)}
    made = adapter(arrays, {"adapter.lora_alpha": 0.3 * rank}, model(base, dtype=dtype))
    sheet = compared(made, model(whole, "merged/1", dtype))
    assert f"all of it rounding to {dtype}" in said(sheet)[0]
    whole[f"{name}.weight"][5, 5] *= np.float32(1.05)
    sheet = compared(made, model(whole, "merged/1", dtype))
    assert "; 1 element beyond rounding" in said(sheet)[0]


def test_a_merge_of_dora_is_recognised() -> None:
    base = weights()
    lengths, merged = dora(base, thin())
    sheet = compared(adapter(lengths, base=model(base)), model(merged, "merged/1"))
    assert "merged, exact to" in said(sheet)[0]


def test_a_merge_that_is_a_little_off_says_where() -> None:
    base = weights()
    merged = merged_of(base, thin())
    merged[f"{UP}.weight"][2, 3] += 1e-3
    merged["model.norm.weight"] = merged["model.norm.weight"] + np.float32(1)
    sheet = compared(adapter(thin(), base=model(base)), model(merged, "merged/1"))
    assert "1 element beyond rounding" in said(sheet)[0]
    assert "1 tensor changed that the adapter leaves alone" in said(sheet)
    row = rows(sheet)[f"{UP}.weight"]
    assert (row.status, row.values["beyond_rounding"]) == (Status.DIFFERS, 1)
    assert row.values["max_abs"] == pytest.approx(1e-3, rel=1e-2)


def test_another_model_is_no_merge() -> None:
    base = weights()
    sheet = compared(adapter(thin(), base=model(base)), model(weights(seed=9), "other/1"))
    assert any("the adapter changes 2 of 3 tensors" in text for text in said(sheet))
    assert "B is not base/1 with the adapter A merged: " in said(sheet)[-1]


def test_a_merge_at_another_scale_is_none_and_says_by_how_much() -> None:
    base = weights()
    half = {name: (base[name] + (array - base[name]) / 2) for name, array in merged_of(base, thin()).items()}
    sheet = compared(model(half, "half/1"), adapter(thin(), base=model(base)))
    assert said(sheet)[-1] == (
        f"A is not base/1 with the adapter B merged: {Q}.weight lies 0.5 times what the adapter adds away from that"
    )


def test_nothing_is_said_of_a_merge_without_the_base() -> None:
    base = weights()
    sheet = compared(adapter(thin()), model(merged_of(base, thin()), "merged/1"))
    assert said(sheet) == ["the adapter changes 2 of 3 tensors, rank 4"]


def test_names_of_thin_matrices_must_be_whole_words() -> None:
    odd = TensorInfo("model.x.my_lora_Abc.weight", "F32", (4, 8), "f", 0, 128)
    assert Adapter.of(dossier({}, tensors=(odd,))).modules == []
