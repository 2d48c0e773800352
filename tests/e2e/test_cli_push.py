"""Pushing, pulling and verifying on the command line, as continuous integration does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import answer, diptych

from making import make_run


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """A run that was scanned, and a remote that is a folder."""
    run = make_run(tmp_path / "runs" / "sft", (100, 200))
    (run / "checkpoint-200" / "optimizer.pt").write_bytes(b"pickle")
    folder = tmp_path / "share"
    folder.mkdir()
    assert diptych("scan", run, "--quiet").returncode == 0
    assert diptych("remote", "add", "share", folder.as_uri()).returncode == 0
    return folder


def test_a_dry_run_names_every_file_and_changes_nothing(share: Path) -> None:
    plans = answer("push", "sft/checkpoint-200", "share", "--dry-run")
    assert isinstance(plans, list)
    (plan,) = plans
    fates = {file["name"]: (file["fate"], file["reason"]) for file in plan["files"]}
    assert fates["model.safetensors"] == ("new", "")
    assert fates["optimizer.pt"] == ("excluded", "only continues a training")
    assert len(fates) == len(plan["files"])
    assert plan["to_send"] > 0
    assert not plan["harmless"]
    assert [caution["key"] for caution in plan["cautions"]] == ["card"]
    assert list(share.iterdir()) == []


def test_a_push_with_a_warning_waits_for_a_yes(share: Path) -> None:
    done = diptych("push", "sft/checkpoint-200", "share")
    assert done.returncode == 5
    assert done.stderr.startswith("diptych: share: Has no model card\n")
    assert "Traceback" not in done.stderr
    assert list(share.iterdir()) == []


def test_push_verify_and_pull(share: Path, tmp_path: Path) -> None:
    receipts = answer("push", "sft/checkpoint-200", "share", "--yes")
    assert isinstance(receipts, list)
    (receipt,) = receipts
    again = answer("push", "sft/checkpoint-200", "share")  # changes nothing, and so asks for no yes
    assert isinstance(again, list)
    assert again[0]["sent"] == 0
    (ref,) = [ref["name"] for ref in answer("pull", "share", "?")]  # type: ignore[attr-defined]
    assert diptych("verify", receipt["id"]).returncode == 0
    kept = tmp_path / "receipt.json"
    kept.write_text(json.dumps(receipts), "utf-8")
    assert diptych("verify", kept).returncode == 0
    done = diptych("pull", "share", ref, tmp_path / "back")
    assert done.returncode == 0
    original = tmp_path / "runs" / "sft" / "checkpoint-200"
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "back" / name).read_bytes() == (original / name).read_bytes()
    assert diptych("pull", "share", ref, tmp_path / "back").returncode == 5
    weights = next(share.rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    told = diptych("verify", receipt["id"])
    assert told.returncode == 1
    assert "model.safetensors: differs" in told.stdout


def test_a_version_at_a_remote_is_one_side_of_a_comparison(share: Path) -> None:
    assert diptych("push", "sft/checkpoint-100", "share", "--yes").returncode == 0
    (ref,) = [ref["name"] for ref in answer("pull", "share", "?")]  # type: ignore[attr-defined]
    compared = answer("compare", "sft/checkpoint-200", f"share@{ref}", "--facet", "files")
    assert isinstance(compared, dict)
    rows = {row["key"]: row["status"] for row in compared["facets"]["files"]["rows"]}
    assert rows["model.safetensors"] == "differs"
    assert rows["config.json"] == "same"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("push", "sft/checkpoint-200", "nowhere"), 3, "nowhere"),
        (("push", "nothing", "share"), 3, "nothing"),
        (("push", "sft/checkpoint-200", "ftp://host/x"), 6, "not an address"),
        (("push", "sft/checkpoint-200", "oci+http://example.org/x"), 6, "plain http"),
        (("verify", "abcdef"), 3, "no such receipt"),
        (("pull", "share", "v9", "there"), 3, "v9"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(share: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = diptych(*arguments)
    assert done.returncode == code, done.stderr
    first = done.stderr.splitlines()[0]
    assert first.startswith("diptych: ")
    assert said in first
    assert "Traceback" not in done.stderr
