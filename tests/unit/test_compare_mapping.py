"""One tensor under many names: the same values in another convention are the same tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.compare.weights import Weights
from diptych.domain.decoding import decode
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.job import finish
from dossiers import Bytes, dossier

Arrays = dict[str, NDArray[np.float32]]
HEADS = {"arch.num_attention_heads": 4, "arch.num_key_value_heads": 2, "arch.model_type": "llama"}
GGUF = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def side(
    arrays: Arrays, settings: Mapping[str, Any] | None = None, quantised: Sequence[str] = (), kind: str = "Q8_0"
) -> Dossier:
    tensors = {}
    for name, array in arrays.items():
        dtype, raw = "F32", np.ascontiguousarray(array).tobytes()
        if name in quantised:
            from gguf import GGMLQuantizationType
            from gguf.quants import quantize

            dtype, raw = kind, quantize(array, GGMLQuantizationType[kind]).tobytes()
        tensors[name] = (dtype, array.shape, raw)
    source = Bytes(tensors)
    return dossier(settings or {}, tensors=tuple(source.tensors()), weights=lambda: source)


def llama(hidden: int = 64, layers: int = 2, vocabulary: int = 16, seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        shapes |= {
            f"{stem}.self_attn.q_proj.weight": (hidden, hidden),
            f"{stem}.self_attn.k_proj.weight": (hidden // 2, hidden),
            f"{stem}.self_attn.v_proj.weight": (hidden // 2, hidden),
            f"{stem}.self_attn.o_proj.weight": (hidden, hidden),
            f"{stem}.mlp.gate_proj.weight": (96, hidden),
            f"{stem}.mlp.up_proj.weight": (96, hidden),
            f"{stem}.mlp.down_proj.weight": (hidden, 96),
            f"{stem}.input_layernorm.weight": (hidden,),
            f"{stem}.post_attention_layernorm.weight": (hidden,),
        }
    shapes |= {"model.norm.weight": (hidden,), "lm_head.weight": (vocabulary, hidden)}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def paired(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The rows of a projection as a converter of a Llama to GGUF leaves them: the halves of each head interleaved."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def as_gguf(arrays: Arrays) -> Arrays:
    found: Arrays = {}
    for name, array in arrays.items():
        if name.startswith("model.layers."):
            _, _, number, *rest = name.removesuffix(".weight").split(".")
            module = GGUF[".".join(rest)]
            heads = {"attn_q": 4, "attn_k": 2}.get(module)
            found[f"blk.{number}.{module}.weight"] = paired(array, heads) if heads else array
    found["token_embd.weight"] = arrays["model.embed_tokens.weight"]
    found["output_norm.weight"] = arrays["model.norm.weight"]
    if "lm_head.weight" in arrays:
        found["output.weight"] = arrays["lm_head.weight"]
    return found


def fused(arrays: Arrays) -> Arrays:
    """As Phi keeps them: Q, K and V in one matrix, gate and up in another."""
    found = dict(arrays)
    for layer in range(2):
        stem = f"model.layers.{layer}"
        parts = [found.pop(f"{stem}.self_attn.{part}_proj.weight") for part in "qkv"]
        found[f"{stem}.self_attn.qkv_proj.weight"] = np.concatenate(parts)
        parts = [found.pop(f"{stem}.mlp.{part}_proj.weight") for part in ("gate", "up")]
        found[f"{stem}.mlp.gate_up_proj.weight"] = np.concatenate(parts)
    return found


def compared(left: Dossier, right: Dossier) -> Sheet:
    return finish(Weights().compare(left, right, Rules()))


def rows(sheet: Sheet) -> dict[str, Row]:
    return {row.key: row for row in sheet.rows}


Q = "model.layers.0.self_attn.q_proj.weight"


@pytest.mark.parametrize("convert", [as_gguf, fused])
@pytest.mark.parametrize("back", [False, True])
def test_another_convention_is_no_difference(convert: Any, back: bool) -> None:
    ours = llama()
    sides = [side(ours, HEADS), side(convert(ours), HEADS)]
    sheet = compared(*reversed(sides)) if back else compared(*sides)
    assert {row.status for row in sheet.rows} == {Status.SAME}
    assert sheet.total == len(ours)


def test_the_row_says_how_the_other_side_keeps_it() -> None:
    ours = llama()
    gguf = rows(compared(side(ours, HEADS), side(as_gguf(ours))))
    assert gguf[Q].note == "named blk.0.attn_q.weight in B; rows of 4 heads put back in order in B"
    assert gguf[Q].values["tensor_right"] == "blk.0.attn_q.weight"
    one = rows(compared(side(ours, HEADS), side(fused(ours))))
    assert "rows 64–95 of qkv_proj in B" in one[Q.replace("q_proj", "k_proj")].note
    assert "rows 96–191 of gate_up_proj in B" in one["model.layers.1.mlp.up_proj.weight"].note


def test_a_change_within_a_fused_matrix_is_found_in_its_part() -> None:
    ours = llama()
    theirs = fused(ours)
    name = "model.layers.0.self_attn.qkv_proj.weight"
    theirs[name] = theirs[name].copy()
    theirs[name][70, 3] += 1
    sheet = compared(side(ours, HEADS), side(theirs))
    changed = [row for row in sheet.rows if row.differs]
    assert [row.key for row in changed] == ["model.layers.0.self_attn.k_proj.weight"]
    assert changed[0].values["max_abs"] == pytest.approx(1, rel=1e-6)


def test_q_and_k_of_a_network_that_is_not_reordered_are_left_alone() -> None:
    ours = llama()
    plain = as_gguf(ours) | {
        f"blk.{layer}.attn_{part}.weight": ours[f"model.layers.{layer}.self_attn.{part}_proj.weight"]
        for layer in range(2)
        for part in "qk"
    }
    settings = HEADS | {"arch.model_type": "qwen2"}
    assert not compared(side(ours, settings), side(plain, settings)).differs


def test_gpt2_keeps_its_matrices_turned_and_fused() -> None:
    random = np.random.default_rng(3)
    apart: Arrays = {
        f"blk.0.{name}.weight": random.standard_normal(shape).astype(np.float32)
        for name, shape in {"attn_q": (8, 8), "attn_k": (8, 8), "attn_v": (8, 8), "attn_output": (8, 8),
                            "ffn_up": (32, 8), "ffn_down": (8, 32)}.items()
    }  # fmt: skip
    bias = random.standard_normal(24).astype(np.float32)
    qkv = np.concatenate([apart[f"blk.0.attn_{part}.weight"] for part in "qkv"])
    apart |= {f"blk.0.attn_{part}.bias": bias[8 * at : 8 * at + 8] for at, part in enumerate("qkv")}
    together = {
        "h.0.attn.c_attn.weight": qkv.T,
        "h.0.attn.c_attn.bias": bias,
        "h.0.attn.c_proj.weight": apart["blk.0.attn_output.weight"].T,
        "h.0.mlp.c_fc.weight": apart["blk.0.ffn_up.weight"].T,
        "h.0.mlp.c_proj.weight": apart["blk.0.ffn_down.weight"].T,
    }
    sheet = compared(side(together), side(apart))
    assert sheet.total == 9
    assert {row.status for row in sheet.rows} == {Status.SAME}


def by_head(parts: Arrays, groups: int, stem: str) -> Arrays:
    """Q, K and V as GPT-NeoX (a group for each head) and Falcon (one for each head of K and V) keep them."""
    found = {}
    for end in ("weight", "bias"):
        each = [parts[f"blk.0.attn_{part}.{end}"] for part in "qkv"]
        split = [array.reshape(groups, -1, *array.shape[1:]) for array in each]
        whole = np.concatenate(split, axis=1)
        found[f"{stem}.query_key_value.{end}"] = whole.reshape(-1, *each[0].shape[1:])
    return found


@pytest.mark.parametrize(
    ("groups", "stem", "settings"),
    [
        (4, "gpt_neox.layers.0.attention", {"arch.num_attention_heads": 4}),
        (4, "transformer.h.0.self_attention", {"arch.n_head": 4, "arch.model_type": "bloom"}),
        (2, "transformer.h.0.self_attention", {"arch.num_attention_heads": 4, "arch.num_kv_heads": 2}),
        (1, "transformer.h.0.self_attention",
         {"arch.num_attention_heads": 4, "arch.num_kv_heads": 4, "arch.multi_query": True}),
    ],
)  # fmt: skip
def test_q_k_and_v_that_stand_together_for_each_head_are_taken_apart(
    groups: int, stem: str, settings: dict[str, Any]
) -> None:
    random = np.random.default_rng(3)
    sizes = {"q": 16, "k": 4 * groups, "v": 4 * groups}
    apart: Arrays = {
        f"blk.0.attn_{part}.{end}": random.standard_normal(shape).astype(np.float32)
        for part, rows in sizes.items()
        for end, shape in (("weight", (rows, 16)), ("bias", (rows,)))
    }
    concatenated = {
        f"blk.0.attn_qkv.{end}": np.concatenate([apart[f"blk.0.attn_{part}.{end}"] for part in "qkv"])
        for end in ("weight", "bias")
    }
    for other in (apart, concatenated):
        sheet = compared(side(by_head(apart, groups, stem), settings), side(other, {"arch.model_type": "falcon"}))
        assert sheet.total == 6
        assert {row.status for row in sheet.rows} == {Status.SAME}


@pytest.mark.parametrize("kind", ["", "Q8_0"])
def test_experts_in_one_stack_are_those_that_stand_apart(kind: str) -> None:
    random = np.random.default_rng(3)
    shapes = {"w1": (64, 32), "w2": (32, 64), "w3": (64, 32)}
    apart: Arrays = {
        f"model.layers.0.block_sparse_moe.experts.{expert}.{part}.weight": random.standard_normal(shape).astype(
            np.float32
        )
        for expert in range(64)
        for part, shape in shapes.items()
    } | {"model.layers.0.block_sparse_moe.gate.weight": np.ones((64, 32), np.float32)}
    stacks = {
        part: np.stack([apart[f"model.layers.0.block_sparse_moe.experts.{at}.{part}.weight"] for at in range(64)])
        for part in shapes
    }
    gguf = {"w1": "blk.0.ffn_gate_exps", "w2": "blk.0.ffn_down_exps", "w3": "blk.0.ffn_up_exps"}
    mlx = {part: f"model.layers.0.block_sparse_moe.switch_mlp.{name}_proj"
           for part, name in (("w1", "gate"), ("w2", "down"), ("w3", "up"))}  # fmt: skip
    for names, router in ((gguf, "blk.0.ffn_gate_inp"), (mlx, "model.layers.0.block_sparse_moe.gate")):
        other = {f"{names[part]}.weight": stack for part, stack in stacks.items()}
        other[f"{router}.weight"] = apart["model.layers.0.block_sparse_moe.gate.weight"]
        quantised = [name for name, array in other.items() if array.ndim == 3] if kind else []
        for sheet in (
            compared(side(apart), side(other, quantised=quantised, kind=kind)),
            compared(side(other, quantised=quantised, kind=kind), side(apart)),
        ):
            assert sheet.total == 193
            casts = {row.values.get("cast") for row in sheet.rows if "experts" in row.key}
            assert casts == ({"quantised"} if kind else {None})
            assert kind or {row.status for row in sheet.rows} == {Status.SAME}
    stacks["w3"][5, 3, 3] += 1
    theirs = {f"{gguf[part]}.weight": stack for part, stack in stacks.items()}
    found = rows(compared(side(apart), side(theirs)))
    assert [key for key, row in found.items() if row.status is Status.DIFFERS] == [
        "model.layers.0.block_sparse_moe.experts.5.w3.weight"
    ]


def test_the_norms_of_glm_are_not_taken_for_those_of_gemma() -> None:
    theirs = {f"blk.0.{name}.weight": np.full(8, at, np.float32) for at, name in enumerate(
        ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"))}  # fmt: skip
    ours = {f"model.layers.0.{name}.weight": np.full(8, at, np.float32) for at, name in enumerate(
        ("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm"))}  # fmt: skip
    sheet = compared(side(ours), side(theirs))
    assert sheet.total == 4
    assert {row.status for row in sheet.rows} == {Status.SAME}


@pytest.mark.parametrize("architecture", ["granite", "smollm3", "minicpm", "olmo"])
def test_architectures_whose_heads_are_reordered_as_those_of_a_llama(architecture: str) -> None:
    ours, settings = llama(), HEADS | {"arch.model_type": architecture}
    assert not compared(side(ours, settings), side(as_gguf(ours), settings)).differs


def test_a_gguf_without_a_head_ties_it() -> None:
    ours = llama()
    ours["lm_head.weight"] = ours["model.embed_tokens.weight"]
    theirs = as_gguf({name: array for name, array in ours.items() if name != "lm_head.weight"})
    found = rows(compared(side(ours, HEADS), side(theirs)))
    assert (found["lm_head.weight"].status, found["lm_head.weight"].note) == (Status.SAME, "tied to token_embd in B")


def test_a_fused_matrix_without_all_of_its_parts_stays_whole() -> None:
    ours = llama()
    theirs = fused(ours)
    del ours[Q]
    found = rows(compared(side(ours, HEADS), side(theirs)))
    assert found["model.layers.0.self_attn.qkv_proj.weight"].status is Status.RIGHT_ONLY
    assert found["model.layers.0.self_attn.k_proj.weight"].status is Status.LEFT_ONLY
    assert found["model.layers.1.self_attn.k_proj.weight"].status is Status.SAME


def test_a_vocabulary_that_grew_is_compared_on_the_common_rows() -> None:
    ours, theirs = llama(), llama()
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        theirs[name] = np.concatenate([ours[name], np.ones((8, 64), np.float32)])
    sheet = compared(side(ours), side(theirs))
    row = rows(sheet)["lm_head.weight"]
    assert row.note == "reshaped: 16 × 64 → 24 × 64 (+8 rows in B); 16 common rows compared and equal"
    assert (row.status, row.values["relative_change"]) == (Status.DIFFERS, 0.0)
    said = [clause.text for clause in sheet.clauses]
    assert "vocabulary: 8 rows more in B (embed_tokens and lm_head), common rows identical" in said
    assert not any("reshaped" in text for text in said)
    theirs["lm_head.weight"][3, 3] += 1
    back = compared(side(theirs), side(ours))
    assert rows(back)["lm_head.weight"].values["max_abs"] == pytest.approx(1, rel=1e-6)
    assert any("8 rows more in A" in clause.text and "changed" in clause.text for clause in back.clauses)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_a_vocabulary_that_grew_and_was_quantised_did_nothing_else(kind: str) -> None:
    ours, theirs = llama(), llama()
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        theirs[name] = np.concatenate([ours[name], np.ones((8, 64), np.float32)])
    theirs = as_gguf(theirs)
    matrices = [name for name, array in theirs.items() if array.ndim == 2]
    sheet = compared(side(ours, HEADS), side(theirs, quantised=matrices, kind=kind))
    said = [clause.text for clause in sheet.clauses]
    assert "vocabulary: 8 rows more in B (embed_tokens and lm_head), common rows as the other dtype keeps them" in said
    assert any(f"B is quantised to {kind}: every change is what that loses" in text for text in said)
    assert not any("unchanged" in text or "moved" in text for text in said)


@pytest.mark.parametrize(("kind", "most"), [("Q8_0", 0.015), ("Q4_0", 0.16), ("Q5_1", 0.08)])
def test_quantising_is_told_by_what_it_loses(kind: str, most: float) -> None:
    ours = llama()
    theirs = as_gguf(ours)
    matrices = [name for name, array in theirs.items() if array.ndim == 2]
    sheet = compared(side(ours, HEADS), side(theirs, quantised=matrices, kind=kind))
    row = rows(sheet)[Q]
    relative = row.values["relative_change"]
    assert isinstance(relative, float)
    assert 0 < relative < most
    assert row.values["cast"] == "quantised"
    assert f"dtype F32 → {kind}: {kind} keeps it to" in row.note
    assert any(f"B is quantised to {kind}: every change is what that loses" in each.text for each in sheet.clauses)


@pytest.mark.parametrize(("kind", "by"), [("Q8_0", 0.01), ("Q4_0", 0.08), ("Q5_1", 0.03)])
def test_a_move_is_not_hidden_by_quantising(kind: str, by: float) -> None:
    ours, random = llama(), np.random.default_rng(5)
    by_name = {name: by * random.standard_normal(array.shape) if "mlp" in name else 0 for name, array in ours.items()}
    theirs = as_gguf({name: (array + by_name[name]).astype(np.float32) for name, array in ours.items()})
    matrices = [name for name, array in theirs.items() if array.ndim == 2]
    sheet = compared(side(ours, HEADS), side(theirs, quantised=matrices, kind=kind))
    said = [clause.text for clause in sheet.clauses]
    assert any(
        text.startswith("6 of 16 quantised tensors moved by more than quantising loses, at most") for text in said
    )
    assert not any("every change" in text for text in said)
    besides = [row.values["besides"] for row in sheet.rows if "besides" in row.values]
    np.testing.assert_allclose(np.array(besides, float), by, rtol=0.2)
    assert "all 2 layers moved" in said


def test_of_a_type_without_plain_steps_only_the_most_is_said() -> None:
    name = "model.layers.0.mlp.gate_proj.weight"
    raw = np.random.default_rng(1).integers(0, 40, 96 * 144, np.uint8)
    raw.reshape(-1, 144)[:, :4] = np.frombuffer(np.array([0.01, 0.01], "<f2").tobytes(), np.uint8)
    values = np.asarray(decode(raw, "Q4_K"), np.float32).reshape(96, 256)
    theirs = Bytes({name: ("Q4_K", (96, 256), raw.tobytes())})
    packed = dossier({}, tensors=tuple(theirs.tensors()), weights=lambda: theirs)
    sheet = compared(side({name: values * np.float32(1.01)}), packed)
    assert any("no change is larger than what that may lose" in clause.text for clause in sheet.clauses)


def test_two_quantised_sides_are_compared_by_value() -> None:
    ours = as_gguf(llama())
    matrices = [name for name, array in ours.items() if array.ndim == 2]
    sheet = compared(side(ours, quantised=matrices), side(ours, quantised=matrices))
    assert {row.status for row in sheet.rows} == {Status.SAME}


def test_a_change_larger_than_quantising_is_a_move() -> None:
    ours = llama()
    theirs = as_gguf(ours)
    theirs["blk.1.ffn_up.weight"] = theirs["blk.1.ffn_up.weight"] * np.float32(1.3)
    matrices = [name for name, array in theirs.items() if array.ndim == 2]
    sheet = compared(side(ours, HEADS), side(theirs, quantised=matrices))
    assert "1 of 2 layers moved" in [clause.text for clause in sheet.clauses]


def test_a_type_that_is_not_known_is_listed_and_not_fatal() -> None:
    array = np.ones((4, 32), np.float32)
    source = Bytes({"a.weight": ("type 77", (4, 32), array.tobytes()), "b.weight": ("F32", (4, 32), array.tobytes())})
    odd = dossier({}, tensors=tuple(source.tensors()), weights=lambda: source)
    found = rows(compared(odd, odd))
    assert (found["a.weight"].status, found["a.weight"].note) == (
        Status.NOT_COMPARABLE, "values of type 77 are not read",
    )  # fmt: skip
    assert found["b.weight"].status is Status.SAME


def test_why_tensors_are_not_compared_is_told_once_for_each_reason() -> None:
    plain = {"model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight",
             "model.layers.1.self_attn.v_proj.weight": "blk.1.attn_v.weight"}  # fmt: skip
    raw = np.ones((4, 32), np.float32).tobytes()
    ours = Bytes(dict.fromkeys(plain, ("F32", (4, 32), raw)))
    theirs = Bytes({name: (f"type {42 + at}", (4, 32), raw) for at, name in enumerate(plain.values())})
    sides = [dossier({}, tensors=tuple(each.tensors()), weights=lambda each=each: each) for each in (ours, theirs)]
    said = [clause.text for clause in compared(*sides).clauses]
    assert "2 tensors not compared: values of type 42 are not read and values of type 43 are not read" in said
