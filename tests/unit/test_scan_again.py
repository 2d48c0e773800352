"""Scanning again rereads what changed, and keeps what is gone for what is known of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.domain.version import State
from diptych.workbench import Workbench
from making import (
    header_bytes,
    make_lm_eval,
    make_model,
    make_run,
    weights,
    write_json,
    write_safetensors,
)
from scanning import scan, versions


def test_of_loose_files_only_new_ones_are_read(workbench: Workbench, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "anime.safetensors", weights())
    scan(workbench, tmp_path)
    write_safetensors(tmp_path / "sketch.safetensors", weights(seed=1))
    report = scan(workbench, tmp_path)
    assert (report.versions, len(report.changes.added), report.changes.updated) == (2, 1, frozenset())
    (tmp_path / "anime.safetensors").unlink()
    scan(workbench, tmp_path)
    assert {name: version.state for name, version in versions(workbench).items()} == {
        "anime": State.OFFLINE,
        "sketch": State.COMPLETE,
    }


def test_results_of_a_run_follow_when_it_goes_on(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100,))
    scan(workbench, tmp_path)
    assert "train_loss" in versions(workbench)["sft/checkpoint-100"].metrics
    make_run(tmp_path / "sft", (100, 200))
    scan(workbench, tmp_path)
    found = versions(workbench)
    assert "train_loss" in found["sft/checkpoint-200"].metrics
    assert "train_loss" not in found["sft/checkpoint-100"].metrics


def test_a_name_once_given_stays(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "first" / "sft", (100,))
    scan(workbench, tmp_path)
    make_run(tmp_path / "first" / "sft", (100, 200))
    make_run(tmp_path / "second" / "sft", (100,), seed=9)
    scan(workbench, tmp_path)
    assert set(versions(workbench)) == {"sft/checkpoint-100", "sft/checkpoint-200", "second/sft/checkpoint-100"}


def test_what_did_not_change_is_not_read_again(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "runs" / "sft", (100, 200))
    make_lm_eval(tmp_path / "eval", "runs/sft/checkpoint-200", {"arith": 0.66})
    first = scan(workbench, tmp_path)
    opened: list[str] = []
    open_ = os.open

    def watched(path: str, flags: int, *arguments: int, **keywords: int) -> int:
        if not flags & os.O_DIRECTORY:
            opened.append(str(path))
        return open_(path, flags, *arguments, **keywords)

    monkeypatch.setattr(os, "open", watched)
    report = scan(workbench, tmp_path)
    assert [path for path in opened if path.startswith(str(tmp_path))] == []
    assert not report.changes
    assert (report.versions, report.files) == (first.versions, first.files)


def test_a_changed_record_is_read_again(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    scan(workbench, tmp_path)
    write_json(tmp_path / "tiny" / "generation_config.json", {"temperature": 0.2})
    report = scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.hyperparameters["gen.temperature"] == 0.2
    assert report.changes.updated == {version.key}


def test_versions_that_are_gone_are_offline_and_come_back(workbench: Workbench, tmp_path: Path) -> None:
    library = tmp_path / "library"
    make_model(library / "tiny")
    make_model(library / "other", seed=1)
    scan(workbench, library)
    (library / "tiny").rename(tmp_path / "away")
    scan(workbench, library)
    assert {name: version.state for name, version in versions(workbench).items()} == {
        "tiny": State.OFFLINE,
        "other": State.COMPLETE,
    }
    (tmp_path / "away").rename(library / "tiny")
    scan(workbench, library)
    assert versions(workbench)["tiny"].state is State.COMPLETE


def test_an_emptied_folder_is_no_version_any_more(workbench: Workbench, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny")
    scan(workbench, tmp_path)
    for file in folder.iterdir():
        file.unlink()
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.OFFLINE


def test_a_library_folder_that_is_gone_does_not_stop_the_others(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "drive" / "tiny")
    make_model(tmp_path / "local" / "other", seed=1)
    scan(workbench, tmp_path / "drive")
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    report = scan(workbench, tmp_path / "drive", tmp_path / "local")
    assert versions(workbench)["tiny"].state is State.OFFLINE
    assert versions(workbench)["other"].state is State.COMPLETE
    assert [problem.reason for problem in report.problems] == ["is not there; its versions are kept as offline"]


def test_a_report_counts_what_is_known_from_records_and_tells_old_problems_again(
    workbench: Workbench, tmp_path: Path
) -> None:
    make_model(tmp_path / "good")
    make_lm_eval(tmp_path / "eval", "org/away", {"arith": 0.66})
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.safetensors").write_bytes(header_bytes({"w": {"dtype": "F99"}}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("[", "utf-8")
    (tmp_path / "good" / "extra.json").symlink_to("config.json")
    first = scan(workbench, tmp_path)
    again = scan(workbench, tmp_path)
    assert first.versions == len(first.changes.added) == workbench.count()
    assert not again.changes
    assert again.versions == first.versions
    assert set(again.problems) == set(first.problems)
    assert {problem.file.rpartition("/")[2] for problem in first.problems} >= {"model.safetensors", "config.json"}
    assert any(problem.reason == "is a link and was not followed" for problem in again.problems)
    (tmp_path / "elsewhere").mkdir()
    assert scan(workbench, tmp_path / "elsewhere").problems == ()


def test_a_version_that_is_gone_keeps_what_its_records_said(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "sft", (100,))
    make_lm_eval(tmp_path / "runs", "sft/checkpoint-100", {"arith": 0.66})
    scan(workbench, tmp_path)
    (tmp_path / "runs").rename(tmp_path / ".away")
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.state is State.OFFLINE
    assert version.metrics["arith/acc"] == 0.66
    assert "train_loss" in version.metrics
