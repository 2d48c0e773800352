"""Lineage that is inferred, held against families whose truth is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from breeding import Farm, Told, breed, mixed, moved, network
from diptych.compare.blends import blend
from diptych.compare.signs import signs
from diptych.domain.lineage import Edge, Origin, Verdict
from diptych.domain.version import Relation, Version
from diptych.errors import NotFound
from diptych.job import finish
from diptych.workbench import Workbench
from making import MOMENT, make_tokenizer, write_json


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
    workbench: Workbench, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    truth: set[Told] = set()
    for number in range(5):
        truth |= breed(tmp_path / "models", 1000 * number)
    finish(workbench.scan([tmp_path / "models"]))
    finish(workbench.fingerprint())
    found = told(workbench, finish(workbench.infer_lineage()).edges)
    right = truth & found.keys()
    figure(f"lineage: precision {len(right)}/{len(found)}, recall {len(right)}/{len(truth)}")
    assert len(right) >= 0.95 * len(found), found.keys() - truth
    assert len(right) >= 0.95 * len(truth), truth - found.keys()
    assert all(edge.evidence and 0 < edge.confidence <= 1 for edge in found.values())
    assert np.mean([found[one].confidence for one in right]) > 0.8


def test_a_verdict_is_kept_by_the_next_inference_and_can_be_undone(family: tuple[Workbench, set[Told]]) -> None:
    workbench, _ = family
    edges = finish(workbench.infer_lineage()).edges
    changes = workbench.judge(edges[0], Verdict.REJECTED)
    assert workbench.versions(list(changes.updated))[0].id == edges[0].child
    workbench.judge(edges[1], Verdict.CONFIRMED)
    assert "(confirmed)" in workbench.compare(edges[1].parents[0], edges[1].child).relation
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


def test_task_arithmetic_takes_its_origin_off(workbench: Workbench, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "models")
    base = network(1)
    one, two = moved(base, 0.05, 2), moved(base, 0.08, 3)
    for name, tensors in (("base", base), ("one", one), ("two", two)):
        farm.model(name, tensors)
    farm.model("sum", mixed((-0.2, base), (0.7, one), (0.5, two)))
    farm.model("further", mixed((-0.5, base), (1.5, one)))
    edges = inferred(workbench, farm.folder)
    names = {version.id: version.name for version in workbench.page(limit=None)}
    assert [names[parent] for parent in edges["sum"].parents] == ["one", "two", "base"]
    assert edges["sum"].relation is Relation.MERGE
    assert edges["sum"].coefficients == pytest.approx((0.7, 0.5, -0.2), abs=0.01)
    # what went on in one direction is no merge
    assert edges["further"].relation is Relation.FINE_TUNE


def test_without_fingerprints_nothing_is_inferred(workbench: Workbench, tmp_path: Path) -> None:
    Farm(tmp_path / "models").model("one", network(1))
    finish(workbench.scan([tmp_path / "models"]))
    assert finish(workbench.infer_lineage()).edges == ()
    assert workbench.pedigree().fingerprints == 0


def test_what_was_exported_from_a_run_is_no_parent_of_its_checkpoints(workbench: Workbench, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "models")
    steps = [moved(network(1), by, 5) for by in (0.0, 0.02, 0.03)]
    for step, tensors in zip((100, 200, 300), steps, strict=True):
        farm.checkpoint("run", step, tensors)
    farm.model("final", steps[2])
    write_json(farm.folder / "final" / "config.json", {"model_type": "llama", "note": "the last one, saved again"})
    for file in farm.folder.rglob("*.*"):
        os.utime(file, (MOMENT,) * 2)
    edges = inferred(workbench, farm.folder)
    names = {version.id: version.name.removeprefix("models/") for version in workbench.page(limit=None)}
    assert {names[edge.child]: (edge.relation, names[edge.parents[0]]) for edge in edges.values()} == {
        "run/checkpoint-200": (Relation.RESUMED, "run/checkpoint-100"),
        "run/checkpoint-300": (Relation.RESUMED, "run/checkpoint-200"),
        "final": (Relation.IDENTICAL, "run/checkpoint-300"),
    }
    assert edges["models/final"].confidence == 0.9


# what lies beside the weights ----------------------------------------------------------------------------------------


def test_of_two_with_one_declared_parent_none_is_guessed_to_be_the_others(workbench: Workbench) -> None:
    finish(workbench.scan([workbench.sample_library()]))
    finish(workbench.fingerprint())
    names = {version.id: version.name for version in workbench.page(limit=None)}
    found = {
        (names[edge.child], *(names[one] for one in edge.parents)) for edge in finish(workbench.infer_lineage()).edges
    }
    assert found == {("base-pretrain/checkpoint-600", "base-pretrain/checkpoint-400")}


def inferred(workbench: Workbench, folder: Path) -> dict[str, Edge]:
    """The inferred edges of a folder that is scanned and fingerprinted, by the name of the child."""
    finish(workbench.scan([folder]))
    finish(workbench.fingerprint())
    edges = finish(workbench.infer_lineage()).edges
    names = {version.id: version.name for version in workbench.page(limit=None)}
    return {names[edge.child]: edge for edge in edges}


def test_tokenizer_and_architecture_are_evidence(workbench: Workbench, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "models")
    base = network(1)
    farm.model("first", base)
    farm.model("alike", moved(base, 0.05, 2))
    farm.model("other", moved(base, 0.06, 3))
    make_tokenizer(farm.folder / "other", extra=("another", "vocabulary"))
    write_json(farm.folder / "other" / "config.json", {"model_type": "llama", "hidden_size": 32, "rope_theta": 500000})
    farm.date(farm.folder / "other")
    edges = inferred(workbench, farm.folder)
    assert "the same tokenizer.json" in edges["alike"].evidence
    assert any("settings of the architecture are equal" in words for words in edges["alike"].evidence)
    assert "another tokenizer.json" in edges["other"].evidence
    assert edges["other"].confidence < edges["alike"].confidence


def test_a_record_that_names_the_parent_decides(workbench: Workbench, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "models")
    base = network(1)
    for step, by in ((100, 0.0), (200, 0.02)):
        farm.checkpoint("first", step, moved(base, by, 5))
    farm.checkpoint("second", 300, moved(moved(base, 0.02, 5), 0.03, 6))
    found = signs(*(version._replace(hyperparameters=said) for version, said in zip(
        _versions(workbench, farm.folder, "first/checkpoint-100", "second/checkpoint-300"),
        ({}, {"train.resume_from_checkpoint": "/elsewhere/first/checkpoint-100"}), strict=True,
    )))  # fmt: skip
    assert found.named
    assert found.resumed
    assert found.words[-1] == (
        "its training was resumed from /elsewhere/first/checkpoint-100, step 100, and came to step 300"
    )


def _versions(workbench: Workbench, folder: Path, *names: str) -> list[Version]:
    finish(workbench.scan([folder]))
    return [workbench.resolve(name) for name in names]


def test_a_vocabulary_that_grew_is_of_kin_by_what_kept_its_shape(workbench: Workbench, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "models")
    base = network(1)
    farm.model("first", base)
    more = moved(base, 0.04, 2)
    name = "model.embed_tokens.weight"
    more[name] = np.concatenate([more[name], np.ones((8, 32), np.float32)])
    farm.model("grown", more)
    farm.model("stranger", network(9))
    for model, size in (("first", 64), ("grown", 72), ("stranger", 64)):
        said = {"model_type": "llama", "hidden_size": 32, "vocab_size": size}
        write_json(farm.folder / model / "config.json", said)
        farm.date(farm.folder / model)
    edges = inferred(workbench, farm.folder)
    assert edges.keys() == {"grown"}
    edge = edges["grown"]
    assert edge.relation is Relation.FINE_TUNE
    assert edge.parents == (workbench.resolve("first").id,)
    assert "its vocabulary is 8 tokens larger" in edge.evidence
