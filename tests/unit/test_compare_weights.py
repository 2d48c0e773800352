from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.compare import modules
from diptych.compare.grid import fields, filling, grid
from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.tensor import TensorInfo
from diptych.domain.version import Kind, Problem, Role, State
from diptych.job import finish
from diptych.workbench.turning import turned
from dossiers import artifact, dossier, version

Arrays = Mapping[str, NDArray[Any]]
DTYPES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64", np.dtype(np.float16): "F16"}


class Memory:
    """Weights that never were in a file."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self.metadata: Mapping[str, str] = {}

    def tensors(self) -> Sequence[TensorInfo]:
        found = []
        begin = 0
        for name, array in self._arrays.items():
            end = begin + array.nbytes
            found.append(TensorInfo(name, DTYPES[array.dtype], array.shape, "model.safetensors", begin, end))
            begin = end
        return found

    def raw(self, name: str) -> NDArray[np.uint8]:
        view = np.frombuffer(self._arrays[name].tobytes(), np.uint8)
        view.flags.writeable = False
        return view

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        array = self._arrays[name].reshape(-1)
        wide = array if array.dtype == np.float64 else array.astype(np.float32)
        for start in range(0, len(wide), elements):
            yield wide[start : start + elements]

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def weighted(arrays: Arrays, settings: Mapping[str, Any] | None = None, **fields: Any) -> Dossier:
    source = Memory(arrays)
    return dossier(settings or {}, tensors=tuple(source.tensors()), **({"weights": lambda: source} | fields))


def llama(layers: int = 2, seed: int = 0, head: bool = False) -> dict[str, NDArray[Any]]:
    chance = np.random.default_rng(seed)
    found = {"model.embed_tokens.weight": (16, 8)}
    for layer in range(layers):
        found |= {
            f"model.layers.{layer}.self_attn.q_proj.weight": (8, 8),
            f"model.layers.{layer}.mlp.up_proj.weight": (12, 8),
            f"model.layers.{layer}.input_layernorm.weight": (8,),
        }
    found |= {"model.norm.weight": (8,)} | ({"lm_head.weight": (16, 8)} if head else {})
    return {name: chance.standard_normal(shape).astype(np.float32) for name, shape in found.items()}


def compared(left: Dossier, right: Dossier) -> Sheet:
    return finish(Weights().compare(left, right, Rules()))


def rows(sheet: Sheet) -> dict[str, Row]:
    return {row.key: row for row in sheet.rows}


def texts(sheet: Sheet) -> list[str]:
    return [clause.text for clause in sheet.clauses]


UP = "model.layers.1.mlp.up_proj.weight"


def test_numbers_are_those_of_numpy_in_float64() -> None:
    ours = llama()
    theirs = {name: array.copy() for name, array in ours.items()}
    theirs[UP][:3] += np.float32(0.25)
    sheet = compared(weighted(ours), weighted(theirs))
    row = rows(sheet)[UP]
    a, b = (each[UP].astype(np.float64).ravel() for each in (ours, theirs))
    assert row.status is Status.DIFFERS
    assert row.values["relative_change"] == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a), rel=1e-6)
    assert row.values["cosine"] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-6)
    assert row.values["max_abs"] == pytest.approx(np.abs(b - a).max(), rel=1e-6)
    assert row.values["changed_fraction"] == pytest.approx(0.25)
    assert (sheet.differs, sheet.total, sheet.complete) == (1, 8, True)
    assert texts(sheet)[0] == "1 of 2 layers moved"


def test_rows_stand_in_the_order_of_the_network_with_layers_by_number() -> None:
    arrays = llama(12, head=True)
    sheet = compared(weighted(arrays), weighted(arrays))
    assert list(dict.fromkeys(row.group for row in sheet.rows)) == [
        "embed", *(f"layer {number}" for number in range(12)), "norm", "head",
    ]  # fmt: skip
    assert sheet.grid
    assert sheet.grid.columns == ("weight", "q", "up", "norm₁")


def test_identical_weights_are_said_to_be_so() -> None:
    sheet = compared(weighted(llama()), weighted(llama()))
    assert sheet.differs == 0
    assert texts(sheet) == ["weights unchanged: 8 of 8 tensors identical"]
    assert sheet.clauses[0].weight == 2
    assert sheet.grid
    assert {cell.symbol for cell in sheet.grid.cells} == {"="}


def test_structure_is_told_before_any_value_is_read() -> None:
    ours, theirs = llama(), llama()
    del ours["model.norm.weight"]
    theirs["model.extra.weight"] = np.zeros(3, np.float32)
    theirs["model.embed_tokens.weight"] = np.zeros((18, 8), np.float32)
    job = Weights().compare(weighted(ours), weighted(theirs), Rules())
    tick = next(job)
    assert isinstance(tick.partial, Sheet)
    assert not tick.partial.complete
    assert {row.key: row.status for row in tick.partial.rows} == {
        "model.embed_tokens.weight": Status.DIFFERS,
        "model.norm.weight": Status.RIGHT_ONLY,
        "model.extra.weight": Status.RIGHT_ONLY,
    }
    assert "reshaped: 16 × 8 → 18 × 8" in rows(tick.partial)["model.embed_tokens.weight"].note
    assert tick.partial.grid
    waiting = [cell for cell in tick.partial.grid.cells if cell.row == "layer 0"]
    assert waiting
    assert all(cell.value is None and not cell.symbol and cell.keys for cell in waiting)
    job.close()


def test_a_tied_head_is_not_removed() -> None:
    ours, theirs = llama(head=True), llama()
    ours["lm_head.weight"] = ours["model.embed_tokens.weight"]
    theirs["model.embed_tokens.weight"] = ours["model.embed_tokens.weight"]
    tied = weighted(theirs, {"arch.tie_word_embeddings": True})
    row = rows(compared(weighted(ours), tied))["lm_head.weight"]
    assert row.status is Status.SAME
    assert row.note == "tied to embed_tokens in B"
    assert row.values["tensor_right"] == "model.embed_tokens.weight"
    back = rows(compared(tied, weighted(ours)))["lm_head.weight"]
    assert (back.status, back.note) == (Status.SAME, "tied to embed_tokens in A")
    untied = rows(compared(weighted(ours), weighted(theirs)))["lm_head.weight"]
    assert untied.status is Status.LEFT_ONLY


def test_a_head_tied_on_both_sides_is_a_sign_in_the_grid() -> None:
    tied = weighted(llama(), {"arch.tie_word_embeddings": True})
    grid = compared(tied, tied).grid
    assert grid
    assert grid.rows[-1] == "head"
    assert [cell.symbol for cell in grid.cells if cell.row == "head"] == ["~"]


def test_another_dtype_differs_even_where_every_value_is_equal() -> None:
    ours = {name: np.round(array, 1).astype(np.float16) for name, array in llama().items()}
    theirs = {name: array.astype(np.float32) for name, array in ours.items()}
    sheet = compared(weighted(ours), weighted(theirs))
    assert rows(sheet)[UP].status is Status.DIFFERS
    assert rows(sheet)[UP].note == "dtype F16 → F32, every value equal"
    assert texts(sheet) == ["dtype F16 → F32 in all 8 tensors", "another dtype, but every value equal"]


def test_a_cast_is_not_called_a_move() -> None:
    ours = llama()
    theirs = {name: array.astype(np.float16) for name, array in ours.items()}
    sheet = compared(weighted(ours), weighted(theirs))
    assert rows(sheet)[UP].note == "dtype F32 → F16, every change is rounding"
    assert "B is cast to F16: every change is rounding" in texts(sheet)
    assert "A is cast to F16: every change is rounding" in texts(compared(weighted(theirs), weighted(ours)))
    theirs[UP] = theirs[UP] * np.float16(1.5)
    moved = texts(compared(weighted(ours), weighted(theirs)))
    assert "1 of 2 layers moved" in moved
    assert not any("every change" in text for text in moved)


def test_layers_that_stay_are_told_in_words() -> None:
    ours, theirs = llama(), llama()
    theirs["model.norm.weight"] = theirs["model.norm.weight"] + np.float32(1)
    assert "2 of 2 comparable layers unchanged" in texts(compared(weighted(ours), weighted(theirs)))


def test_nan_is_the_first_thing_said() -> None:
    ours, theirs = llama(), llama()
    theirs[UP][0, 0] = math.nan
    sheet = compared(weighted(ours), weighted(theirs))
    assert texts(sheet)[0] == "NaN or infinite values in 1 tensor of B"
    assert rows(sheet)[UP].values["nonfinite_right"] == 1
    assert (rows(sheet)[UP].change, rows(sheet)[UP].magnitude) == ("NaN or ∞ appeared", 1.0)
    assert rows(turned(sheet))[UP].change == "NaN or ∞ gone"
    assert sheet.grid is not None
    (field,) = (cell for cell in sheet.grid.cells if UP in cell.keys)
    assert (field.symbol, field.value) == ("!", 0)


def test_the_most_moved_layers_are_named() -> None:
    ours = llama(8)
    theirs = {name: array.copy() for name, array in ours.items()}
    for name in theirs:
        if "layers" in name:
            theirs[name] *= np.float32(1.5 if ".6." in name or ".7." in name else 1.01)
    assert texts(compared(weighted(ours), weighted(theirs)))[0] == "all 8 layers moved, most in 6–7"


def test_without_weights_structure_is_shown_and_nothing_is_claimed() -> None:
    ours = weighted(llama(), weights=None)
    sheet = compared(ours, weighted(llama()))
    assert {row.status for row in sheet.rows} == {Status.NOT_COMPARABLE}
    assert sheet.notes == ("values not compared: the weights of A are not here",)
    assert texts(sheet) == ["8 tensors not compared: the weights of A are not here"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "no weights of A are here"),
        ({"format": "onnx"}, "A's weights are in a format that is not read yet: onnx"),
        ({"state": State.DAMAGED}, "A's weights are damaged: ends in the middle of its header"),
        ({"state": State.PARTIAL}, "A's weights are not complete: ends in the middle of its header"),
    ],
)
def test_a_side_without_tensors_is_explained_and_is_no_difference(fields: dict[str, Any], why: str) -> None:
    listed = (artifact("model.safetensors", role=Role.WEIGHTS),)
    told = (Problem("~/models/x/model.safetensors", "ends in the middle of its header"),) if "state" in fields else ()
    bare = dossier(version=version("bare/1", artifacts=listed, **fields), problems=told)
    sheet = compared(bare, weighted(llama()))
    assert (sheet.differs, sheet.notes, texts(sheet)) == (0, (why,), [f"weights not compared: {why}"])
    back = compared(weighted(llama()), bare)
    assert (back.differs, back.notes) == (0, (why.replace("of A", "of B").replace("A's", "B's"),))


def test_files_that_changed_since_the_scan_are_not_compared_as_if_they_had_not() -> None:
    ours, now = llama(), llama()
    now[UP] = np.zeros((3, 3), np.float32)
    del now["model.norm.weight"]
    stale = weighted(ours, weights=lambda: Memory(now))
    sheet = compared(stale, weighted(ours))
    assert rows(sheet)[UP].status is Status.NOT_COMPARABLE
    assert rows(sheet)["model.norm.weight"].status is Status.NOT_COMPARABLE
    assert rows(sheet)["model.embed_tokens.weight"].status is Status.SAME
    assert "scan them again" in sheet.notes[0]


def test_equal_files_prove_equal_tensors_without_reading_them() -> None:
    files = version("a/1", artifacts=(artifact("model.safetensors", 10, "aa"),))
    side = weighted(llama(), weights=None, version=files)
    assert compared(side, side).differs == 0


def test_names_that_differ_by_a_wrapper_are_paired() -> None:
    ours = llama()
    theirs = {f"base_model.{name}": array for name, array in ours.items()}
    sheet = compared(weighted(ours), weighted(theirs))
    assert sheet.differs == 0
    assert sheet.total == 8


def test_experts_of_a_layer_share_a_field() -> None:
    names = [f"model.layers.0.mlp.experts.{number}.gate_proj.weight" for number in range(4)]
    ours = {name: np.ones((4, 4), np.float32) for name in names}
    theirs = ours | {names[2]: np.full((4, 4), 2, np.float32)}
    grid = compared(weighted(ours), weighted(theirs)).grid
    assert grid
    (cell,) = grid.cells
    assert (cell.column, len(cell.keys), cell.status) == ("expert gate", 4, Status.DIFFERS)
    assert cell.value == pytest.approx(math.sqrt(16) / math.sqrt(64))


# An adapter beside its base ---------------------------------------------------------------------------------------


def lora(scale: float = 1.0, rank: int = 4) -> dict[str, NDArray[Any]]:
    chance = np.random.default_rng(1)
    module = f"base_model.model.{UP.removesuffix('.weight')}"
    return {
        f"{module}.lora_A.weight": chance.standard_normal((rank, 8)).astype(np.float32),
        f"{module}.lora_B.weight": (scale * chance.standard_normal((12, rank))).astype(np.float32),
    }


def adapter(arrays: Arrays, settings: Mapping[str, Any] | None = None) -> Dossier:
    given = {"adapter.lora_alpha": 8} | dict(settings or {})
    return weighted(arrays, given, version=version("lora/1", kind=Kind.ADAPTER))


@pytest.mark.parametrize(("settings", "scale"), [({}, 2.0), ({"adapter.use_rslora": True}, 4.0)])
def test_an_adapter_is_sized_by_what_it_adds(settings: dict[str, Any], scale: float) -> None:
    base, thin = llama(), lora()
    added = scale * thin[next(n for n in thin if "lora_B" in n)] @ thin[next(n for n in thin if "lora_A" in n)]
    wanted = np.linalg.norm(added) / np.linalg.norm(base[UP])
    for sheet in (compared(weighted(base), adapter(thin, settings)), compared(adapter(thin, settings), weighted(base))):
        assert rows(sheet)[UP].values["relative_change"] == pytest.approx(wanted, rel=1e-5)
        assert (sheet.differs, sheet.total) == (1, 8)
        assert texts(sheet) == ["the adapter changes 1 of 8 tensors, rank 4"]


def test_an_adapter_that_adds_nothing_is_exposed() -> None:
    sheet = compared(weighted(llama()), adapter(lora(0.0)))
    assert sheet.differs == 0
    assert texts(sheet) == ["the adapter B changes nothing: every product is zero"]
    assert sheet.clauses[0].weight == 2


def test_an_adapter_for_another_base_is_told() -> None:
    base = llama() | {UP: np.ones((5, 5), np.float32)}
    row = rows(compared(weighted(base), adapter(lora())))[UP]
    assert row.status is Status.DIFFERS
    assert "another base" in row.note


def test_two_adapters_are_compared_by_what_they_change() -> None:
    sheet = compared(adapter(lora(1.0)), adapter(lora(2.0)))
    assert (sheet.differs, sheet.total) == (1, 1)


def test_an_adapter_without_its_weights_shows_structure() -> None:
    sheet = compared(weighted(llama()), replace(adapter(lora()), weights=None))
    assert rows(sheet)[UP].status is Status.DIFFERS
    assert "sizes unknown" in sheet.notes[-1]


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("model.embed_tokens.weight", "embed", "weight"),
        ("model.layers.11.self_attn.q_proj.weight", "layer 11", "q"),
        ("model.layers.3.self_attn.q_proj.bias", "layer 3", "q"),
        ("model.layers.3.post_attention_layernorm.weight", "layer 3", "norm₂"),
        ("model.norm.weight", "norm", "weight"),
        ("lm_head.weight", "head", "weight"),
        ("transformer.h.5.attn.c_attn.weight", "layer 5", "qkv"),
        ("transformer.h.5.attn.c_proj.weight", "layer 5", "o"),
        ("h.5.mlp.c_proj.bias", "layer 5", "down"),
        ("transformer.wte.weight", "embed", "weight"),
        ("transformer.ln_f.bias", "norm", "weight"),
        ("gpt_neox.layers.0.attention.query_key_value.weight", "layer 0", "qkv"),
        ("gpt_neox.layers.0.mlp.dense_4h_to_h.weight", "layer 0", "down"),
        ("gpt_neox.embed_in.weight", "embed", "weight"),
        ("embed_out.weight", "head", "weight"),
        ("bert.encoder.layer.2.attention.self.query.weight", "encoder 2", "q"),
        ("bert.encoder.layer.2.attention.output.dense.weight", "encoder 2", "o"),
        ("bert.encoder.layer.2.output.dense.weight", "encoder 2", "down"),
        ("bert.encoder.layer.2.output.LayerNorm.weight", "encoder 2", "norm₂"),
        ("bert.embeddings.word_embeddings.weight", "embed", "weight"),
        ("encoder.block.1.layer.0.SelfAttention.q.weight", "encoder 1", "q"),
        ("decoder.block.1.layer.2.DenseReluDense.wo.weight", "decoder 1", "down"),
        ("model.layers.0.mlp.experts.7.down_proj.weight", "layer 0", "expert down"),
        ("model.layers.0.block_sparse_moe.experts.7.w1.weight", "layer 0", "expert gate"),
        ("model.layers.0.block_sparse_moe.gate.weight", "layer 0", "router"),
        ("model.layers.0.mlp.experts.gate_up_proj", "layer 0", "expert gate up"),
        ("base_model.model.model.layers.4.mlp.up_proj.lora_A.weight", "layer 4", "up"),
        ("base_model.model.model.layers.4.mlp.up_proj.lora_B.default.weight", "layer 4", "up"),
        ("model.layers.0.something.new", "layer 0", "other"),
        ("whatever", "other", "weight"),
        ("", "other", "weight"),
        ("layers.99999999999999999999.x", "other", "weight"),
    ],
)
def test_names_tell_where_a_tensor_stands(name: str, row: str, column: str) -> None:
    place = modules.place(name)
    assert (place.row, place.column) == (row, column)


def test_the_map_of_many_experts_is_drawn_with_signs_of_life_between() -> None:
    names = [f"model.layers.{at}.mlp.experts.{expert}.up_proj.weight" for at in range(100) for expert in range(128)]
    rows = {name: Row(name, Status.SAME, None, None, name, values={"relative_change": 0.0}) for name in names}
    drawing = filling(fields(names), rows)
    assert sum(1 for _ in drawing) == 3  # a tick for every 4,096 of 12,800 tensors
    assert len(grid(names, rows).cells) == 100
