"""Adapters and evaluations find the models they are about, whenever those come."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.domain.version import Kind, State
from diptych.workbench import Workbench
from making import (
    make_adapter,
    make_lm_eval,
    make_model,
    make_run,
    make_snapshot,
)
from scanning import scan, versions

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("spelling", ["runs/sft/checkpoint-100", "../runs/sft/checkpoint-100", "absolute", "elsewhere"])
def test_an_adapter_is_tied_to_its_base(workbench: Workbench, tmp_path: Path, spelling: str) -> None:
    base = make_run(tmp_path / "runs" / "sft", (100,)) / "checkpoint-100"
    named = {"absolute": str(base), "elsewhere": "/home/other/runs/sft/checkpoint-100"}.get(spelling, spelling)
    make_adapter(tmp_path / "adapters" / "lora", named)
    scan(workbench, tmp_path)
    found = versions(workbench)
    lineage = found["adapters/lora"].base
    assert found["adapters/lora"].kind is Kind.ADAPTER
    assert lineage is not None
    assert (lineage.name, lineage.parent) == (named, found["sft/checkpoint-100"].id)


def test_an_adapter_is_tied_to_a_base_that_comes_later(workbench: Workbench, tmp_path: Path) -> None:
    make_adapter(tmp_path / "style", "org/name")
    scan(workbench, tmp_path)
    make_snapshot(tmp_path / "hub", "org/name", COMMIT)
    scan(workbench, tmp_path)
    found = versions(workbench)
    lineage = found["style"].base
    assert lineage is not None
    assert lineage.parent == found["org/name@0123456"].id


def test_a_base_beside_the_adapter_is_found_by_its_relative_name(workbench: Workbench, tmp_path: Path) -> None:
    for place in ("lib/sharded", "other/sharded"):
        make_model(tmp_path / place)
    make_adapter(tmp_path / "lib" / "lora", "../sharded")
    make_adapter(tmp_path / "lib" / "runs" / "deep", "./.././../sharded/")
    scan(workbench, tmp_path)
    found = {version.path: version for version in versions(workbench).values()}
    bases = [found[tmp_path / "lib" / name].base for name in ("lora", "runs/deep")]
    assert [base and base.parent for base in bases] == [found[tmp_path / "lib" / "sharded"].id] * 2


@pytest.mark.parametrize("age", ["0.4.0", "0.4.5", "0.4.12"])
def test_an_evaluation_is_given_to_the_version_it_names(workbench: Workbench, tmp_path: Path, age: str) -> None:
    make_run(tmp_path / "runs" / "sft", (100, 200))
    make_lm_eval(tmp_path / "eval", "runs/sft/checkpoint-200", {"arith": 0.66}, age=age)
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert set(found) == {"sft/checkpoint-100", "sft/checkpoint-200"}
    assert found["sft/checkpoint-200"].metrics["arith/acc"] == 0.66
    assert "arith/acc" not in found["sft/checkpoint-100"].metrics
    assert workbench.dossier(found["sft/checkpoint-200"]).has_samples


def test_an_evaluation_of_an_adapter_is_about_the_adapter(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "sft", (100,))
    make_adapter(tmp_path / "adapters" / "lora", "runs/sft/checkpoint-100")
    make_lm_eval(tmp_path / "eval", "runs/sft/checkpoint-100", {"arith": 0.33}, peft="adapters/lora")
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert found["adapters/lora"].metrics["arith/acc"] == 0.33
    assert "arith/acc" not in found["sft/checkpoint-100"].metrics


def test_an_evaluation_of_a_commit_finds_that_snapshot(workbench: Workbench, tmp_path: Path) -> None:
    make_snapshot(tmp_path / "hub", "org/name", COMMIT)
    other = make_snapshot(tmp_path / "hub", "org/name", COMMIT[::-1], seed=1)
    make_lm_eval(tmp_path / "eval", "org/name", {"arith": 0.33}, revision=COMMIT)
    make_lm_eval(tmp_path / "eval-main", "org/name", {"arith": 0.66})
    scan(workbench, tmp_path)
    found = {version.path: version for version in versions(workbench).values()}
    assert found[other.parent / COMMIT].metrics["arith/acc"] == 0.33
    # the cache says what `main` was when it was downloaded last
    assert found[other].metrics["arith/acc"] == 0.66


def test_an_evaluation_without_its_model_is_a_version_until_the_model_arrives(
    workbench: Workbench, tmp_path: Path
) -> None:
    make_lm_eval(tmp_path / "eval", "runs/sft/checkpoint-200", {"arith": 0.66})
    scan(workbench, tmp_path)
    (alone,) = versions(workbench).values()
    assert (alone.name, alone.kind, alone.state) == ("runs/sft/checkpoint-200", Kind.RECORD, State.NO_WEIGHTS)
    assert alone.path is None
    make_run(tmp_path / "runs" / "sft", (200,), results=False)
    report = scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert (version.name, version.state) == ("sft/checkpoint-200", State.COMPLETE)
    assert version.metrics["arith/acc"] == 0.66
    assert alone.key in report.changes.removed


def test_evaluations_of_two_commits_stay_apart(workbench: Workbench, tmp_path: Path) -> None:
    for place, commit in (("one", COMMIT), ("two", COMMIT[::-1])):
        make_lm_eval(tmp_path / place, "org/away", {"arith": 0.33}, revision=commit)
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert set(found) == {"org/away@0123456", "org/away@7654321"}
    assert {version.model for version in found.values()} == {"org/away"}


def test_what_was_said_of_an_evaluation_is_kept_when_its_model_arrives(workbench: Workbench, tmp_path: Path) -> None:
    make_lm_eval(tmp_path / "eval", "ghost/m", {"arith": 0.66})
    make_adapter(tmp_path / "adapters" / "lora", "ghost/m")
    scan(workbench, tmp_path)
    (alone,) = (version for version in versions(workbench).values() if version.kind is Kind.RECORD)
    child = versions(workbench)["adapters/lora"]
    assert child.base is not None
    assert child.base.parent == alone.id
    workbench.tag([alone.key], add=["ship"])
    workbench.star([alone.key], 4)
    workbench.note(alone.key, "the good one")
    make_model(tmp_path / "ghost" / "m", seed=4)
    report = scan(workbench, tmp_path)
    found = versions(workbench)
    (arrived,) = (version for version in found.values() if version.kind is Kind.MODEL)
    assert alone.key in report.changes.removed
    assert (arrived.tags, arrived.stars, arrived.note) == (frozenset({"ship"}), 4, "the good one")
    assert workbench.keys("tag:ship") == [arrived.key]
    base = found["adapters/lora"].base
    assert base is not None
    assert base.parent == arrived.id
    assert child.key in report.changes.updated


def test_results_that_were_deleted_are_no_longer_shown(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "sft", (100,))
    for place, model in (("eval", "runs/sft/checkpoint-100"), ("lone", "org/away")):
        make_lm_eval(tmp_path / place, model, {"arith": 0.66})
    scan(workbench, tmp_path)
    assert versions(workbench)["org/away"].state is State.NO_WEIGHTS
    for place in ("eval", "lone"):
        (tmp_path / place).rename(tmp_path / f".{place}")
    report = scan(workbench, tmp_path)
    found = versions(workbench)
    assert "arith/acc" not in found["sft/checkpoint-100"].metrics
    assert "train_loss" in found["sft/checkpoint-100"].metrics
    assert found["org/away"].state is State.OFFLINE
    assert found["org/away"].metrics == {"arith/acc": 0.66}
    assert report.changes.updated == {version.key for version in found.values()}
    assert report.versions == 1
    assert not scan(workbench, tmp_path).changes
    for place in ("eval", "lone"):
        (tmp_path / f".{place}").rename(tmp_path / place)
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert found["sft/checkpoint-100"].metrics["arith/acc"] == 0.66
    assert found["org/away"].state is State.NO_WEIGHTS


def test_an_evaluation_that_was_moved_is_told_once(workbench: Workbench, tmp_path: Path) -> None:
    make_lm_eval(tmp_path / "eval", "org/away", {"arith": 0.66})
    scan(workbench, tmp_path)
    (tmp_path / "eval").rename(tmp_path / "evaluations")
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.state is State.NO_WEIGHTS
    (record,) = workbench.catalog.records(version.key)
    assert record.path.is_relative_to(tmp_path / "evaluations")
