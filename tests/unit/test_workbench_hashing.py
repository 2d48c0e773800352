"""Versions are hashed after the scan: final ids, copies and moves, stopping and going on."""

from __future__ import annotations

import os
from pathlib import Path

from diptych.domain.version import State
from diptych.job import Job, finish
from diptych.workbench import Workbench
from making import make_model, make_run, weights, write_safetensors
from scanning import named, scan


def drive(job: Job[object], steps: int) -> None:
    """Advance a job by some steps and stop it."""
    for _, _tick in zip(range(steps), job, strict=False):
        pass
    job.close()


def test_hashing_gives_a_final_id_that_does_not_depend_on_the_place(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "one" / "tiny")
    scan(workbench, tmp_path / "one")
    report = finish(workbench.hash())
    (version,) = workbench.page()
    assert version.hashed
    assert report.files == len(version.artifacts) == 5
    assert report.bytes == sum(artifact.bytes for artifact in version.artifacts)
    assert all(artifact.digest is not None for artifact in version.artifacts)
    workbench.tag([version.key], add=["ship"])
    (tmp_path / "one" / "tiny").rename(tmp_path / "one" / "renamed")
    scan(workbench, tmp_path / "one")
    finish(workbench.hash())
    (moved,) = workbench.page()
    assert (moved.key, moved.id, moved.tags) == (version.key, version.id, {"ship"})
    assert (moved.name, moved.path, moved.state) == ("renamed", tmp_path / "one" / "renamed", State.COMPLETE)


def test_a_copy_is_a_second_place(workbench: Workbench, tmp_path: Path) -> None:
    for place in ("first", "second"):
        make_model(tmp_path / place)
    scan(workbench, tmp_path)
    report = finish(workbench.hash())
    (version,) = workbench.page()
    assert report.duplicates == 1
    assert set(version.places) == {tmp_path / "first", tmp_path / "second"}


def test_what_was_moved_or_touched_is_no_duplicate(workbench: Workbench, tmp_path: Path) -> None:
    for number, name in enumerate(("moved", "touched")):
        make_model(tmp_path / name, seed=number)
    scan(workbench, tmp_path)
    finish(workbench.hash())
    workbench.tag(workbench.keys(), add=["keep"])
    (tmp_path / "moved").rename(tmp_path / "elsewhere")
    os.utime(tmp_path / "touched" / "model.safetensors", (1, 1))
    scan(workbench, tmp_path)
    report = finish(workbench.hash())
    assert (len(report.changes.removed), report.duplicates) == (2, 0)
    assert {version.path for version in workbench.page("tag:keep")} == {tmp_path / "elsewhere", tmp_path / "touched"}


def test_a_moved_run_takes_along_what_was_said_of_checkpoints_without_weights(
    workbench: Workbench, tmp_path: Path
) -> None:
    make_run(tmp_path / "runs" / "sft", (100, 200, 300), weightless=(100, 200))
    scan(workbench, tmp_path)
    finish(workbench.hash())
    workbench.tag(workbench.keys("step<300"), add=["keep"])
    (tmp_path / "runs").rename(tmp_path / "archive")
    scan(workbench, tmp_path)
    finish(workbench.hash())
    assert workbench.count("state:offline") == 0
    assert {version.path: (version.state, version.tags) for version in workbench.page()} == {
        tmp_path / "archive" / "sft" / "checkpoint-100": (State.NO_WEIGHTS, {"keep"}),
        tmp_path / "archive" / "sft" / "checkpoint-200": (State.NO_WEIGHTS, {"keep"}),
        tmp_path / "archive" / "sft" / "checkpoint-300": (State.COMPLETE, set()),
    }


def test_loose_files_are_hashed_too(workbench: Workbench, tmp_path: Path) -> None:
    for seed, name in enumerate(("one", "two")):
        write_safetensors(tmp_path / f"{name}.safetensors", weights(seed=seed))
    scan(workbench, tmp_path)
    assert finish(workbench.hash()).files == 2
    assert all(version.hashed for version in workbench.page())


def test_only_what_is_asked_for_is_hashed(workbench: Workbench, tmp_path: Path) -> None:
    for seed, name in enumerate(("one", "two")):
        make_model(tmp_path / name, seed=seed)
    scan(workbench, tmp_path)
    finish(workbench.hash([named(workbench, "one").key]))
    assert [named(workbench, name).hashed for name in ("one", "two")] == [True, False]
    assert finish(workbench.hash()).files == 5


def test_hashing_can_be_stopped_and_goes_on(workbench: Workbench, tmp_path: Path) -> None:
    for seed in range(3):
        make_model(tmp_path / f"tiny-{seed}", seed=seed)
    scan(workbench, tmp_path)
    for steps in range(4):
        drive(workbench.hash(), steps)
    finish(workbench.hash())
    assert all(version.hashed for version in workbench.page())


def test_a_file_that_is_gone_is_a_problem_and_the_others_are_hashed(workbench: Workbench, tmp_path: Path) -> None:
    for seed, name in enumerate(("one", "two")):
        make_model(tmp_path / name, seed=seed)
    scan(workbench, tmp_path)
    (tmp_path / "one" / "model.safetensors").unlink()
    report = finish(workbench.hash())
    assert [Path(problem.file).name for problem in report.problems] == ["model.safetensors"]
    assert [named(workbench, name).hashed for name in ("one", "two")] == [False, True]
