"""The heat map of two sets of weights: layers down, modules across."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from diptych.compare import folding, modules
from diptych.domain.sheet import Grid, GridCell, Row, Status
from diptych.job import Job, Tick, finish

LEGEND = "‖B−A‖ ∕ ‖A‖"
TIED = "~"
NONFINITE = "!"
"""On a field with NaN or infinite values: its colour is that of the others alone."""
UNKNOWN = "?"
"""On a field of tensors that one side has in files that are not here."""
_OFTEN = 4096

Fields: TypeAlias = Mapping[tuple[str, str], list[str]]
"""The names of the tensors at each line and column."""


def grid(names: Iterable[str], rows: Mapping[str, Row], tied: bool = False) -> Grid:
    """A field for each layer and module among `names`, in their order; what has no row yet is a field without value."""
    return finish(filling(fields(names, tied), rows))


def fields(names: Iterable[str], tied: bool = False) -> Fields:
    """The names of each field; a head that is `tied` has a field without any."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        place = modules.place(name)
        found[place.row, place.column].append(name)
    if tied:
        found.setdefault(("head", modules.WHOLE), [])
    return found


def filling(fields: Fields, rows: Mapping[str, Row]) -> Job[Grid]:
    """The grid of `fields`, with a tick now and then.

    The value of a field that stands for several tensors is the relative change of all their elements together.
    """
    cells = []
    looked_at = 0
    for (row, column), keys in fields.items():
        cells.append(_cell(row, column, keys, rows))
        looked_at += len(keys)
        if looked_at >= _OFTEN:
            looked_at = 0
            yield Tick("Drawing the map")
    columns = sorted({cell.column for cell in cells}, key=lambda name: (modules.column_rank(name), name))
    lines = list(dict.fromkeys(cell.row for cell in cells))
    if not fields.get(("head", modules.WHOLE), "some") and modules.OTHER in lines:
        lines.remove(modules.OTHER)
        lines.append(modules.OTHER)
    return Grid(tuple(lines), tuple(columns), tuple(cells), LEGEND)


def layer(whole: Grid, line: str, rows: Mapping[str, Row]) -> Grid:
    """One line of a grid by itself: its own tensors and its experts down, what they are across."""
    fields = folding.unfolded((cell.column, cell.keys) for cell in whole.cells if cell.row == line)
    across, down = folding.parts(fields)
    return Grid(
        tuple(across), tuple(down), tuple(_cell(*place, keys, rows) for place, keys in fields.items()), whole.legend
    )


def _cell(line: str, column: str, keys: list[str], rows: Mapping[str, Row]) -> GridCell:
    if not keys:
        return GridCell(line, column, Status.SAME, None, (), TIED)
    known = [rows[key] for key in keys if key in rows]
    if len(known) < len(keys):
        # a colour over half of the tensors would change under the reader's eyes
        return GridCell(line, column, _status(known), None, tuple(keys))
    status = _status(known)
    symbol = _symbol(known, status)
    value = None if symbol in ("╳", "≠", UNKNOWN) else pooled(known)
    return GridCell(line, column, status, value, tuple(keys), symbol, folding.fold(keys, rows))


def _status(rows: list[Row]) -> Status:
    found = {row.status for row in rows}
    if len(found) == 1:
        return found.pop()
    return Status.DIFFERS if found - {Status.SAME, Status.NOT_COMPARABLE} else Status.NOT_COMPARABLE


def _symbol(rows: list[Row], status: Status) -> str:
    if any(row.values.get("tied") for row in rows):
        return TIED
    if any(row.status in (Status.LEFT_ONLY, Status.RIGHT_ONLY) for row in rows):
        return "╳"
    shapes = [(row.values.get("shape_left"), row.values.get("shape_right")) for row in rows]
    if apart := [pair for pair in shapes if pair[0] != pair[1]]:
        return UNKNOWN if any(None in pair for pair in apart) else "≠"
    if status is Status.SAME:
        return "="
    return NONFINITE if any(row.values.get("nonfinite") for row in rows) else ""


def pooled(rows: Iterable[Row]) -> float | None:
    """‖B−A‖ ∕ ‖A‖ over all elements of `rows` together; None where one was not measured."""
    change = norm = 0.0
    for row in rows:
        moved, length = row.values.get("norm_change"), row.values.get("norm_left")
        if not isinstance(moved, float) or not isinstance(length, float):
            return None
        change, norm = math.hypot(change, moved), math.hypot(norm, length)
    if norm == 0:
        return 0.0 if change == 0 else math.inf
    return change / norm
