"""What the user says of an inferred edge, and the way back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diptych.catalog.writing import Writer
from diptych.domain.changes import Changes
from diptych.domain.lineage import Edge, Verdict
from diptych.errors import NotFound

if TYPE_CHECKING:
    from sqlite3 import Connection

_LABELS = {
    Verdict.CONFIRMED: "Confirm lineage",
    Verdict.REJECTED: "Reject lineage",
    Verdict.NONE: "Leave lineage open",
}
Name = tuple[str, str, str]
"""Child, relation, parents: what an edge is found by."""


def name_of(edge: Edge) -> Name:
    """What the row of an edge is found by."""
    return edge.child, edge.relation.value, json.dumps(edge.parents)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on one edge, before and after; a step of the history."""

    name: Name
    before: str
    after: str

    @property
    def label(self) -> str:
        """What the step is called."""
        return _LABELS[Verdict(self.after)]

    def undo(self, writer: Writer) -> Changes:
        """Write what was said before."""
        return self._say(writer, self.before)

    def redo(self, writer: Writer) -> Changes:
        """Write what is said now."""
        return self._say(writer, self.after)

    def _say(self, writer: Writer, verdict: str) -> Changes:
        writer.connection.execute(
            "UPDATE edge SET verdict = ? WHERE child = ? AND relation = ? AND parents = ?", (verdict, *self.name)
        )
        rows = writer.connection.execute("SELECT key FROM version WHERE id = ?", (self.name[0],))
        return Changes(updated=frozenset(key for (key,) in rows))


def judgement(connection: Connection, edge: Edge, verdict: Verdict) -> Judged:
    """The step that gives an edge a verdict. `NotFound` where a later inference has dropped the edge."""
    name = name_of(edge)
    row = connection.execute(
        "SELECT verdict FROM edge WHERE child = ? AND relation = ? AND parents = ?", name
    ).fetchone()
    if row is None:
        raise NotFound("this edge is no longer in the lineage", "Show the lineage again.")
    return Judged(name, row[0], verdict.value)
