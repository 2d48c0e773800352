"""What numbers say of their making: each sentence where it is due, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.compare.spectra import spectrum_of
from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.domain.version import Kind
from diptych.errors import NotFound, Refused
from diptych.job import finish
from dossiers import Bytes, dossier, version

Arrays = dict[str, NDArray[np.float32]]
Q0 = "model.layers.0.self_attn.q_proj.weight"


def side(arrays: Arrays, files: dict[str, str] | None = None, **settings: Any) -> Dossier:
    source = Bytes({n: ("F32", a.shape, np.ascontiguousarray(a).tobytes()) for n, a in arrays.items()}, files)
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return dossier(named, tensors=tuple(source.tensors()), weights=lambda: source)


def network(layers: int = 4) -> Arrays:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (64, 48)}
    for layer in range(layers):
        for name in ("q_proj", "v_proj"):
            shapes[f"model.layers.{layer}.self_attn.{name}.weight"] = (48, 48)
        shapes[f"model.layers.{layer}.input_layernorm.weight"] = (48,)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def moved(arrays: Arrays, only: str = "", by: float = 0.01) -> Arrays:
    random = np.random.default_rng(1)
    return {
        name: array + np.float32(by) * random.standard_normal(array.shape).astype(np.float32)
        if only in name else array
        for name, array in arrays.items()
    }  # fmt: skip


def compared(left: Dossier, right: Dossier) -> Sheet:
    return finish(Weights().compare(left, right, Rules()))


def said(left: Dossier, right: Dossier) -> str:
    return "\n".join(clause.text for clause in compared(left, right).clauses)


# Frozen and still -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"train__freeze_layers": [0, 1]}, "6 of 6"),
        ({"train__frozen": ["embed_tokens", "layernorm"]}, "5 of 5"),
        ({"train__freeze_embeddings": True}, "1 of 1"),
        ({"train__unfrozen_parameters": ["q_proj"]}, "9 of 9"),
        ({"adapter__target_modules": ["q_proj", "v_proj"]}, "5 of 5"),
    ],
)
def test_what_was_declared_frozen_and_moved_is_told(settings: dict[str, Any], count: str) -> None:
    ours = network()
    text = said(side(ours), side(moved(ours), **settings))
    assert f"{count} tensors moved that {next(iter(settings)).replace('__', '.')} of B declares frozen" in text
    assert "declares frozen" not in said(side(ours), side(ours, **settings))


def test_what_was_declared_frozen_and_stayed_is_no_news() -> None:
    ours = network()
    theirs = moved(ours, "layers.3")
    assert "declares frozen" not in said(side(ours), side(theirs, train__freeze_layers=[0, 1, 2]))


def test_layers_that_stood_still_among_others_are_named() -> None:
    ours = network()
    theirs = moved(ours) | {name: array for name, array in ours.items() if "layers.2." in name}
    assert "layer 2 did not move at all while 3 others did" in said(side(ours), side(theirs))
    assert "did not move at all" not in said(side(ours), side(moved(ours, "layers.2.")))


# Norms and rows ---------------------------------------------------------------------------------------------------


def test_exploded_norms_are_told_with_their_side() -> None:
    ours, theirs = network(), network()
    theirs[Q0] = theirs[Q0] * np.float32(30)
    assert f"norms exploded in B: 1 tensor at least 10 times as long as in A, {Q0} ×30" in said(
        side(ours), side(theirs)
    )
    assert "norms exploded in A" in said(side(theirs), side(ours))
    whole = {name: array * np.float32(30) for name, array in ours.items()}
    assert "exploded" not in said(side(ours), side(whole))


def test_a_training_that_diverged_everywhere_is_told() -> None:
    ours, theirs = network(), network()
    for place, name in enumerate(name for name in theirs if "norm" not in name):
        theirs[name] = theirs[name][::-1] * np.float32(11 + 3 * place)
    assert "norms exploded in B: 9 tensors at least 10 times as long as in A" in said(side(ours), side(theirs))


def test_rows_that_died_are_counted_on_their_side() -> None:
    ours, theirs = network(), network()
    theirs[Q0] = theirs[Q0].copy()
    theirs[Q0][[3, 7]] = 0
    theirs["model.layers.1.self_attn.q_proj.weight"][5, 0] = 0
    text = f"dead rows: 2 in 1 tensor of B are all nought and are not in A (the most in {Q0})"
    assert text in said(side(ours), side(theirs))
    assert "of A are all nought and are not in B" in said(side(theirs), side(ours))
    assert "dead rows" not in said(side(theirs), side(moved(theirs, "layernorm")))


# Casts and shards -------------------------------------------------------------------------------------------------


def _bf16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    bits = values.view(np.uint32)
    rounded: NDArray[np.uint32] = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


@pytest.mark.parametrize("narrow", ["BF16", "F16"])
def test_a_cast_that_no_dtype_declares_is_told(narrow: str) -> None:
    ours = network()
    theirs = {
        name: _bf16(array) if narrow == "BF16" else array.astype(np.float16).astype(np.float32)
        for name, array in ours.items()
    }
    assert f"cast silently: B is stored as F32 but holds {narrow} values" in said(side(ours), side(theirs))
    assert f"cast silently: A is stored as F32 but holds {narrow} values" in said(side(theirs), side(ours))
    assert "cast silently" not in said(side(ours), side(moved(ours, by=1e-4)))
    assert "cast silently" not in said(side(theirs), side(theirs))


def test_an_update_of_only_some_shards_is_told() -> None:
    ours = network()
    files = {name: f"model-0000{1 + ('layers.3' in name)}-of-00002.safetensors" for name in ours}
    text = said(side(ours, files), side(moved(ours, "layers.3"), files))
    assert "only 1 of 2 shards of B differ (model-00002-of-00002.safetensors)" in text
    assert "shards of" not in said(side(ours, files), side(moved(ours), files))
    assert "shards of" not in said(side(ours, files), side(ours, files))


def test_shards_without_layers_are_no_sign_of_a_part_update() -> None:
    ours = network()
    files = {name: f"model-0000{1 + ('layers' in name)}-of-00002.safetensors" for name in ours}
    frozen = moved(ours, "layers")
    grown = dict(ours)
    name = "model.embed_tokens.weight"
    grown[name] = np.concatenate([ours[name], ours[name][:4]])
    for theirs in (frozen, grown, moved(ours, "embed")):
        assert "shards of" not in said(side(ours, files), side(theirs, files))


def test_biases_that_began_near_nought_have_not_exploded() -> None:
    ours, theirs = network(), network()
    for layer in range(4):
        name = f"model.layers.{layer}.self_attn.q_proj.bias"
        ours[name], theirs[name] = np.full(48, 1e-6, np.float32), np.full(48, 1e-3, np.float32)
    assert "exploded" not in said(side(ours), side(theirs))


# Spectra ----------------------------------------------------------------------------------------------------------


def trained(arrays: Arrays, rank: int, words: tuple[str, ...]) -> Arrays:
    random = np.random.default_rng(2)
    return {
        name: array + (random.standard_normal((array.shape[0], rank)) @ random.standard_normal((rank, array.shape[1]))
                       / 50).astype(np.float32)
        if any(word in name for word in words) else array
        for name, array in arrays.items()
    }  # fmt: skip


def test_a_change_of_low_rank_is_recognised_with_its_modules() -> None:
    ours = network()
    sheet = compared(side(ours), side(trained(ours, 5, ("q_proj", "v_proj"))))
    found = [clause for clause in sheet.clauses if "looks like a LoRA" in clause.text]
    assert found[0].text.startswith(
        "looks like a LoRA of rank 5 on q_proj and v_proj: in 6 of 8 changed matrices 5 directions hold at least 9"
    )
    ranks = {row.key: row.values["low_rank"] for row in sheet.rows if "low_rank" in row.values}
    assert found[0].row in ranks
    assert set(ranks.values()) == {5}


def test_a_low_rank_is_not_claimed_where_anything_else_changed() -> None:
    ours = network()
    theirs = trained(ours, 5, ("q_proj",))
    theirs["model.layers.0.input_layernorm.weight"] = theirs["model.layers.0.input_layernorm.weight"] + np.float32(1)
    assert "looks like" not in said(side(ours), side(theirs))
    assert "looks like" not in said(side(ours), side(moved(ours, "_proj")))


def test_the_spectrum_of_one_tensor_is_that_of_its_change() -> None:
    ours = network()
    theirs = trained(ours, 5, ("q_proj",))
    found = finish(spectrum_of(side(ours), side(theirs), Q0))
    exact = np.linalg.svd((theirs[Q0] - ours[Q0]).astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(found.values[:5], exact[:5], rtol=1e-4)
    assert found.low_rank == 5


def test_the_spectrum_of_an_adapter_is_that_of_its_product() -> None:
    random = np.random.default_rng(3)
    stem = f"base_model.model.{Q0.removesuffix('.weight')}"
    thin = {
        f"{stem}.lora_A.weight": random.standard_normal((3, 48)).astype(np.float32),
        f"{stem}.lora_B.weight": random.standard_normal((48, 3)).astype(np.float32),
    }
    source = Bytes({n: ("F32", a.shape, a.tobytes()) for n, a in thin.items()})
    adapter = dossier({"adapter.lora_alpha": 6}, tensors=tuple(source.tensors()), weights=lambda: source,
                      version=version("lora/1", kind=Kind.ADAPTER))  # fmt: skip
    found = finish(spectrum_of(side(network()), adapter, Q0))
    product = 2 * thin[f"{stem}.lora_B.weight"].astype(np.float64) @ thin[f"{stem}.lora_A.weight"]
    np.testing.assert_allclose(found.values, np.linalg.svd(product, compute_uv=False)[:3], rtol=1e-9)


def test_a_spectrum_is_refused_where_there_is_none() -> None:
    ours = network()
    with pytest.raises(NotFound):
        finish(spectrum_of(side(ours), side(ours), "nothing"))
    with pytest.raises(Refused, match="two dimensions"):
        finish(spectrum_of(side(ours), side(ours), "model.layers.0.input_layernorm.weight"))
