"""`fingerprint`, `neighbours` and estimated comparisons, as people and scripts use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import answer, diptych
from making import make_model, make_run


@pytest.fixture
def library(tmp_path: Path) -> Path:
    make_run(tmp_path / "sft", (100, 200))
    make_model(tmp_path / "other", seed=5)
    assert diptych("scan", tmp_path, "--quiet").returncode == 0
    return tmp_path


def test_fingerprints_are_made_once(library: Path) -> None:
    first = answer("fingerprint", "sft/checkpoint-100")
    assert isinstance(first, dict)
    assert (first["versions"], first["known"], first["problems"]) == (1, 0, [])
    assert first["bytes"] > 0
    done = diptych("fingerprint")
    assert done.stdout.startswith("2 versions, ")
    assert "1 known before" in done.stdout
    assert diptych("fingerprint").stdout.startswith("0 versions")
    listed = answer("list")
    assert isinstance(listed, list)
    assert not any(entry["id"].startswith("~") for entry in listed)


def test_neighbours_are_told_nearest_first(library: Path) -> None:
    done = diptych("neighbours", "other")
    assert done.returncode == 3
    assert "other: has no fingerprint" in done.stderr
    assert "diptych fingerprint other" in done.stderr
    diptych("fingerprint")
    assert "‖ΔW‖ ∕ ‖W‖" in diptych("neighbours", "sft/checkpoint-100").stderr
    found = answer("neighbours", "sft/checkpoint-100")
    assert isinstance(found, list)
    assert {entry["name"] for entry in found} == {"sft/checkpoint-200", "other"}
    assert 0 < found[0]["distance"] < found[1]["distance"]
    assert len(diptych("neighbours", "sft/checkpoint-100", "--limit", "1").stdout.splitlines()) == 2
    assert diptych("neighbours", "sft/checkpoint-100", "--limit", "0").returncode == 2


def test_a_comparison_estimates_until_the_exact_one_is_asked_for(library: Path) -> None:
    diptych("fingerprint")

    def row(*further: str) -> dict[str, object]:
        compared = answer("compare", "sft/checkpoint-100", "sft/checkpoint-200", "--facet", "weights", *further)
        assert isinstance(compared, dict)
        rows = compared["facets"]["weights"]["rows"]
        found: dict[str, object] = next(one for one in rows if one["key"] == "model.embed_tokens.weight")
        return found

    guessed, exact = row(), row("--exact")
    assert guessed["estimated"] is True
    assert "estimated" not in exact
    assert exact.keys() <= guessed.keys()
    numbers = [guessed["low"], guessed["relative_change"], exact["relative_change"], guessed["high"]]
    assert all(isinstance(number, float) and number > 0 for number in numbers)
    told = diptych("compare", "sft/checkpoint-100", "sft/checkpoint-200", "--facet", "weights").stdout
    assert "≈ " in told
    assert "estimated from fingerprints" in told


def test_a_folder_that_was_unplugged_is_not_called_empty(tmp_path: Path) -> None:
    models = make_model(tmp_path / "disk" / "model").parent
    assert diptych("scan", models).returncode == 0
    models.rename(tmp_path / "away")
    gone = diptych("scan", models)
    assert (gone.returncode, "kept as offline" in gone.stderr, "Nothing in" in gone.stderr) == (0, True, False)
    models.mkdir()
    assert "Nothing in" in diptych("scan", models).stderr
