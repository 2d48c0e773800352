"""The heat map of a report: layers down, modules across, cividis on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from diptych import display
from diptych.domain.sheet import Fold, Grid, GridCell
from diptych.reports.markup import text

CIVIDIS = (
    "#00224e", "#00285b", "#002e6a", "#053371", "#1c396f", "#293f6e", "#33446d", "#3c4a6c",
    "#45506c", "#4d556c", "#555b6d", "#5c616e", "#646770", "#6b6d72", "#727274", "#787877",
    "#807f78", "#888578", "#908b78", "#979177", "#a09875", "#a89e73", "#b0a571", "#b9ab6d",
    "#c2b369", "#cbb965", "#d3c05f", "#dcc859", "#e6d051", "#efd748", "#f8df3c", "#fee838",
)  # fmt: skip
"""The ramp in even steps, dark to bright; it reads the same without colour vision."""


_QUIET = "var(--raised)"
"""Behind what did not move."""


def heat(grid: Grid) -> str:
    """The grid as a table; a field's number is in its tooltip and in the table of rows.

    A field of folded experts has the colour of their median, and above it that of the worst as a band.
    """
    cells = {(cell.row, cell.column): cell for cell in grid.cells}
    known = [value for cell in grid.cells for value in _shown(cell) if _coloured(value)]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    head = "".join(f"<th>{text(column)}</th>" for column in grid.columns)
    lines = "".join(
        f'<tr><th class="line">{text(line)}</th>'
        + "".join(_field(cells.get((line, column)), low, high) for column in grid.columns)
        + "</tr>"
        for line in grid.rows
    )
    return f'{_legend(grid, low, high, bool(known))}<table class="heat"><tr><th></th>{head}</tr>{lines}</table>'


def _fold(cell: GridCell) -> Fold | None:
    return cell.fold if cell.symbol in ("", "!") else None


def _shown(cell: GridCell) -> Sequence[float]:
    """The values that a field shows as colours."""
    if fold := _fold(cell):
        return fold.median, fold.worst
    return () if cell.value is None or cell.symbol == "=" else (cell.value,)


def _coloured(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _legend(grid: Grid, low: float, high: float, coloured: bool) -> str:
    ramp = ""
    if coloured:
        ramp = (
            f"{text(grid.legend)}, logarithmic: {display.number(low, 2)}"
            f'<span class="ramp" style="background: linear-gradient(to right, {", ".join(CIVIDIS)})"></span>'
            f"{display.number(high, 2)} · "
        )
    folded = " · ▀ worst expert, below it the median" if any(map(_fold, grid.cells)) else ""
    signs = "= identical · ╳ missing on a side · ? weights not complete · ≠ reshaped · ~ tied · ! NaN or ∞"
    return f'<p class="note">{ramp}{signs}{folded}</p>'


def _field(cell: GridCell | None, low: float, high: float) -> str:
    if cell is None:
        return "<td></td>"
    where = f"{cell.row} {cell.column}"
    shown = _shown(cell)
    if cell.symbol and not any(map(_coloured, shown)):
        return f'<td class="sym" title="{text(f"{where}: {cell.status}")}">{text(cell.symbol)}</td>'
    if not shown:
        return f'<td class="sym" title="{text(f"{where}: not compared")}">·</td>'
    value = shown[0]
    place = _place(value, low, high)
    paper, ink = colour(place), "#ffffff" if place < 0.55 else "#000000"
    title = f"{where}: {display.number(value, 3)}"
    if fold := _fold(cell):
        if fold.median == 0:
            paper, ink = _QUIET, "inherit"
        band = paper if fold.worst == 0 else colour(_place(fold.worst, low, high))
        paper = f"linear-gradient({band} 33%, {paper} 33%)"
        title = f"{where}: worst {display.number(fold.worst, 3)} ({fold.worst_key}), "
        title += f"median {display.number(fold.median, 3)}, {fold.same:,} of {fold.count:,} identical"
    sign = cell.symbol or ("" if math.isfinite(value) else "NaN")
    return f'<td style="background: {paper}; color: {ink}" title="{text(title)}">{text(sign)}</td>'


def _place(value: float, low: float, high: float) -> float:
    """Where a value lies on the ramp, 0 to 1; what is not a number is the far end."""
    if not math.isfinite(value):
        return 1.0
    if value <= 0 or high <= low:
        return 0.0 if value <= 0 else 1.0
    return max(0.0, min(1.0, math.log(value / low) / math.log(high / low)))


def colour(place: float) -> str:
    """The colour at a place of the ramp."""
    return CIVIDIS[round(place * (len(CIVIDIS) - 1))]
