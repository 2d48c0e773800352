"""A comparison as JSON that stays the same from release to release."""

from __future__ import annotations

import json
from collections.abc import Mapping

from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain
from diptych.domain.plain import safe
from diptych.domain.sheet import Cell, Row, Sheet
from diptych.domain.version import Version

_TAKEN = frozenset({"key", "status", "left", "right"})


def as_json(sheets: Mapping[str, Sheet], left: Dossier, right: Dossier) -> dict[str, Plain]:
    """The comparison as plain objects: `left` and `right` name the versions, `facets` hold counts and rows.

    Numbers that JSON cannot say are the words "NaN", "Infinity" and "-Infinity".
    """
    return {
        "left": _version(left.version),
        "right": _version(right.version),
        "facets": {key: _sheet(sheet) for key, sheet in sheets.items()},
    }


def dumps(sheets: Mapping[str, Sheet], left: Dossier, right: Dossier) -> str:
    """The comparison as JSON text, indented, in the order of the facets."""
    return json.dumps(as_json(sheets, left, right), ensure_ascii=False, allow_nan=False, indent=2)


def _version(version: Version) -> Plain:
    return {"id": version.id, "name": safe(version.name), "path": safe(str(version.path)) if version.path else None}


def _sheet(sheet: Sheet) -> Plain:
    found: dict[str, Plain] = {
        "differs": sheet.differs,
        "total": sheet.total,
        "same": sheet.same,
        "ignored": sheet.ignored,
        "not_comparable": sheet.undecided,
        "rows": [_row(row) for row in sheet.rows],
    }
    if sheet.clauses:
        found["clauses"] = [
            {"text": safe(clause.text), "facet": clause.facet, "row": safe(clause.row), "weight": clause.weight}
            for clause in sheet.clauses
        ]
    if sheet.notes:
        found["notes"] = [safe(note) for note in sheet.notes]
    return found


def _row(row: Row) -> Plain:
    found: dict[str, Plain] = {
        "key": safe(row.key),
        "status": str(row.status),
        "left": _cell(row.left),
        "right": _cell(row.right),
    }
    for name in ("group", "change", "note"):
        if text := getattr(row, name):
            found[name] = safe(text)
    for name in ("ignored", "derived"):
        if getattr(row, name):
            found[name] = True
    for name, value in row.values.items():
        if name not in _TAKEN:
            found[name] = safe(value)
    for side, cell in (("left", row.left), ("right", row.right)):
        if cell and cell.source and cell.source.file:
            found[f"{side}_source"] = {"file": safe(cell.source.file), "pointer": safe(cell.source.pointer)}
    if row.tree:
        found["tree"] = [_row(inner) for inner in row.tree]
    return found


def _cell(cell: Cell | None) -> Plain:
    return None if cell is None else safe(cell.value)
