"""Lineage that is inferred, held against families whose truth is known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diptych.compare.blends import blend
from diptych.domain.lineage import Edge, Origin, Verdict
from diptych.domain.version import Relation
from diptych.errors import NotFound
from diptych.job import finish
from diptych.workbench import Workbench
from making import MOMENT, make_model, make_tokenizer, weights, write_json, write_safetensors

Tensors = Mapping[str, np.ndarray]
TARGETS = (("q_proj", "v_proj"), ("q_proj", "k_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj", "v_proj"))
Told = tuple[str, frozenset[str], Relation]


def network(seed: int) -> dict[str, np.ndarray]:
    return dict(weights(2, seed, hidden=32, vocabulary=64))


def moved(tensors: Tensors, by: float, seed: int, only: str = "") -> dict[str, np.ndarray]:
    """Every matrix (or those that `only` names) moved by a relative `by` in a direction of its own."""
    chance = np.random.default_rng(seed)
    found = {}
    for name, values in tensors.items():
        size = by * np.linalg.norm(values) / np.sqrt(values.size) if values.ndim > 1 and only in name else 0.0
        found[name] = (values + size * chance.standard_normal(values.shape)).astype(np.float32)
    return found


def mixed(*parts: tuple[float, Tensors]) -> dict[str, np.ndarray]:
    return {name: sum(share * tensors[name] for share, tensors in parts).astype(np.float32) for name in parts[0][1]}


class Farm:
    """Writes models into one folder, each an hour after the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hour = 0

    def model(self, name: str, tensors: Tensors, dtype: str = "F32") -> None:
        self.date(make_model(self.folder / name, tensors=tensors, dtype=dtype, config={"hidden_size": 32}))

    def checkpoint(self, run: str, step: int, tensors: Tensors) -> None:
        folder = make_model(self.folder / run / f"checkpoint-{step}", tensors=tensors)
        write_json(folder / "trainer_state.json", {"global_step": step, "log_history": []})
        self.date(folder)

    def adapter(self, name: str, seed: int, base: Tensors, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Write an adapter that declares no base that is here, and return its effective change."""
        chance, rank = np.random.default_rng(seed), 4
        change, tensors = {}, {}
        for module in (name for name in base if name.endswith(tuple(f"{one}.weight" for one in names))):
            out, width = base[module].shape
            down = chance.standard_normal((rank, width), np.float32) * np.float32(0.1)
            up = chance.standard_normal((out, rank), np.float32) * np.float32(0.1)
            stem = "base_model.model." + module.removesuffix(".weight")
            tensors |= {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}
            change[module] = up @ down
        folder = self.folder / name
        write_safetensors(folder / "adapter_model.safetensors", tensors)
        settings = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "base_model_name_or_path": "org/not-here",
                    "target_modules": list(names)}  # fmt: skip
        write_json(folder / "adapter_config.json", settings)
        make_tokenizer(folder)
        self.date(folder)
        return change

    def date(self, folder: Path) -> None:
        self._hour += 1
        for file in folder.iterdir():
            os.utime(file, (MOMENT + 3600 * self._hour,) * 2)


def breed(folder: Path, seed: int) -> set[Told]:
    """A family with everything in it, and strangers; returns the truth."""
    farm = Farm(folder)
    stem = f"f{seed}-"
    base = network(seed)
    farm.model(f"{stem}base", base)
    one, two = moved(base, 0.05, seed + 1), moved(base, 0.08, seed + 2)
    farm.model(f"{stem}chat", one)
    farm.model(f"{stem}code", two)
    farm.model(f"{stem}stranger", network(seed + 50))
    truth = {
        (f"{stem}chat", frozenset({f"{stem}base"}), Relation.FINE_TUNE),
        (f"{stem}code", frozenset({f"{stem}base"}), Relation.FINE_TUNE),
    }
    here, before = moved(one, 0.03, seed + 3), f"{stem}chat"
    for step in (100, 200, 300):
        farm.checkpoint(f"{stem}run", step, here)
        name = f"{stem}run/checkpoint-{step}"
        truth.add((name, frozenset({before}), Relation.RESUMED if step > 100 else Relation.FINE_TUNE))
        here, before = moved(here, 0.02, seed + step), name
    farm.model(f"{stem}mix", mixed((0.3, one), (0.7, two)))
    truth.add((f"{stem}mix", frozenset({f"{stem}chat", f"{stem}code"}), Relation.MERGE))
    farm.model(f"{stem}half", two, "BF16")
    truth.add((f"{stem}half", frozenset({f"{stem}code"}), Relation.CONVERTED))
    change = farm.adapter(f"{stem}lora", seed + 4, base, TARGETS[seed // 1000 % len(TARGETS)])
    farm.model(f"{stem}merged", {name: values + change.get(name, 0) for name, values in base.items()})
    truth.add((f"{stem}merged", frozenset({f"{stem}base", f"{stem}lora"}), Relation.MERGE))
    farm.model(f"{stem}copy", one)
    write_json(folder / f"{stem}copy" / "config.json", {"model_type": "llama", "note": "a copy"})
    farm.date(folder / f"{stem}copy")
    truth.add((f"{stem}copy", frozenset({f"{stem}chat"}), Relation.IDENTICAL))
    return truth


def told(workbench: Workbench, edges: tuple[Edge, ...]) -> dict[Told, Edge]:
    names = {version.id: version.name.removeprefix("models/") for version in workbench.page(limit=None)}
    return {(names[edge.child], frozenset(names[one] for one in edge.parents), edge.relation): edge for edge in edges}


@pytest.fixture
def family(workbench: Workbench, tmp_path: Path) -> tuple[Workbench, set[Told]]:
    """One family, scanned and fingerprinted."""
    truth = breed(tmp_path / "models", 1)
    finish(workbench.scan([tmp_path / "models"]))
    finish(workbench.fingerprint())
    return workbench, truth


def test_families_of_known_descent_are_found_again(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth: set[Told] = set()
    for number in range(5):
        truth |= breed(tmp_path / "models", 1000 * number)
    finish(workbench.scan([tmp_path / "models"]))
    finish(workbench.fingerprint())
    found = told(workbench, finish(workbench.infer_lineage()).edges)
    right = truth & found.keys()
    with capsys.disabled():
        print(f"\nlineage: precision {len(right)}/{len(found)}, recall {len(right)}/{len(truth)}")
        for edge in sorted(found.keys() - truth, key=str):
            print("  wrong ", edge, found[edge].confidence, found[edge].evidence)
        for lost in sorted(truth - found.keys(), key=str):
            print("  missed", lost)
    assert len(right) >= 0.95 * len(found)
    assert len(right) >= 0.95 * len(truth)
    assert all(edge.evidence and 0 < edge.confidence <= 1 for edge in found.values())
    assert np.mean([found[one].confidence for one in right]) > 0.8


def test_a_verdict_is_kept_by_the_next_inference_and_can_be_undone(family: tuple[Workbench, set[Told]]) -> None:
    workbench, _ = family
    edges = finish(workbench.infer_lineage()).edges
    changes = workbench.judge(edges[0], Verdict.REJECTED)
    assert workbench.versions(list(changes.updated))[0].id == edges[0].child
    workbench.judge(edges[1], Verdict.CONFIRMED)
    finish(workbench.infer_lineage())
    said = {(edge.child, edge.parents): edge.verdict for edge in workbench.pedigree().edges}
    assert said[edges[0].child, edges[0].parents] is Verdict.REJECTED
    assert said[edges[1].child, edges[1].parents] is Verdict.CONFIRMED
    undone = workbench.undo()
    assert undone is not None
    assert undone.label == "Confirm lineage"
    workbench.undo()
    assert {edge.verdict for edge in workbench.pedigree().edges} == {Verdict.NONE}
    workbench.redo()
    assert [edge.verdict for edge in workbench.pedigree().edges].count(Verdict.REJECTED) == 1
    with pytest.raises(NotFound, match="no longer"):
        workbench.judge(replace(edges[0], relation=Relation.QUANTIZED), Verdict.CONFIRMED)


def test_the_kin_of_one_version_are_what_it_came_from_and_gave_rise_to(family: tuple[Workbench, set[Told]]) -> None:
    workbench, _ = family
    finish(workbench.infer_lineage())
    kin = workbench.pedigree(workbench.resolve("f1-run/checkpoint-200"))
    assert {one.name for one in kin.versions} == {
        "f1-base", "f1-chat", "f1-run/checkpoint-100", "f1-run/checkpoint-200", "f1-run/checkpoint-300",
    }  # fmt: skip
    assert all(edge.origin is Origin.INFERRED for edge in kin.edges)


def test_the_shares_of_a_merge_lie_within_their_errors(family: tuple[Workbench, set[Told]]) -> None:
    workbench, _ = family
    merge = next(edge for edge in finish(workbench.infer_lineage()).edges if edge.coefficients)
    assert merge.coefficients == pytest.approx((0.7, 0.3), abs=0.01)
    assert max(merge.errors) < 0.01


def test_strangers_and_lines_are_no_mixtures() -> None:
    chance = np.random.default_rng(5)
    a, b, other = chance.standard_normal((3, 4096))
    found = blend(0.3 * a + 0.7 * b + 0.01 * other, [a, b, other])
    assert found is not None
    assert found.places[:2] == (1, 0)
    assert found.coefficients[0] == pytest.approx(0.7, abs=max(found.errors[0], 0.001))
    assert blend(other, [a, b]) is None
    # of three on a line only the one between is a mixture
    assert blend(a, [0.3 * a + 0.7 * b, b]) is None


def test_without_fingerprints_nothing_is_inferred(workbench: Workbench, tmp_path: Path) -> None:
    Farm(tmp_path / "models").model("one", network(1))
    finish(workbench.scan([tmp_path / "models"]))
    assert finish(workbench.infer_lineage()).edges == ()
    assert workbench.pedigree().fingerprints == 0
