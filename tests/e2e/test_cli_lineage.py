"""`lineage`, as people and scripts use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import diptych
from making import make_adapter, make_model, weights


@pytest.fixture
def library(tmp_path: Path) -> Path:
    make_model(tmp_path / "base")
    make_model(tmp_path / "half", tensors=weights(2, 0), dtype="BF16")
    make_adapter(tmp_path / "lora", str(tmp_path / "base"))
    assert diptych("scan", tmp_path, "--quiet").returncode == 0
    return tmp_path


def test_lineage_is_told_as_a_tree(library: Path) -> None:
    before = diptych("lineage")
    assert (before.returncode, "half" in before.stdout) == (0, False)
    assert diptych("fingerprint").returncode == 0
    lines = diptych("lineage", "--infer").stdout.splitlines()
    assert lines[0] == "base"
    half, lora = (next(line for line in lines if f"{name}  (" in line) for name in ("half", "lora"))
    assert "converted from it; 97%" in half
    assert "adapter of it; declared" in lora


def test_lineage_as_json_tells_who_says_so(library: Path) -> None:
    assert diptych("fingerprint").returncode == 0
    done = diptych("lineage", "half", "--infer", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    names = {node["id"]: node["name"] for node in told["nodes"]}
    assert set(names.values()) == {"base", "half"}
    (edge,) = told["edges"]
    assert (names[edge["child"]], [names[one] for one in edge["parents"]]) == ("half", ["base"])
    assert (edge["relation"], edge["origin"], edge["verdict"]) == ("converted from", "inferred", "none")
    assert "BF16" in edge["evidence"][0]
    assert diptych("lineage", "nobody").returncode == 3


def test_without_kin_it_says_how_to_get_there(tmp_path: Path) -> None:
    make_model(tmp_path / "lone")
    assert diptych("scan", tmp_path, "--quiet").returncode == 0
    done = diptych("lineage")
    assert done.stdout == "no descent is known\n"
    assert "diptych lineage --infer" in done.stderr


def test_what_was_inferred_is_confirmed_rejected_and_left_open_again(library: Path) -> None:
    assert diptych("fingerprint", "--quiet").returncode == 0
    assert diptych("lineage", "--infer", "--quiet").returncode == 0
    confirmed = diptych("lineage", "half", "--confirm", "base")
    assert (confirmed.returncode, confirmed.stderr) == (0, "")
    assert "converted from it; 97%, confirmed" in confirmed.stdout
    rejected = diptych("lineage", "half", "--reject", "base")
    assert (rejected.returncode, rejected.stdout.strip()) == (0, "no descent is known")
    assert diptych("lineage", "--infer", "--quiet").returncode == 0
    assert "half" not in diptych("lineage").stdout
    assert json.loads(diptych("lineage", "half", "--json").stdout)["edges"][0]["verdict"] == "rejected"
    assert "converted from it; 97%:" in diptych("lineage", "half", "--open", "base").stdout
    # what a record declares is not the user's to judge
    assert diptych("lineage", "lora", "--reject", "base").returncode == 3
    assert diptych("lineage", "--confirm", "base").returncode == 6
    assert diptych("lineage", "half", "--confirm", "base", "--reject", "base").returncode == 2
