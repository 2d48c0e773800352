"""Fingerprints from end to end: ids become final, versions compare without their files, the nearest are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from diptych.domain.sheet import Sheet, Status
from diptych.errors import Conflict, NotFound
from diptych.job import Tick, finish
from diptych.workbench import Workbench
from diptych.workbench.comparing import turned
from making import make_model, make_run, weights, write_safetensors
from scanning import named, scan


@pytest.fixture
def two(workbench: Workbench, tmp_path: Path) -> tuple[Path, Path]:
    """A model and the same after some training, one tensor left alone."""
    before = weights(hidden=64, vocabulary=256)
    chance = np.random.default_rng(3)
    after = {
        name: values + (0 if "norm" in name else 0.01) * chance.standard_normal(values.shape, np.float32)
        for name, values in before.items()
    }
    left = make_model(tmp_path / "library" / "left", tensors=before)
    right = make_model(tmp_path / "library" / "right", tensors=after)
    scan(workbench, tmp_path / "library")
    return left, right


def sheets(workbench: Workbench, exact: bool) -> tuple[list[Sheet], Sheet]:
    """The sheets on the way, and the last one."""
    comparison = workbench.compare(named(workbench, "left"), named(workbench, "right"), exact=exact)
    on_the_way: list[Sheet] = []

    def watch(tick: Tick) -> None:
        if isinstance(tick.partial, Sheet):
            on_the_way.append(tick.partial)

    return on_the_way, finish(comparison.sheet("weights"), watch)


def test_one_read_gives_final_ids_and_fingerprints(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100, 200))
    scan(workbench, tmp_path)
    report = finish(workbench.fingerprint())
    assert (report.versions, report.known, report.problems) == (2, 0, ())
    found = workbench.page("", limit=None)
    assert all(version.hashed for version in found)
    assert workbench.catalog.fingerprints.known() == {version.id for version in found}
    ids = {version.name: version.id for version in found}
    finish(workbench.hash())
    assert {version.name: version.id for version in workbench.page("", limit=None)} == ids
    again = finish(workbench.fingerprint())
    assert (again.versions, again.known, again.files) == (0, 2, 0)


def test_versions_that_were_hashed_before_get_theirs(workbench: Workbench, two: tuple[Path, Path]) -> None:
    finish(workbench.hash())
    left = named(workbench, "left")
    report = finish(workbench.fingerprint([left.key]))
    assert (report.versions, report.files) == (1, 1)
    found = workbench.catalog.fingerprints.of(left.id)
    assert found is not None
    assert set(found.tensors) == {tensor.name for tensor in workbench.dossier(left).tensors}
    assert named(workbench, "left").id == left.id


def test_a_version_that_changed_since_is_a_conflict_and_nothing_is_stored(
    workbench: Workbench, two: tuple[Path, Path]
) -> None:
    finish(workbench.hash())
    write_safetensors(two[0] / "model.safetensors", weights(hidden=64, vocabulary=256, seed=9))
    with pytest.raises(Conflict, match=r"model\.safetensors: is not what it was"):
        finish(workbench.fingerprint([named(workbench, "left").key]))
    report = finish(workbench.fingerprint())
    assert report.versions == 1
    assert [problem.file for problem in report.problems] == [str(two[0] / "model.safetensors")]
    assert workbench.catalog.fingerprints.known() == {named(workbench, "right").id}


def test_weights_that_are_not_here_are_told(workbench: Workbench, two: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.rmtree(two[0])
    scan(workbench, tmp_path / "library")
    with pytest.raises(NotFound, match="left: its weights are not here"):
        finish(workbench.fingerprint([named(workbench, "left").key]))


def test_fingerprints_answer_at_once_and_the_exact_pass_refines(workbench: Workbench, two: tuple[Path, Path]) -> None:
    finish(workbench.fingerprint())
    on_the_way, last = sheets(workbench, exact=True)
    first = on_the_way[0]
    assert len(first.rows) == len(last.rows)
    assert not any(row.values.get("estimated") for row in last.rows)
    exact = {row.key: row for row in last.rows}
    for row in first.rows:
        assert row.status is exact[row.key].status
        if row.status is Status.SAME:
            assert (row.values["relative_change"], row.values.get("estimated")) == (0.0, None)
            continue
        true = exact[row.key].values["relative_change"]
        low, high = row.values["low"], row.values["high"]
        assert isinstance(true, float)
        assert isinstance(low, float)
        assert isinstance(high, float)
        # wider than the bounds, which hold in 95 of 100 cases
        assert low * 0.9 <= true <= high * 1.1
        assert row.values["estimated"] is True
        assert row.change.startswith("≈ ")


@pytest.mark.parametrize("gone", [True, False])
def test_estimates_are_the_answer_where_nothing_is_to_be_read(
    workbench: Workbench, two: tuple[Path, Path], tmp_path: Path, gone: bool
) -> None:
    finish(workbench.fingerprint())
    if gone:
        shutil.rmtree(two[0])
        scan(workbench, tmp_path / "library")
    _, last = sheets(workbench, exact=gone)
    assert last.complete
    moved = [row for row in last.rows if row.status is Status.DIFFERS]
    assert len(moved) == 15
    assert all(row.values["estimated"] for row in moved)
    assert sum(row.status is Status.SAME for row in last.rows) == len(last.rows) - 15
    assert any("15 tensors estimated from fingerprints" in note for note in last.notes)
    assert last.grid is not None
    assert any(cell.value for cell in last.grid.cells)


def clauses_of(workbench: Workbench, folder: Path, narrow: np.dtype | str, gone: bool = False) -> list[str]:
    """What is said, from fingerprints, of a model and of the same in another dtype."""
    tensors = weights(hidden=64, vocabulary=256)
    make_model(folder / "library" / "left", tensors=tensors)
    make_model(folder / "library" / "right", tensors=tensors, dtype=str(narrow))
    scan(workbench, folder / "library")
    finish(workbench.fingerprint())
    if gone:
        shutil.rmtree(folder / "library" / "left")
    _, last = sheets(workbench, exact=gone)
    assert any(row.values.get("estimated") for row in last.rows)
    return [clause.text for clause in last.clauses]


@pytest.mark.parametrize("gone", [True, False])
def test_a_cast_is_no_move_by_fingerprints_either(workbench: Workbench, tmp_path: Path, gone: bool) -> None:
    said = clauses_of(workbench, tmp_path, "BF16", gone)
    assert "B is cast to BF16: no change is larger than rounding (estimated)" in said
    assert not any("moved" in text for text in said)


def test_a_vocabulary_that_grew_is_told_where_it_cannot_be_read(workbench: Workbench, tmp_path: Path) -> None:
    tensors = dict(weights(hidden=64, vocabulary=256))
    make_model(tmp_path / "library" / "left", tensors=tensors)
    name = "model.embed_tokens.weight"
    grown = tensors | {name: np.concatenate([tensors[name], tensors[name][:16]])}
    make_model(tmp_path / "library" / "right", tensors=grown)
    scan(workbench, tmp_path / "library")
    finish(workbench.fingerprint())
    shutil.rmtree(tmp_path / "library" / "left")
    _, last = sheets(workbench, exact=False)
    said = [clause.text for clause in last.clauses]
    assert "vocabulary: 16 rows more in B (embed_tokens), common rows not compared" in said
    assert not any("reshaped" in text for text in said)


def test_an_estimate_turned_is_that_of_the_other_direction(workbench: Workbench, two: tuple[Path, Path]) -> None:
    finish(workbench.fingerprint())
    _, last = sheets(workbench, exact=False)
    comparison = workbench.compare(named(workbench, "right"), named(workbench, "left"), exact=False)
    other = {row.key: row for row in finish(comparison.sheet("weights")).rows}
    for row in turned(last).rows:
        if row.status is Status.SAME:
            continue
        for key in ("relative_change", "low", "high"):
            assert row.values.get(key) == pytest.approx(other[row.key].values.get(key), rel=1e-6)
        assert row.change == other[row.key].change


def test_as_many_neighbours_are_told_as_are_asked_for(workbench: Workbench, tmp_path: Path) -> None:
    before = weights(1, hidden=8, vocabulary=16)
    for number in range(26):
        tensors = {name: values + np.float32(number / 100) for name, values in before.items()}
        make_model(tmp_path / "library" / f"m{number:02}", tensors=tensors)
    scan(workbench, tmp_path / "library")
    finish(workbench.fingerprint())
    first = named(workbench, "m00")
    assert [near.version.name for near in workbench.neighbours(first, 25)] == [f"m{at:02}" for at in range(1, 26)]
    workbench.remove([named(workbench, "m01").key])
    assert len(workbench.neighbours(first, 20)) == 20


def test_the_nearest_come_first(workbench: Workbench, two: tuple[Path, Path], tmp_path: Path) -> None:
    left = named(workbench, "left")
    with pytest.raises(NotFound, match="has no fingerprint"):
        workbench.neighbours(left)
    make_model(tmp_path / "library" / "far", tensors=weights(hidden=64, vocabulary=256, seed=8))
    scan(workbench, tmp_path / "library")
    finish(workbench.fingerprint())
    left = named(workbench, "left")
    found = workbench.neighbours(left)
    assert [near.version.name for near in found] == ["right", "far"]
    assert 0 < found[0].distance < found[1].distance
    assert [near.version.name for near in workbench.neighbours(left, 1)] == ["right"]
    workbench.remove([named(workbench, "right").key])
    assert [near.version.name for near in workbench.neighbours(left)] == ["far"]
