"""`timelapse`, as people and scripts use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import diptych
from making import make_model, trainer_state, weights, write_json


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        tensors = {name: values * (1 + 0.1 * (number - 1)) for name, values in weights(2, 5).items()}
        make_model(tmp_path / "walk" / f"checkpoint-{number * 10}", layers=0, tensors=tensors)
        write_json(tmp_path / "walk" / f"checkpoint-{number * 10}" / "trainer_state.json", trainer_state(number * 10))
    make_model(tmp_path / "alone")
    assert diptych("scan", tmp_path, "--quiet").returncode == 0
    return tmp_path


def test_steps_are_told_with_distances_and_layers(library: Path) -> None:
    assert diptych("fingerprint").returncode == 0
    done = diptych("timelapse", "walk")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["STEP", "SINCE", "PREVIOUS", "FROM", "START", "TO", "END", "MOVED", "MOST"]
    assert [line.split()[0] for line in lines[1:4]] == ["10", "20", "30"]
    assert "0.1" in lines[2]
    assert "0.2" in lines[3]
    assert "estimated from fingerprints" in done.stderr
    assert diptych("timelapse", "walk/checkpoint-20").stdout == done.stdout


def test_json_has_every_number_with_its_error(library: Path) -> None:
    assert diptych("fingerprint").returncode == 0
    told = json.loads(diptych("timelapse", "walk", "--json").stdout)
    assert [one["step"] for one in told["steps"]] == [10, 20, 30]
    last = told["steps"][-1]
    assert 0 < last["from_start"]["error"] < 0.1
    assert last["from_start"]["value"] == pytest.approx(0.2, rel=last["from_start"]["error"])
    assert last["to_end"] == {"value": 0, "error": 0}
    assert last["layers"]["layer 1"]["first"]["value"] == pytest.approx(0.2, rel=0.1)
    assert last["layers"]["norm"]["first"] == {"value": pytest.approx(0.2, rel=1e-4), "error": 0}
    assert told["path_explained"][0] == pytest.approx(1)


def test_what_is_missing_is_said_with_what_to_type(library: Path) -> None:
    before = diptych("timelapse", "walk")
    assert before.returncode == 3
    assert "walk: no fingerprints yet" in before.stderr
    assert "diptych fingerprint walk/checkpoint-10 walk/checkpoint-20 walk/checkpoint-30" in before.stderr
    assert diptych("fingerprint", "walk/checkpoint-10").returncode == 0
    assert "only 1 of 3 checkpoints has a fingerprint" in diptych("timelapse", "walk").stderr
    assert diptych("fingerprint", "walk/checkpoint-30").returncode == 0
    partial = diptych("timelapse", "walk")
    assert partial.returncode == 0
    assert "no fingerprint: 1 checkpoint. Make them: diptych fingerprint walk/checkpoint-20" in partial.stderr


def test_what_is_no_run_is_named(library: Path) -> None:
    assert diptych("timelapse", "nowhere").returncode == 3
    alone = diptych("timelapse", "alone")
    assert (alone.returncode, "alone: no checkpoints" in alone.stderr) == (3, True)
