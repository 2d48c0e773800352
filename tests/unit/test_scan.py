"""What a scan makes of the folders people have."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest

from diptych.domain.version import Kind, State
from diptych.errors import NotFound
from diptych.job import finish
from diptych.workbench import Workbench
from making import (
    header_bytes,
    make_lm_eval,
    make_model,
    make_run,
    make_snapshot,
    weights,
    write_json,
    write_safetensors,
)
from scanning import scan, versions

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_checkpoints_are_grouped_under_their_run(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "sft", (100, 200))
    report = scan(workbench, tmp_path)
    found = versions(workbench)
    assert set(found) == {"sft/checkpoint-100", "sft/checkpoint-200"}
    assert {(version.model, version.kind, version.state) for version in found.values()} == {
        ("sft", Kind.CHECKPOINT, State.COMPLETE)
    }
    assert [found[f"sft/checkpoint-{step}"].step for step in (100, 200)] == [100, 200]
    assert (report.versions, len(report.changes.added), report.problems) == (2, 2, ())


def test_a_version_knows_its_weights_and_settings(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny", dtype="BF16")
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    parameters = sum(tensor.size for tensor in weights().values())
    assert (version.name, version.family, version.format, version.dtype) == ("tiny", "llama", "safetensors", "BF16")
    assert version.parameters == parameters
    assert version.bytes == (tmp_path / "tiny" / "model.safetensors").stat().st_size
    assert version.hyperparameters["arch.num_hidden_layers"] == 2
    assert version.created == pytest.approx((tmp_path / "tiny" / "model.safetensors").stat().st_mtime)


def test_files_are_kept_by_name_size_and_time_whatever_their_names(workbench: Workbench, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny")
    for name in ("50%.txt", "%d of %%s.txt", 'a "quoted" note.txt', "back\\slash.txt", "ünïcode.txt"):
        (folder / name).write_text(name)
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    told = {(file.path, file.bytes, file.modified_ns) for file in version.artifacts}
    states = {path.name: path.stat() for path in folder.iterdir()}
    assert told == {(name, state.st_size, state.st_mtime_ns) for name, state in states.items()}


def test_shards_are_one_version_with_all_their_parameters(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "whole")
    make_model(tmp_path / "parts", shards=3)
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert found["parts"].state is State.COMPLETE
    assert found["parts"].parameters == found["whole"].parameters


def test_a_missing_shard_makes_a_version_partial(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "parts", shards=3)
    (tmp_path / "parts" / "model-00002-of-00003.safetensors").unlink()
    report = scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.state is State.PARTIAL
    assert [problem.reason for problem in version.problems] == ["this shard is missing"]
    assert version.problems[0].file.endswith("model-00002-of-00003.safetensors")
    assert report.problems == version.problems


def test_an_index_that_contradicts_its_shards_is_damage(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "parts", shards=2)
    first = "model-00001-of-00002.safetensors"
    map_ = dict.fromkeys(weights(), first)
    write_json(tmp_path / "parts" / "model.safetensors.index.json", {"metadata": {}, "weight_map": map_})
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.state is State.DAMAGED
    assert version.problems[0].file.endswith("index.json")
    assert "names tensors that are not where it says" in version.problems[0].reason


def test_a_growing_file_is_partial_and_complete_once_it_is_written(workbench: Workbench, tmp_path: Path) -> None:
    file = make_model(tmp_path / "tiny") / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-100])
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.PARTIAL
    file.write_bytes(content)
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.COMPLETE
    assert versions(workbench)["tiny"].problems == ()


@pytest.mark.parametrize("name", ["model.safetensors.incomplete", "rank-0.tmp"])
def test_a_file_with_a_temporary_name_makes_its_version_partial(
    workbench: Workbench, tmp_path: Path, name: str
) -> None:
    (make_model(tmp_path / "tiny") / name).write_bytes(b"half")
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.PARTIAL


def test_a_cut_configuration_makes_its_version_partial(workbench: Workbench, tmp_path: Path) -> None:
    file = make_model(tmp_path / "tiny") / "config.json"
    file.write_bytes(file.read_bytes()[:40])
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.PARTIAL


def test_loose_weight_files_are_a_version_each(workbench: Workbench, tmp_path: Path) -> None:
    for seed, name in enumerate(("anime", "sketch")):
        write_safetensors(tmp_path / "styles" / f"{name}.safetensors", weights(seed=seed))
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert {name: version.path for name, version in found.items()} == {
        name: tmp_path / "styles" / f"{name}.safetensors" for name in ("anime", "sketch")
    }


def test_a_standard_name_alone_is_called_by_its_folder(workbench: Workbench, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "bare" / "model.safetensors", weights())
    scan(workbench, tmp_path)
    assert versions(workbench)["bare"].path == tmp_path / "bare"


def test_the_final_model_of_a_run_is_a_version_beside_its_checkpoints(workbench: Workbench, tmp_path: Path) -> None:
    make_model(make_run(tmp_path / "sft", (100,)), seed=7)
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert set(found) == {"sft", "sft/checkpoint-100"}
    assert found["sft"].metrics["eval_loss"] == 2.9
    assert found["sft"].model == found["sft/checkpoint-100"].model == "sft"


def test_results_of_a_run_belong_to_its_last_checkpoint(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (90, 200, 1000))
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert "train_loss" in found["sft/checkpoint-1000"].metrics
    assert "train_loss" not in found["sft/checkpoint-200"].metrics


def test_a_checkpoint_without_weights_is_kept_for_what_is_known(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100, 200), weightless=(100,))
    scan(workbench, tmp_path)
    found = versions(workbench)["sft/checkpoint-100"]
    assert (found.state, found.step, found.format) == (State.NO_WEIGHTS, 100, "")
    assert found.metrics["eval_loss"] == 2.9


def test_a_run_whose_checkpoints_were_deleted_is_kept_for_what_is_known(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100,))
    shutil.rmtree(tmp_path / "sft" / "checkpoint-100")
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert (version.name, version.state) == ("sft", State.NO_WEIGHTS)
    assert version.metrics["train_loss"] == 2.5


def test_names_that_clash_begin_with_their_folders(workbench: Workbench, tmp_path: Path) -> None:
    for place in ("first/sft", "second/sft"):
        make_run(tmp_path / place, (100,), results=False)
    make_model(tmp_path / "a" / "final")
    make_model(tmp_path / "b" / "final", seed=1)
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert set(found) == {"first/sft/checkpoint-100", "second/sft/checkpoint-100", "a/final", "b/final"}
    assert found["first/sft/checkpoint-100"].model == "first/sft"


def test_a_folder_of_the_cache_is_called_by_repository_and_commit(workbench: Workbench, tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path / "hub", "org/name", COMMIT)
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert (version.name, version.model, version.path) == ("org/name@0123456", "org/name", snapshot)
    assert (version.state, version.family) == (State.COMPLETE, "llama")


def test_an_unfinished_download_is_partial(workbench: Workbench, tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path / "hub", "org/name", COMMIT)
    (snapshot / "model.safetensors").unlink()
    (snapshot.parents[1] / "blobs" / "abc.incomplete").write_bytes(b"half")
    dangling = make_snapshot(tmp_path / "hub", "org/other", COMMIT, seed=1)
    (dangling / "model.safetensors").resolve().unlink()
    scan(workbench, tmp_path)
    assert {version.state for version in versions(workbench).values()} == {State.PARTIAL}


def test_a_path_that_never_was_is_an_error(workbench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such folder"):
        scan(workbench, tmp_path / "nowhere")


def test_a_folder_is_the_same_however_it_is_named(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model(tmp_path / "library" / "tiny")
    (tmp_path / "beside").mkdir()
    monkeypatch.chdir(tmp_path / "beside")
    for path in ("../library", "../beside/../library/", str(tmp_path / "library")):
        scan(workbench, Path(path))
    (version,) = versions(workbench).values()
    assert [root.path for root in workbench.roots()] == [tmp_path / "library"]
    assert workbench.resolve("../library/tiny").key == workbench.dossier("../library/tiny").version.key == version.key


def test_one_file_brings_the_version_it_belongs_to(workbench: Workbench, tmp_path: Path) -> None:
    scan(workbench, make_model(tmp_path / "tiny") / "model.safetensors")
    (version,) = versions(workbench).values()
    assert version.path == tmp_path / "tiny"
    assert workbench.roots() == ()


def test_weights_that_are_not_read_yet_are_told(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "old")
    (tmp_path / "old" / "model.safetensors").rename(tmp_path / "old" / "tf_model.h5")
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "model.onnx").write_bytes(bytes(100))
    report = scan(workbench, tmp_path)
    found = versions(workbench)
    assert {name: version.format for name, version in found.items()} == {"old": "tensorflow", "graph": "onnx"}
    assert {version.state for version in found.values()} == {State.UNREAD}
    assert len(workbench.keys("format:onnx")) == 1
    assert workbench.count("state:complete") == 0
    finish(workbench.hash())
    assert all(version.hashed for version in versions(workbench).values())
    assert {problem.reason for problem in report.problems} == {"weights in this format are not read yet"}
    assert len(report.problems) == 2


def test_what_only_looks_like_a_model_is_left_alone(workbench: Workbench, tmp_path: Path) -> None:
    write_json(tmp_path / "website" / "config.json", {"port": 8080})
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "train.bin").write_bytes(bytes(64))
    (tmp_path / "README.md").write_text("# Notes\n", "utf-8")
    report = scan(workbench, tmp_path)
    assert versions(workbench) == {}
    assert report.problems == ()


@pytest.mark.parametrize("name", [".git", ".venv", "venv", "node_modules", "__pycache__"])
def test_folders_of_tools_are_not_entered(workbench: Workbench, tmp_path: Path, name: str) -> None:
    make_model(tmp_path / name / "tiny")
    scan(workbench, tmp_path)
    assert versions(workbench) == {}


def test_the_revision_of_a_download_is_known(workbench: Workbench, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny")
    note = folder / ".cache" / "huggingface" / "download" / "config.json.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{COMMIT}\nabc\n1795168800.0\n", "utf-8")
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    facts = [record.evidence.facts.get("revision") for record in workbench.catalog.records(version.key)]
    assert COMMIT in facts


def test_ticks_say_how_far_it_is_and_carry_what_was_stored(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.workbench.scan.PACE", 0)
    for number in range(3):
        make_model(tmp_path / f"tiny-{number}", seed=number)
    job = workbench.scan([tmp_path])
    ticks = []
    while True:
        try:
            ticks.append(next(job))
        except StopIteration as stop:
            report = stop.value
            break
    reading = [tick for tick in ticks if tick.total]
    assert [tick.done for tick in reading] == sorted(tick.done for tick in reading)
    assert reading[-1].total == 3
    assert len(report.changes.added) == 3


def test_a_cancelled_scan_keeps_what_it_stored_and_loses_nothing(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.workbench.scan.PACE", 0)
    make_run(tmp_path / "runs" / "sft", (100,))
    make_lm_eval(tmp_path / "eval", "runs/sft/checkpoint-100", {"arith": 0.66})
    reference = finish(workbench.scan([tmp_path]))
    whole = versions(workbench)
    for steps in range(1, 60):
        workbench.remove(workbench.keys())
        job = workbench.scan([tmp_path])
        for _, _tick in zip(range(steps), job, strict=False):
            pass
        job.close()
        report = scan(workbench, tmp_path)
        assert report.versions == reference.versions
        again = versions(workbench)
        assert {name: version.metrics for name, version in again.items()} == {
            name: version.metrics for name, version in whole.items()
        }


@pytest.mark.parametrize("frozen", [False, True])
def test_the_collector_of_garbage_is_left_as_it_was(workbench: Workbench, tmp_path: Path, frozen: bool) -> None:
    make_model(tmp_path / "tiny")
    usual = gc.get_threshold()
    if frozen:
        gc.freeze()
    try:
        scan(workbench, tmp_path)
        assert (bool(gc.get_freeze_count()), gc.get_threshold()) == (frozen, usual)
        job, other = (workbench.scan([tmp_path]) for _ in range(2))
        next(job)
        next(other)
        assert gc.get_freeze_count()
        assert gc.get_threshold() > usual
        job.close()
        other.close()
        assert (bool(gc.get_freeze_count()), gc.get_threshold()) == (frozen, usual)
    finally:
        gc.unfreeze()


def test_a_bad_file_is_one_line_and_the_others_are_read(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.safetensors").write_bytes(header_bytes({"w": {"dtype": "F99"}}))
    report = scan(workbench, tmp_path)
    found = versions(workbench)
    assert found["good"].state is State.COMPLETE
    assert found["bad"].state is State.DAMAGED
    assert len(report.problems) == 1
    assert report.problems[0].file.endswith("bad/model.safetensors")
    assert "\n" not in str(report.problems[0])


def test_notes_of_the_downloader_are_no_part_of_a_version(workbench: Workbench, tmp_path: Path) -> None:
    for place, moment in (("one", "1763690000.0"), ("two", "1763699999.0"), ("three", "")):
        folder = make_model(tmp_path / place / "tiny")
        for name in ("tokenizer.json", "model.safetensors.index.json", "config.json") if moment else ():
            notes = folder / ".cache" / "huggingface" / "download"
            notes.mkdir(parents=True, exist_ok=True)
            (notes / f"{name}.metadata").write_text(f"{COMMIT}\nabc\n{moment}\n", "utf-8")
            (notes / f"{name}.lock").write_text(moment, "utf-8")
        (folder / "tokenizer.lock").write_text(place, "utf-8")
    scan(workbench, tmp_path)
    finish(workbench.hash())
    (version,) = versions(workbench).values()
    assert version.hashed
    assert len(version.places) == 3
