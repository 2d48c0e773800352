"""What is not here or is packed, and so is no difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.domain.version import Artifact, Problem, Role, State
from diptych.job import finish
from dossiers import Bytes, dossier, version

Arrays = dict[str, NDArray[np.float32]]


def network() -> Arrays:
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (16, 8)}
    for layer in range(2):
        shapes[f"model.layers.{layer}.mlp.up_proj.weight"] = (12, 8)
        shapes[f"model.layers.{layer}.input_layernorm.weight"] = (8,)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def side(arrays: Arrays, state: State = State.COMPLETE) -> Dossier:
    source = Bytes({name: ("F32", array.shape, array.tobytes()) for name, array in arrays.items()})
    return dossier(tensors=tuple(source.tensors()), weights=lambda: source, version=version("one/1", state=state))


def compared(left: Dossier, right: Dossier) -> Sheet:
    return finish(Weights().compare(left, right, Rules()))


def texts(sheet: Sheet) -> list[str]:
    return [clause.text for clause in sheet.clauses]


def test_what_a_missing_shard_holds_is_not_removed() -> None:
    ours = network()
    part = side({name: array for name, array in ours.items() if "layers.1" not in name}, State.PARTIAL)
    for left, right, lacking in ((side(ours), part, "B"), (part, side(ours), "A")):
        sheet = compared(left, right)
        assert sheet.differs == 0
        assert f"2 tensors not compared: {lacking}'s weights are not complete" in texts(sheet)
        assert sheet.grid is not None
        assert {cell.symbol for cell in sheet.grid.cells if cell.row == "layer 1"} == {"?"}


def test_what_was_missing_before_the_disk_was_unplugged_is_not_removed() -> None:
    ours, first, second = network(), "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    part = side({name: array for name, array in ours.items() if "layers.1" not in name})
    found = version("one/1", state=State.OFFLINE, artifacts=(Artifact(first, 1, 1, Role.WEIGHTS),))
    gone = replace(part, version=found, weights=None, problems=(Problem(f"/away/{second}", "this shard is missing"),))
    said = texts(compared(side(ours), gone))
    assert said == ["5 tensors not compared: the weights of B are not here and B's weights are not complete"]
    assert "2 tensors only in A" in texts(compared(side(ours), replace(gone, problems=())))


def test_packed_weights_are_not_called_reshaped_nor_their_layers_unchanged() -> None:
    ours = network()
    source = Bytes({
        name: ("F32", array.shape, array.tobytes()) if array.ndim == 1
        else ("U32", (array.shape[0], array.shape[1] // 4), bytes(array.size))
        for name, array in ours.items()
    })  # fmt: skip
    packed = dossier(tensors=tuple(source.tensors()), weights=lambda: source)
    said = texts(compared(side(ours), packed))
    assert "3 tensors not compared: packed as U32 in B, which is not read" in said
    assert not any("unchanged" in text or "reshaped" in text for text in said)
