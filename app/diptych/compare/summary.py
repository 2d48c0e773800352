"""The verdict: sentences written by rules from the other facets, each with a link to its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diptych import display
from diptych.compare.facet import Facet
from diptych.compare.relation import identical, relation
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Clause, Row, Sheet, Status
from diptych.domain.version import State, Version
from diptych.job import Job, Tick

KEY = "summary"

_QUIET = ("curves", "files")
"""Facets that differ between any two versions: their counts are background."""


class Summary:
    """What the other facets say, in a few sentences."""

    key = KEY
    title = "Summary"
    heavy = False

    def __init__(self, facets: Sequence[Facet]) -> None:
        self._facets = facets

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """The verdict over the facets that need no reading; whoever holds more sheets calls `verdict` with them."""
        yield Tick("Writing the summary")
        sheets = {}
        for facet in self._facets:
            if not facet.heavy:
                sheets[facet.key] = yield from facet.compare(left, right, rules)
        return verdict(left, right, sheets)


def verdict(left: Dossier, right: Dossier, sheets: Mapping[str, Sheet]) -> Sheet:
    """Sentences in the order of their weight, and a row of counts for each sheet that is there."""
    told = [sheet for key, sheet in sheets.items() if key != KEY]
    clauses = [*_states(left, right), *_alike(left, right)]
    if identical(left.version, right.version):
        # the facets could only repeat that nothing differs, or dwell on names and times
        clauses.insert(0, Clause("A and B are identical, byte for byte", "files", weight=2))
    else:
        for sheet in told:
            clauses += _told(sheet)
    clauses.sort(key=lambda clause: -clause.weight)
    return Sheet(
        KEY,
        "Summary",
        "facets",
        tuple(_row(sheet) for sheet in told),
        clauses=tuple(dict.fromkeys(clauses)),
        notes=(relation(left.version, right.version, (*left.inferred, *right.inferred)),),
        complete=all(sheet.complete for sheet in told),
    )


def _states(left: Dossier, right: Dossier) -> list[Clause]:
    """What must be known of the versions themselves before anything else is read."""
    found = []
    for side, dossier in (("A", left), ("B", right)):
        state = dossier.version.state
        if state in (State.DAMAGED, State.PARTIAL):
            reason = f": {display.visible(str(dossier.problems[0]))}" if dossier.problems else ""
            found.append(Clause(f"{side} is {state}{reason}", "files", weight=2))
        elif state is not State.COMPLETE:
            found.append(Clause(f"{side}: {state}", "files", weight=1))
    return found


def _alike(left: Dossier, right: Dossier) -> list[Clause]:
    """What two versions share that people would otherwise check first."""
    a, b = left.version, right.version
    found = []
    if a.family and b.family:
        text = f"both {display.visible(a.family)}"
        if a.family != b.family:
            text = f"different architectures: {display.visible(a.family)} and {display.visible(b.family)}"
        found.append(Clause(text, "config", weight=2 if a.family != b.family else 0))
    size = _size(a, b)
    if size:
        found.append(Clause(size, "weights", weight=1))
    return found


def _size(left: Version, right: Version) -> str:
    if not left.parameters or not right.parameters or left.parameters == right.parameters:
        return ""
    return f"{display.count(left.parameters)} → {display.count(right.parameters)} parameters"


def _told(sheet: Sheet) -> list[Clause]:
    """The sentences of one facet: its counts, then what it found worth saying."""
    clauses = list(sheet.clauses)
    if not sheet.rows:
        return clauses
    if sheet.differs:
        first = next(row.key for row in sheet.rows if row.differs and row.status is not Status.NOT_COMPARABLE)
        text = f"{sheet.differs:,} of {sheet.total:,} {sheet.noun} differ"
        clauses.insert(0, Clause(text, sheet.key, first, 0 if sheet.key in _QUIET else 1))
    elif sheet.undecided:
        if not clauses:
            clauses.append(Clause(f"{sheet.undecided:,} {sheet.noun} not comparable", sheet.key, weight=1))
    elif not clauses:
        text = f"all {sheet.total:,} {sheet.noun} the same" if sheet.total > 1 else f"{sheet.title.lower()} the same"
        clauses.append(Clause(text, sheet.key, weight=0))
    return clauses


def _row(sheet: Sheet) -> Row:
    status = Status.DIFFERS if sheet.differs else Status.NOT_COMPARABLE if sheet.undecided else Status.SAME
    counts = Cell(sheet.counts, sheet.differs)
    return Row(
        sheet.key,
        status,
        counts,
        counts,
        sheet.title,
        note="; ".join(sheet.notes),
        values={"differing": sheet.differs, "compared": sheet.total, "ignored": sheet.ignored},
    )
