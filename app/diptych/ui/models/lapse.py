"""A time-lapse as the page shows it: fields, lines, points, a table, and the file for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diptych import display
from diptych.compare.moments import SOURCE, Moment, moments, of
from diptych.compare.timelapse import Against, Timelapse
from diptych.domain.version import Version
from diptych.job import Job, Tick
from diptych.reports.spreadsheet import line, write_lines
from diptych.ui.context import Inspection
from diptych.ui.models.facts import Facts, Title
from diptych.ui.widgets.cells import Align, Cell
from diptych.ui.widgets.cividis import scale_of
from diptych.ui.widgets.steplines import Line
from diptych.ui.widgets.stepmap import Lattice

if TYPE_CHECKING:
    from diptych.domain.evidence import Plain
    from diptych.workbench import Workbench
    from diptych.workbench.timelapse import RunLapse

WORDS = {
    Against.PREVIOUS: "since the checkpoint before",
    Against.FIRST: "since the first checkpoint",
    Against.LAST: "until the last checkpoint",
}


@dataclass(frozen=True, eq=False)
class Shown:
    """What can be drawn of a run."""

    moved: Timelapse
    moments: tuple[Moment, ...]
    lattices: dict[Against, Lattice]
    lines: tuple[Line, ...]
    points: tuple[tuple[float, float], ...]
    """In units of ‖W₀‖."""


@dataclass(frozen=True, eq=False)
class Lapse:
    """A run, and what can be drawn of it; None where too few checkpoints have a fingerprint."""

    run: RunLapse
    shown: Shown | None


def read_lapse(workbench: Workbench, model: str) -> Job[Lapse]:
    """Measure a run and make everything that is drawn."""
    run = yield from workbench.timelapse(model)
    if run.moved is None or not run.moved.rows:
        return Lapse(run, None)
    yield Tick("Drawing the path")
    moved = run.moved
    lattices = {against: _lattice(moved, against) for against in Against}
    lines = (
        Line("from the start", moved.from_start.tolist(), moved.errors[Against.FIRST].tolist()),
        Line("to the end", moved.to_end.tolist(), moved.errors[Against.LAST].tolist(), "muted", True),
    )
    norm = float(np.sqrt(moved.norms.sum())) or 1.0
    points = tuple((float(x) / norm, float(y) / norm) for x, y in moved.path.points)
    return Lapse(run, Shown(moved, moments(moved), lattices, lines, points))


def _lattice(moved: Timelapse, against: Against) -> Lattice:
    movement = moved.layers[against]
    own = len(moved.steps) - 1 if against is Against.LAST else 0
    values = np.ascontiguousarray(movement.relative.T)
    meaning = f"‖ΔW‖ ∕ ‖W‖ {WORDS[against]}"
    return Lattice(
        moved.rows, values, np.ascontiguousarray(movement.error.T), own, meaning, scale_of(values.ravel().tolist())
    )


def explained(moved: Timelapse) -> str:
    """How much of the movement the plane holds."""
    return f"{100 * sum(moved.path.explained):.0f} % of the movement lies in this plane"


def table(lapse: Lapse, shown: Shown) -> Facts:
    """The steps as rows."""
    versions = lapse.run.versions

    def cells(one: Moment) -> tuple[Cell, ...]:
        stride = "" if one.before is None else str(one.stride)
        return (
            Cell(f"{one.step:,}", Align.RIGHT),
            Cell(display.visible(versions[one.place].name)),
            Cell(stride, Align.RIGHT),
            Cell(str(one.from_start), Align.RIGHT),
            Cell(str(one.to_end), Align.RIGHT),
            Cell(display.listing([str(layer) for layer in one.most]), color="muted"),
        )

    def inspect(one: Moment) -> Inspection:
        return inspection(versions[one.place], one)

    titles = (
        Title("Step", 72, Align.RIGHT), Title("Checkpoint", 240), Title("Since previous", 128, Align.RIGHT),
        Title("From start", 128, Align.RIGHT), Title("To end", 128, Align.RIGHT), Title("Moved most"),
    )  # fmt: skip
    return Facts(titles, shown.moments, cells, inspect)


def inspection(version: Version, one: Moment) -> Inspection:
    """A step for the inspector."""
    rows = [("Step", f"{one.step:,}")]
    if one.before is not None:
        rows.append((f"Since step {one.before:,}", str(one.stride)))
    rows += [("From the start", str(one.from_start)), ("To the end", str(one.to_end))]
    rows += [("Moved most", str(layer)) for layer in one.most]
    return Inspection(display.visible(version.name), tuple(rows), f"‖ΔW‖ ∕ ‖W₀‖, {SOURCE}")


def write_csv(lapse: Lapse, shown: Shown, file: Path) -> Job[int]:
    """Write every step with every layer as a table for spreadsheets. `Refused` where it cannot be."""
    count = len(shown.moments) * (len(shown.moved.rows) + 1)
    return write_lines(_lines(lapse, shown), file, count, "rows")


def _lines(lapse: Lapse, shown: Shown) -> Iterator[str]:
    yield line(("step", "name", "id", "layer", *(f"{one.value}{end}" for one in Against for end in ("", "_error"))))
    moved = shown.moved
    for place, version in enumerate(lapse.run.versions):
        begin: tuple[Plain, ...] = (moved.steps[place], version.name, version.id)
        whole = [(float(moved.distances(one)[place]), float(moved.errors[one][place])) for one in Against]
        yield line((*begin, "all", *(number for pair in whole for number in pair)))
        for number, row in enumerate(moved.rows):
            found = [of(moved.layers[one], place, number) for one in Against]
            yield line((*begin, row, *(figure for one in found for figure in (one.value, one.error))))
