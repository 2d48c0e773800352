"""The grid of a sheet as fields of a heat map: what stands where, in which words, and what may be walked."""

from __future__ import annotations

from dataclasses import dataclass

from diptych import display
from diptych.compare import folding, modules
from diptych.compare.grid import NONFINITE, UNKNOWN
from diptych.domain.sheet import Grid, GridCell, Status
from diptych.ui.widgets.heatmodel import Patch

_SIGNS = {
    "=": "identical", "╳": "on one side only", UNKNOWN: "weights not complete", "≠": "another shape", "~": "tied",
    NONFINITE: "NaN or ∞",
}  # fmt: skip
_SHOWN_APART = 4
"""Names of what is no layer that stand before the row they share."""

Spot = tuple[int, int]
"""Row and column of the map: modules down, layers across."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A grid turned, so that layers stand across."""

    grid: Grid
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: dict[Spot, GridCell]
    """The fields that stand for tensors."""
    patches: dict[Spot, Patch]

    @classmethod
    def of(cls, grid: Grid) -> Fields:
        """The fields of a grid."""
        layers = {name: at for at, name in enumerate(grid.rows)}
        names = {name: at for at, name in enumerate(grid.columns)}
        placed = {(names[cell.column], layers[cell.row]): cell for cell in grid.cells}
        numbered = {name: number for name in grid.rows if (number := _number(name))}
        stacks = {stack for stack, _ in numbered.values()}
        apart = [display.visible(name) for name in grid.rows if name not in numbered][:_SHOWN_APART]
        return cls(
            grid,
            tuple(" · ".join(apart) if name == modules.WHOLE else display.visible(name) for name in grid.columns),
            tuple(_short(name, numbered.get(name), len(stacks) > 1) for name in grid.rows),
            {spot: cell for spot, cell in placed.items() if cell.keys},
            {spot: _patch(cell, grid.legend) for spot, cell in placed.items()},
        )

    def spot_of(self, key: str) -> Spot | None:
        """Where a row of the sheet stands; None where it is not on the map."""
        return next((spot for spot, cell in self.cells.items() if key in cell.keys), None)

    def count(self, line: str) -> int:
        """How many tensors stand on a line of the grid."""
        return sum(len(cell.keys) for cell in self.grid.cells if cell.row == line)

    def changes(self) -> list[str]:
        """A row for each field that is known to hold a difference, layer by layer."""
        order = sorted(self.cells, key=lambda spot: (spot[1], spot[0]))
        return [spokesman(self.cells[spot]) for spot in order if _changed(self.cells[spot])]

    def signs(self) -> list[tuple[str, str]]:
        """The signs in use and what they mean."""
        used = {cell.symbol for cell in self.grid.cells}
        signs = [(sign, name) for sign, name in _SIGNS.items() if sign in used]
        if any(patch.worst is not None for patch in self.patches.values()):
            signs.append(("▀", "worst expert, below it the median"))
        waiting = any(patch.value is None and not patch.symbol for patch in self.patches.values())
        return [*signs, ("□", "not read yet")] if waiting else signs


def spokesman(cell: GridCell) -> str:
    """The row that speaks for a field: of experts the worst, else the first."""
    return cell.fold.worst_key if cell.fold is not None else cell.keys[0]


def _patch(cell: GridCell, legend: str) -> Patch:
    name = cell.row if cell.column == modules.WHOLE else f"{cell.row}, {cell.column}"
    coloured = cell.symbol in ("", NONFINITE)
    folded = cell.fold if cell.fold is not None and coloured else None
    if not coloured:
        said = _SIGNS.get(cell.symbol, cell.status.value)
        if cell.status in (Status.LEFT_ONLY, Status.RIGHT_ONLY):
            said = "only in A" if cell.status is Status.LEFT_ONLY else "only in B"
    elif folded is not None:
        number = modules.expert(folded.worst_key)
        said = f"{legend} worst {display.number(folded.worst, 3)} (expert {number}), "
        said += f"median {display.number(folded.median, 3)}, {folded.same:,} of {folded.count:,} identical"
    elif cell.value is not None:
        said = f"{legend} {display.number(cell.value, 3)}"
    else:
        said = "not read yet"
    if cell.symbol == NONFINITE:
        said += ", without the NaN or ∞ in it"
    several = f" ({len(cell.keys):,} tensors)" if len(cell.keys) > 1 else ""
    tone = {Status.LEFT_ONLY: "a", Status.RIGHT_ONLY: "b", Status.SAME: "muted"}.get(cell.status, "text")
    value = cell.value if folded is None else folded.median
    worst = folded.worst if folded is not None else None
    return Patch(display.visible(f"{name}: {said}{several}"), value, cell.symbol, tone, worst)


def _number(name: str) -> tuple[str, str] | None:
    """The stack and the number of a layer or an expert; None for what is neither."""
    stack, _, number = name.rpartition(" ")
    return (stack, number) if number.isdigit() and name != folding.OWN else None


def _short(name: str, number: tuple[str, str] | None, several: bool) -> str:
    """What stands above a column: the number of its layer, with its stack where there are several (`dec 3`)."""
    if number is None:
        return display.visible(name)
    stack = number[0] if several and number[0] not in ("", "layer") else ""
    return f"{display.visible(stack)[:3]} {number[1]}".strip()


def _changed(cell: GridCell) -> bool:
    return cell.status is not Status.SAME and (cell.value is not None or bool(cell.symbol))
