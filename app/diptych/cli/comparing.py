"""Two versions side by side: `compare`."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.session import Session, subject
from diptych.cli.table import NARROWEST, Heading, aligned
from diptych.cli.verb import Add
from diptych.domain.plain import safe
from diptych.errors import Refused

if TYPE_CHECKING:
    from diptych.domain.dossier import Dossier
    from diptych.domain.evidence import Plain
    from diptych.domain.sheet import Cell, Sheet
    from diptych.workbench.comparing import Comparison

FACETS = ("summary", "hyperparameters", "metrics", "curves", "outputs", "weights", "tokenizer", "config", "files")
_SUMMARY = "summary"
_LONGEST = 60
"""Characters of a value in a table; JSON and the report have it whole."""
_NAME = 40
"""Columns that the name of a tensor keeps where the line is narrow: names differ in their middles, too."""
_CHANGE = 22
"""As much as a change with its bounds needs."""


def register(add: Add) -> None:
    """Add the verb."""
    compare = add("compare", "what changed from A to B; each a REF or a folder that was never scanned", _compare)
    compare.add_argument("left", metavar="A")
    compare.add_argument("right", metavar="B")
    compare.add_argument(
        "--facet", action="append", choices=FACETS, metavar="KEY", help=f"only this; any of {', '.join(FACETS)}"
    )
    compare.add_argument(
        "--exact", action="store_true", help="read the weights even where fingerprints tell how far they lie apart"
    )
    compare.add_argument(
        "--spectrum", metavar="TENSOR", help="with --facet weights: the singular values of one tensor's change, as JSON"
    )
    compare.add_argument("--exit-code", action="store_true", help="answer 1 where anything differs, as diff does")
    compare.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML file")


def _compare(session: Session, options: Namespace) -> int:
    from diptych.compare.export import dumps

    sides = [_side(session, ref) for ref in (options.left, options.right)]
    comparison = session.workbench.compare(sides[0], sides[1], exact=options.exact)
    if options.spectrum is not None:
        return _spectrum(session, comparison, options)
    every = [facet.key for facet in comparison.facets]
    asked = [key for key in every if not options.facet or key in options.facet]
    # the summary speaks of all the others, so it is written last and stands first
    needed = sorted(every if _SUMMARY in asked else asked, key=_SUMMARY.__eq__)
    found = {key: session.terminal.run(comparison.sheet(key)) for key in needed}
    sheets = {key: found[key] for key in asked}
    if options.html is not None:
        _write_report(comparison, sheets, options.html)
    if session.terminal.json:
        session.terminal.say(dumps(sheets, comparison.left, comparison.right))
    elif options.html is None:
        session.terminal.say_all(_report(session, comparison, sheets))
    else:
        session.terminal.say(display.visible(str(options.html)))
    differs = any(sheet.differs for key, sheet in found.items() if key != _SUMMARY)
    return 1 if options.exit_code and differs else 0


def _spectrum(session: Session, comparison: Comparison, options: Namespace) -> int:
    """The spectrum of one tensor's change, in place of a sheet."""
    if options.facet not in (None, ["weights"]) or options.html is not None:
        raise Refused("--spectrum stands alone, or with --facet weights", "Leave the other options out.")
    found = session.terminal.run(session.workbench.spectrum(comparison, options.spectrum))
    spectrum = found.spectrum
    told = {
        "tensor": safe(found.key),
        "shape": list(spectrum.shape),
        "singular_values": [float(value) for value in spectrum.values],
        "energy": spectrum.energy,
        "energy_at_rank": [float(share) for share in spectrum.shares],
        "rank_at": {str(share): spectrum.rank_at(share) for share in (0.5, 0.9, 0.99)},
        "effective_rank": spectrum.stable_rank,
        "low_rank": spectrum.low_rank,
        "told": safe(found.told),
    }
    session.terminal.say(json.dumps(told, ensure_ascii=False, allow_nan=False, indent=2))
    return 1 if options.exit_code and spectrum.energy else 0


def _side(session: Session, ref: str) -> str | Path | Dossier:
    """What a side means; what lies at a remote is looked at there."""
    if ("://" in ref or "@" in ref) and session.workbench.is_elsewhere(ref):
        return session.terminal.run(session.workbench.dossier_elsewhere(ref))
    return subject(ref)


def _write_report(comparison: Comparison, sheets: Mapping[str, Sheet], file: Path) -> None:
    from diptych.compare import word_diff
    from diptych.reports import comparison_html

    text = comparison_html(comparison.left, comparison.right, list(sheets.values()), comparison.rules, word_diff)
    try:
        file.write_text(text, "utf-8", "backslashreplace")
    except OSError as error:
        raise Refused(f"{display.path(file)}: cannot be written: {error.strerror}") from None


def _report(session: Session, comparison: Comparison, sheets: Mapping[str, Sheet]) -> Iterator[str]:
    bold = session.terminal.bold
    for letter, side in (("A", comparison.left), ("B", comparison.right)):
        version = side.version
        yield f"{bold(letter)}  {display.visible(version.name)}  {version.short_id}"
    for sheet in sheets.values():
        yield ""
        yield bold(sheet.title if sheet.key == _SUMMARY else f"{sheet.title} · {sheet.counts}")
        if sheet.key == _SUMMARY:
            # how the two are related
            yield from (f"  {display.visible(note)}" for note in sheet.notes)
        yield from (f"  {display.visible(clause.text)}" for clause in sheet.clauses)
        if sheet.key != _SUMMARY:
            told = [note for note in sheet.notes if not any(note in clause.text for clause in sheet.clauses)]
            yield from (f"  {display.visible(note)}" for note in told)
            yield from _rows(sheet, session.terminal.width - 2)


def _rows(sheet: Sheet, width: int) -> Iterator[str]:
    """The rows that differ, with the further numbers of the sheet."""
    rows = [row for row in sheet.rows if row.differs]
    if not rows:
        return
    further = [column for column in sheet.columns if column.numeric]
    shapes = sheet.grid is not None  # of what A and B hold, which tells less than the name and the change
    name, change = (_NAME, _CHANGE) if shapes else (NARROWEST, NARROWEST)
    headings = (
        *(Heading("", elastic=True), Heading(""), Heading("", elastic=True, least=name)),
        *(Heading(side, elastic=True, spare=shapes) for side in "AB"),
        Heading("CHANGE", elastic=True, least=change),
        *(Heading(one.title, right=True, spare=True) for one in further),
    )
    cells = []
    group = ""
    for row in rows:
        written = [_number(row.values.get(column.key), column.format) for column in further]
        named = row.group if row.group != group else ""
        told = [row.label or row.key, _text(row.left), _text(row.right), row.change or row.note]
        cells.append([named, row.status.symbol, *told, *written])
        group = row.group
    yield from (f"  {line}" for line in aligned(headings, cells, width))


def _text(cell: Cell | None) -> str:
    return "" if cell is None else display.elide(display.visible(cell.text), _LONGEST)


def _number(value: Plain, form: str) -> str:
    """A number as its column wants it; nothing where it has none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if form == "percent":
        return f"{display.number(100 * value, 3)} %"
    if form == "bytes":
        return display.size(int(value))
    if form == "count":
        return display.count(int(value))
    return display.number(value, int(form[1:])) if form.startswith("g") else display.number(value)
