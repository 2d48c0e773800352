from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from diptych.compare import folding, modules
from diptych.compare.grid import grid, layer
from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Status
from diptych.job import finish
from diptych.workbench.turning import turned
from dossiers import Bytes, dossier

QWEN = "model.layers.{layer}.mlp.experts.{expert}.{module}_proj.weight"


def moved(names: Sequence[str], changes: Sequence[float]) -> dict[str, Row]:
    """Rows that moved by so much; what moved by nought is the same."""
    return {
        name: Row(name, Status.DIFFERS if change else Status.SAME,
                  values={"relative_change": change, "norm_change": change, "norm_left": 1.0})
        for name, change in zip(names, changes, strict=True)
    }  # fmt: skip


def weighted(values: Mapping[str, float]) -> Dossier:
    """Weights of 4 × 4 tensors, each of one value."""
    source = Bytes({name: ("F32", (4, 4), np.full(16, value, "<f4").tobytes()) for name, value in values.items()})
    return dossier(tensors=tuple(source.tensors()), weights=lambda: source)


def experts(count: int, layer: int = 0, module: str = "gate") -> list[str]:
    return [QWEN.format(layer=layer, expert=expert, module=module) for expert in range(count)]


@pytest.mark.parametrize(
    ("name", "column", "expert"),
    [
        ("model.layers.3.mlp.experts.17.gate_proj.weight", "expert gate", 17),
        ("model.layers.3.mlp.experts.17.down_proj.weight_scale_inv", "expert down", 17),
        ("model.layers.3.block_sparse_moe.experts.7.w3.weight", "expert up", 7),
        ("encoder.block.1.layer.1.mlp.experts.expert_5.wo.weight", "expert down", 5),
        ("blk.3.ffn_up.5.weight", "expert up", 5),
        ("blk.3.ffn_up_exps.weight", "expert up", None),
        ("blk.3.ffn_gate_up_exps.weight", "expert gate up", None),
        ("blk.3.ffn_down_shexp.weight", "shared down", None),
        ("blk.3.ffn_down.weight", "down", None),
        ("blk.3.ffn_gate_inp.weight", "router", None),
        ("model.layers.3.mlp.experts.gate_up_proj_blocks", "expert gate up", None),
        ("model.layers.3.mlp.shared_experts.up_proj.weight", "shared up", None),
        ("model.layers.3.mlp.shared_expert.up_proj.weight", "shared up", None),
        ("model.layers.3.mlp.gate.e_score_correction_bias", "router", None),
        ("model.layers.0.mlp.gate_proj.weight", "gate", None),
    ],
)
def test_names_of_mixtures_tell_module_and_expert(name: str, column: str, expert: int | None) -> None:
    assert modules.place(name).column == column
    assert modules.expert(name) == expert


def test_experts_stand_behind_the_modules_that_all_tokens_see() -> None:
    columns = ["q", "down", "expert gate", "expert down", "shared gate", "experts", "other"]
    assert sorted(set(columns), key=modules.column_rank) == columns


def test_experts_fold_to_the_worst_and_the_median() -> None:
    names = experts(5)
    found = folding.fold(names, moved(names, [0.0, 0.1, 0.02, 0.5, 0.0]))
    assert found is not None
    assert (found.count, found.same, found.worst, found.worst_key, found.median) == (5, 2, 0.5, names[3], 0.02)
    even = folding.fold(names[:4], moved(names[:4], [0.1, 0.2, 0.3, 0.4]))
    assert even is not None
    assert even.median == pytest.approx(0.25)


def test_nothing_folds_before_all_experts_are_known_or_where_there_are_none() -> None:
    names = experts(3)
    rows = moved(names, [0.1, 0.2, 0.3])
    assert folding.fold(names, {name: rows[name] for name in names[:2]}) is None
    assert folding.fold(names[:1], rows) is None
    biased = ["layers.0.self_attn.q_proj.weight", "layers.0.self_attn.q_proj.bias"]
    assert folding.fold(biased, moved(biased, [0.1, 0.2])) is None


def test_a_layer_unfolds_into_its_own_tensors_and_its_experts() -> None:
    own = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_proj.bias"]
    names = own + [name for module in ("gate", "down") for name in experts(12, module=module)] + experts(12, layer=1)
    rows = moved(names, [0.1] * len(names))
    whole = grid(names, rows)
    found = layer(whole, "layer 0", rows)
    assert found.rows == ("layer", *(f"expert {number}" for number in range(12)))
    assert found.columns == ("q", "q bias", "expert gate", "expert down")
    assert sorted(key for cell in found.cells for key in cell.keys) == sorted(
        name for name in names if ".layers.0." in name
    )
    assert all(len(cell.keys) == 1 for cell in found.cells)


def test_modules_that_share_a_column_go_by_their_own_names_in_a_layer() -> None:
    names = [f"model.layers.0.self_attn.{module}.weight" for module in ("q_a_proj", "q_b_proj")]
    rows = moved(names, [0.1, 0.2])
    assert layer(grid(names, rows), "layer 0", rows).columns == ("q_a_proj", "q_b_proj")


def test_the_worst_of_a_mixture_is_the_worst_from_the_other_side_too() -> None:
    names = experts(4)
    ours = dict.fromkeys(names, 1.0)
    theirs = ours | {names[1]: 3.0, names[2]: 1.1}
    sheet = finish(Weights().compare(weighted(ours), weighted(theirs), Rules()))
    assert sheet.grid is not None
    there = sheet.grid.cells[0].fold
    back = turned(sheet).grid
    assert there is not None
    assert back is not None
    again = back.cells[0].fold
    assert again is not None
    assert (there.worst_key, there.worst, there.same) == (names[1], pytest.approx(2.0), 2)
    assert (again.worst_key, again.worst, again.same) == (names[1], pytest.approx(2 / 3), 2)
