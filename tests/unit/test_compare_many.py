"""Networks of very many tensors: the work shows that it goes on, and nothing is done for each tensor over and over."""

from __future__ import annotations

from contextlib import closing

import pytest

from diptych.compare import modules
from diptych.compare import weights as module
from diptych.compare.structure import Pairing
from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.domain.tensor import TensorInfo
from dossiers import dossier


def experts(layers: int, each: int) -> list[str]:
    return [f"model.layers.{layer}.mlp.experts.{at}.up_proj.weight" for layer in range(layers) for at in range(each)]


def test_reading_many_names_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = tuple(TensorInfo(name, "F32", (2,), "m", 8 * at, 8 * at + 8) for at, name in enumerate(experts(4, 5)))
    monkeypatch.setattr(module, "_OFTEN", 5)
    paired: list[int] = []
    pairing = module.pairings

    def recorded(left: Dossier, right: Dossier) -> list[Pairing]:
        paired.append(len(left.tensors))
        return pairing(left, right)

    monkeypatch.setattr(module, "pairings", recorded)
    with closing(Weights().compare(dossier(tensors=tensors), dossier(tensors=tensors), Rules())) as job:
        for _ in range(8):
            assert next(job).partial is None
        assert not paired
        assert next(job).partial is None
        assert paired == [20]
        assert isinstance(next(job).partial, Sheet)


def test_names_of_one_network_are_read_once() -> None:
    """Those of the largest are no more than are kept, so that a round over all of them finds them again."""
    names = experts(500, 200)
    kept = [modules.place(name) for name in names]
    assert all(modules.place(name) is place for name, place in zip(names, kept, strict=True))


def test_layers_and_experts_stand_in_the_order_of_their_numbers() -> None:
    names = experts(12, 12)
    tensors = tuple(TensorInfo(name, "F32", (2,), "m", 0, 8) for name in sorted(names, reverse=True))
    found = module.pairings(dossier(tensors=tensors), dossier(tensors=tensors))
    assert [pair.name for pair in found] == names
