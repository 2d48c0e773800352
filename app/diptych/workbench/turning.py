"""A sheet seen from the other side: A becomes B, and every change runs the other way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from diptych.compare import curves, folding, measured, outputs
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Chart, Clause, Grid, GridCell, Row, Sheet, Status

_MIRRORED = {Status.LEFT_ONLY: Status.RIGHT_ONLY, Status.RIGHT_ONLY: Status.LEFT_ONLY}
_SIDES = re.compile(r"\b[AB]\b")
_SIGNS = str.maketrans("+−×÷▲▼", "−+÷×▼▲")
_SUFFIXES = (("_left", "_right"), ("_a", "_b"))

_TOLD: Mapping[str, Callable[[Iterable[Row]], Iterable[Clause]]] = {"curves": curves.ends, "outputs": outputs.flips}
"""Facets whose clauses are written anew from the rows, since their words tell A before B, or what B did to A."""


def turned(sheet: Sheet) -> Sheet:
    """`sheet` with its sides exchanged. Relative changes are taken against the new A; nothing is read again."""
    rows = tuple(_row(row, sheet.key) for row in sheet.rows)
    return replace(
        sheet,
        rows=rows,
        charts=tuple(_chart(chart) for chart in sheet.charts),
        grid=None if sheet.grid is None else _grid(sheet.grid, {row.key: row for row in rows}),
        clauses=tuple(told(rows) if (told := _TOLD.get(sheet.key)) else map(_clause, sheet.clauses)),
        notes=tuple(_text(note) for note in sheet.notes),
    )


def _row(row: Row, facet: str) -> Row:
    values = _values(row)
    change = row.change.translate(_SIGNS)
    if facet == "weights" and "nonfinite_left" in values and row.change:
        change = measured.change(values)
    elif facet == "outputs":
        change = outputs.turned_flip(row.change)
    magnitude = row.magnitude if row.magnitude is None or facet == "weights" else -row.magnitude
    return replace(
        row,
        status=_MIRRORED.get(row.status, row.status),
        left=row.right,
        right=row.left,
        change=change,
        magnitude=magnitude,
        note=_text(row.note),
        values=values,
        tree=tuple(_row(child, facet) for child in row.tree),
    )


def _values(row: Row) -> dict[str, Plain]:
    values: dict[str, Plain] = {}
    for key, value in row.values.items():
        values[_other(key)] = outputs.turned_flip(value) if key == "flip" and isinstance(value, str) else value
    moved, length = row.values.get("norm_change"), row.values.get("norm_right")
    if isinstance(moved, float) and isinstance(length, float):
        values["relative_change"] = moved / length if length else 0.0 if moved == 0 else float("inf")
        before = row.values.get("norm_left")
        for bound in ("low", "high"):
            value = row.values.get(bound)
            if isinstance(value, float) and isinstance(before, float):
                values[bound] = value * before / length if length else float("nan")
    if isinstance(delta := row.values.get("delta"), float):
        values["delta"] = -delta
    return values


def _other(key: str) -> str:
    for first, second in _SUFFIXES:
        if key.endswith(first):
            return key.removesuffix(first) + second
        if key.endswith(second):
            return key.removesuffix(second) + first
    return key


def _chart(chart: Chart) -> Chart:
    sides = {"left": "right", "right": "left"}
    lines = [replace(line, side=sides.get(line.side, line.side)) for line in chart.lines]
    return replace(chart, lines=tuple(sorted(lines, key=lambda line: line.side)), note=_text(chart.note))


def _grid(grid: Grid, rows: dict[str, Row]) -> Grid:
    return replace(grid, cells=tuple(_cell(cell, rows) for cell in grid.cells))


def _cell(cell: GridCell, rows: dict[str, Row]) -> GridCell:
    status = _MIRRORED.get(cell.status, cell.status)
    if cell.value is None:
        return replace(cell, status=status)
    moved = _length(rows, cell.keys, "norm_change")
    length = _length(rows, cell.keys, "norm_left")
    if moved is None or length is None:
        return replace(cell, status=status)
    value = moved / length if length else 0.0 if moved == 0 else float("inf")
    return replace(cell, status=status, value=value, fold=folding.fold(cell.keys, rows))


def _length(rows: dict[str, Row], keys: tuple[str, ...], name: str) -> float | None:
    """The root of the summed squares of one value over the rows of a field."""
    total = 0.0
    for key in keys:
        value = rows[key].values.get(name) if key in rows else None
        if not isinstance(value, float):
            return None
        total += value * value
    return float(total**0.5)


def _clause(clause: Clause) -> Clause:
    return replace(clause, text=_text(clause.text))


def _text(text: str) -> str:
    return _SIDES.sub(lambda match: "B" if match[0] == "A" else "A", text)
