"""Movement over the checkpoints of a run: against exact values, from fingerprints alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.compare import modules
from diptych.compare.path import path_of
from diptych.compare.timelapse import Against, Timelapse
from diptych.errors import NotFound
from diptych.job import finish
from diptych.workbench import Workbench
from diptych.workbench.timelapse import RunLapse
from making import Array, make_model, trainer_state, weights, write_json

Tensors = Mapping[str, NDArray[np.float32]]


def walk(steps: int, layers: int = 4, hidden: int = 8, seed: int = 3) -> list[dict[str, Array]]:
    """Checkpoints of which later layers move farther; layer 0 and the norms stand still."""
    chance = np.random.default_rng(seed)
    here = dict(weights(layers, seed, hidden))
    found = [dict(here)]
    for _ in range(steps - 1):
        for name, values in here.items():
            layer = modules.place(name).row.removeprefix("layer ")
            size = 0.002 * int(layer) ** 2 if layer.isdigit() and "norm" not in name else 0.0
            if size:
                moved = values.astype(np.float32) + size * chance.standard_normal(values.shape)
                here[name] = moved.astype(np.float32)
        found.append(dict(here))
    return found


def run(workbench: Workbench, folder: Path, checkpoints: list[dict[str, Array]], prints: bool = True) -> RunLapse:
    """Write the checkpoints of the run `walk`, scan them, and look at the run."""
    for number, tensors in enumerate(checkpoints, 1):
        checkpoint = folder / "walk" / f"checkpoint-{number * 10}"
        make_model(checkpoint, layers=0, tensors=tensors)
        write_json(checkpoint / "trainer_state.json", trainer_state(number * 10))
    finish(workbench.scan([folder]))
    if prints:
        finish(workbench.fingerprint())
    return finish(workbench.timelapse("walk"))


def distance(a: Mapping[str, Array], b: Mapping[str, Array], row: str = "", column: str = "") -> float:
    """‖b − a‖ ∕ ‖a‖ over the tensors of a field, or of all."""
    names = [
        name for name in a
        if not row or (modules.place(name).row == row and (not column or modules.place(name).column == column))
    ]  # fmt: skip
    apart = sum(float(np.sum(np.square(b[name].astype(np.float64) - a[name]))) for name in names)
    return float(np.sqrt(apart / sum(float(np.sum(np.square(a[name].astype(np.float64)))) for name in names)))


def length(tensors: Mapping[str, Array]) -> float:
    """‖a‖ over all tensors."""
    return float(np.sqrt(sum(float(np.sum(np.square(one.astype(np.float64)))) for one in tensors.values())))


def test_small_tensors_are_measured_exactly(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(5)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    assert found.steps == (10, 20, 30, 40, 50)
    assert found.rows == ("embed", "layer 0", "layer 1", "layer 2", "layer 3", "norm")
    for against, pairs in {
        Against.PREVIOUS: [(max(at - 1, 0), at) for at in range(5)],
        Against.FIRST: [(0, at) for at in range(5)],
        Against.LAST: [(at, 4) for at in range(5)],
    }.items():
        for at, (a, b) in enumerate(pairs):
            for number, field in enumerate(found.fields):
                true = distance(checkpoints[a], checkpoints[b], field.row, field.column)
                exact = found.moved[against].error[at, number] == 0
                assert found.moved[against].relative[at, number] == pytest.approx(true, rel=1e-5 if exact else 0.6)
    small = [number for number, field in enumerate(found.fields) if field.column in ("q", "k", "norm₁")]
    assert not found.moved[Against.FIRST].error[:, small].any()


def test_large_tensors_stay_within_what_is_stated(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(4, hidden=96)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    movement = found.moved[Against.FIRST]
    within, asked = 0, 0
    for number, field in enumerate(found.fields):
        true = distance(checkpoints[0], checkpoints[3], field.row, field.column)
        if true:
            asked += 1
            within += abs(movement.relative[3, number] / true - 1) <= movement.error[3, number]
            assert 0 < movement.error[3, number] < 0.2
        else:
            assert movement.relative[3, number] == 0
    assert within >= 0.9 * asked
    assert found.from_start[3] == pytest.approx(distance(checkpoints[0], checkpoints[3]), rel=0.05)


def test_curves_begin_and_end_at_nought(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(5)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    assert found.from_start[0] == 0
    assert found.to_end[-1] == 0
    assert found.strides[0] == 0
    assert found.to_end[0] == pytest.approx(found.from_start[-1])
    assert list(found.from_start) == sorted(found.from_start)
    assert found.strides.sum() >= found.from_start[-1]


def test_a_straight_way_is_a_line(workbench: Workbench, tmp_path: Path) -> None:
    first, second = walk(2)
    line = [
        {name: (first[name] + share * (second[name] - first[name])).astype(np.float32) for name in first}
        for share in (0.0, 0.1, 0.4, 1.0)
    ]
    found = run(workbench, tmp_path, line).moved
    assert found is not None
    assert found.path.explained[0] == pytest.approx(1, abs=1e-6)
    along = found.path.points[:, 0]
    assert (along - along[0]) / (along[-1] - along[0]) == pytest.approx([0, 0.1, 0.4, 1], abs=1e-4)


def test_the_picture_of_a_plane_keeps_its_distances() -> None:
    chance = np.random.default_rng(0)
    plane = chance.standard_normal((7, 2))
    axes = np.linalg.qr(chance.standard_normal((40, 2)))[0]
    found = path_of(plane @ axes.T)
    assert sum(found.explained) == pytest.approx(1)
    assert found.explained[0] >= found.explained[1]
    for a in range(7):
        for b in range(7):
            true = np.linalg.norm(plane[a] - plane[b])
            assert np.linalg.norm(found.points[a] - found.points[b]) == pytest.approx(true, abs=1e-9)
    assert found.points[-1, 0] >= found.points[0, 0]


def test_a_share_of_the_variance_is_told_where_two_axes_do_not_suffice() -> None:
    found = path_of(np.eye(5))
    assert found.explained == pytest.approx((0.25, 0.25))
    still = path_of(np.ones((3, 4)))
    assert still.explained == (0.0, 0.0)
    assert not still.points.any()


def test_uneven_learning_is_told_with_numbers(workbench: Workbench, tmp_path: Path) -> None:
    found = run(workbench, tmp_path, walk(4))
    said = " | ".join(found.told)
    assert "1 of 4 layers did not move: 0" in said
    assert "uneven: layer 3 moved most" in said
    assert found.moved is not None
    change = {row: distance(walk(4)[0], walk(4)[3], row) for row in ("layer 1", "layer 2", "layer 3")}
    times = float(said.partition("up to ")[2].partition(" times")[0])
    assert times == pytest.approx(change["layer 3"] / change["layer 2"], rel=0.3)
    assert "half of the way" in said


def test_what_is_missing_is_counted(workbench: Workbench, tmp_path: Path) -> None:
    found = run(workbench, tmp_path, walk(3), prints=False)
    assert (len(found.versions), len(found.waiting), found.absent, found.moved) == (0, 3, 0, None)
    shutil.rmtree(tmp_path / "walk" / "checkpoint-20")
    finish(workbench.fingerprint([found.waiting[0].key, found.waiting[2].key]))
    finish(workbench.scan([tmp_path]))
    found = finish(workbench.timelapse("walk"))
    assert [one.step for one in found.versions] == [10, 30]
    assert (len(found.waiting), found.absent) == (0, 1)
    assert found.moved is not None
    assert found.moved.steps == (10, 30)


def test_files_are_not_needed(workbench: Workbench, tmp_path: Path) -> None:
    before = run(workbench, tmp_path, walk(3)).moved
    shutil.rmtree(tmp_path / "walk")
    after = finish(workbench.timelapse("walk")).moved
    assert before is not None
    assert after is not None
    assert np.array_equal(before.from_start, after.from_start)


def test_tensors_that_are_not_everywhere_are_left_out(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(3)
    checkpoints[1]["extra.weight"] = np.ones(4, np.float32)
    checkpoints[2]["model.norm.weight"] = np.ones(9, np.float32)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    assert found.left_out == 2
    assert "norm" not in found.rows


def test_nan_is_said_with_its_step(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(3)
    checkpoints[2]["model.layers.1.mlp.up_proj.weight"] = np.full((16, 8), np.nan, np.float32)
    found = run(workbench, tmp_path, checkpoints)
    assert found.told[0] == "NaN or infinite values in 1 tensor from step 30 on"


def test_a_run_that_stands_still(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(3)
    checkpoints[1]["model.norm.weight"] = np.full(8, 2, np.float32)
    again = [checkpoints[0], checkpoints[1], checkpoints[1]]
    found = run(workbench, tmp_path, again)
    assert isinstance(found.moved, Timelapse)


def test_an_unknown_run_is_named(workbench: Workbench) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        finish(workbench.timelapse("nowhere"))


def test_rows_hold_all_of_their_modules(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(4)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    for number, row in enumerate(found.rows):
        true = distance(checkpoints[0], checkpoints[3], row)
        error = found.layers[Against.FIRST].error[3, number]
        assert found.layers[Against.FIRST].relative[3, number] == pytest.approx(true, rel=max(error, 1e-5) * 1.5)


def test_distances_state_their_errors(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(4, hidden=96)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    norm = length(checkpoints[0])
    for against, (a, b) in {Against.FIRST: (0, 2), Against.LAST: (2, 3), Against.PREVIOUS: (1, 2)}.items():
        error = found.errors[against][2]
        true = distance(checkpoints[a], checkpoints[b]) * length(checkpoints[a]) / norm
        assert 0 < error < 0.05
        assert found.distances(against)[2] == pytest.approx(true, rel=1.5 * error)


def test_what_is_too_small_to_tell_is_not_called_equal(workbench: Workbench, tmp_path: Path) -> None:
    first = walk(1, hidden=96)[0]
    name = "model.layers.1.mlp.up_proj.weight"
    other = dict(first)
    other[name] = first[name].copy()
    other[name][0, 0] = np.nextafter(first[name][0, 0], np.float32(9))
    found = run(workbench, tmp_path, [first, other]).moved
    assert found is not None
    row = found.rows.index("layer 1")
    assert found.layers[Against.FIRST].error[1, row] > 0.5
    assert found.layers[Against.FIRST].error[1, found.rows.index("layer 2")] == 0


def test_tensors_of_another_shape_are_left_out(workbench: Workbench, tmp_path: Path) -> None:
    checkpoints = walk(3)
    turned = checkpoints[1]["model.layers.1.mlp.up_proj.weight"]
    checkpoints[1]["model.layers.1.mlp.up_proj.weight"] = np.ascontiguousarray(turned.T)
    found = run(workbench, tmp_path, checkpoints).moved
    assert found is not None
    assert found.left_out == 1


def test_large_runs_are_folded_and_taken_in_parts(monkeypatch: pytest.MonkeyPatch, workbench: Workbench,
                                                  tmp_path: Path) -> None:  # fmt: skip
    checkpoints = walk(4, hidden=96)
    whole = run(workbench, tmp_path, checkpoints).moved
    monkeypatch.setattr("diptych.compare.timelapse._FOLDED", 2048)
    monkeypatch.setattr("diptych.compare.timelapse._AT_ONCE", 700)
    folded = finish(workbench.timelapse("walk")).moved
    assert whole is not None
    assert folded is not None
    assert np.allclose(whole.from_start, folded.from_start)
    assert np.allclose(whole.layers[Against.FIRST].relative, folded.layers[Against.FIRST].relative)
    ends = [np.linalg.norm(one.path.points[-1] - one.path.points[0]) for one in (whole, folded)]
    assert ends[1] == pytest.approx(ends[0], rel=0.1)
