"""Comparing versions whose disk was taken away: what was there is not called missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.domain.sheet import Sheet
from diptych.job import finish
from diptych.workbench import Workbench
from making import make_lm_eval, make_model, make_tokenizer


@pytest.fixture
def models(workbench: Workbench, tmp_path: Path) -> Path:
    """Two models with tokenizers and answers, scanned."""
    models = tmp_path / "models"
    for seed, name in enumerate(("one", "two")):
        make_tokenizer(make_model(models / name, seed=seed))
        make_lm_eval(models / "eval", str(models / name), {"arith": 1 / 3})
    finish(workbench.scan([models]))
    return models


def sheet(workbench: Workbench, key: str) -> Sheet:
    return finish(workbench.compare("one", "two").sheet(key))


@pytest.mark.parametrize("scanned", [False, True])
def test_tokenizers_and_answers_are_not_here_now(workbench: Workbench, models: Path, scanned: bool) -> None:
    assert sheet(workbench, "outputs").rows
    assert sheet(workbench, "tokenizer").rows
    models.rename(models.with_name("away"))
    if scanned:
        finish(workbench.scan([models]))
    told = sheet(workbench, "tokenizer")
    assert told.notes == ("the tokenizer of A is not here now", "the tokenizer of B is not here now")
    told = sheet(workbench, "outputs")
    assert told.rows == ()
    assert all("not there now" in note for note in told.notes)
    assert len(told.notes) == 2


def test_what_one_lost_file_held_is_not_called_unasked(workbench: Workbench, models: Path) -> None:
    next((models / "eval").rglob("*one/samples_*")).unlink()
    told = sheet(workbench, "outputs")
    assert told.rows == ()
    assert "one side only" not in " ".join(told.notes)
    assert any("not there now" in note for note in told.notes)
