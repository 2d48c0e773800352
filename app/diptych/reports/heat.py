"""The heat map of a report: layers down, modules across, cividis on a logarithmic scale."""

from __future__ import annotations

import math

from diptych import display
from diptych.domain.sheet import Grid, GridCell
from diptych.reports.markup import text

CIVIDIS = (
    "#00224e", "#00285b", "#002e6a", "#053371", "#1c396f", "#293f6e", "#33446d", "#3c4a6c",
    "#45506c", "#4d556c", "#555b6d", "#5c616e", "#646770", "#6b6d72", "#727274", "#787877",
    "#807f78", "#888578", "#908b78", "#979177", "#a09875", "#a89e73", "#b0a571", "#b9ab6d",
    "#c2b369", "#cbb965", "#d3c05f", "#dcc859", "#e6d051", "#efd748", "#f8df3c", "#fee838",
)  # fmt: skip
"""The ramp in even steps, dark to bright; it reads the same without colour vision."""


def heat(grid: Grid) -> str:
    """The grid as a table; a field's number is in its tooltip and in the table of rows."""
    cells = {(cell.row, cell.column): cell for cell in grid.cells}
    values = [cell.value for cell in grid.cells if _coloured(cell)]
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    head = "".join(f"<th>{text(column)}</th>" for column in grid.columns)
    lines = "".join(
        f'<tr><th class="line">{text(line)}</th>'
        + "".join(_field(cells.get((line, column)), low, high) for column in grid.columns)
        + "</tr>"
        for line in grid.rows
    )
    return f'{_legend(grid, low, high, bool(known))}<table class="heat"><tr><th></th>{head}</tr>{lines}</table>'


def _coloured(cell: GridCell) -> bool:
    return cell.value is not None and math.isfinite(cell.value) and cell.value > 0 and cell.symbol != "="


def _legend(grid: Grid, low: float, high: float, coloured: bool) -> str:
    ramp = ""
    if coloured:
        ramp = (
            f"{text(grid.legend)}, logarithmic: {display.number(low, 2)}"
            f'<span class="ramp" style="background: linear-gradient(to right, {", ".join(CIVIDIS)})"></span>'
            f"{display.number(high, 2)} · "
        )
    return f'<p class="note">{ramp}= identical · ╳ missing on a side · ≠ reshaped · ~ tied</p>'


def _field(cell: GridCell | None, low: float, high: float) -> str:
    if cell is None:
        return "<td></td>"
    where = f"{cell.row} {cell.column}"
    if cell.symbol and not _coloured(cell):
        return f'<td class="sym" title="{text(f"{where}: {cell.status}")}">{text(cell.symbol)}</td>'
    if cell.value is None:
        return f'<td class="sym" title="{text(f"{where}: not compared")}">·</td>'
    place = _place(cell.value, low, high)
    ink = "#ffffff" if place < 0.55 else "#000000"
    title = text(f"{where}: {display.number(cell.value, 3)}")
    return f'<td style="background: {colour(place)}; color: {ink}" title="{title}">{text(_sign(cell))}</td>'


def _sign(cell: GridCell) -> str:
    return cell.symbol or ("" if cell.value is not None and math.isfinite(cell.value) else "NaN")


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
