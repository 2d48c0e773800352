"""The collections beside the library: each is a query with a count."""

from __future__ import annotations

from diptych import display
from diptych.job import Job, Tick
from diptych.ui.models.partners import quoted
from diptych.ui.widgets.strip import Entry
from diptych.workbench import Workbench

MOST = 40
"""Entries under one heading; the filter finds the rest."""
_ALWAYS = (
    ("Starred", "stars>0", "star"),
    ("No weights", "state:no-weights", "file"),
    ("Partial", "state:partial", "partial"),
    ("Offline", "state:offline", "offline"),
    ("Damaged", "state:damaged", "damaged"),
)


def collections(workbench: Workbench) -> Job[tuple[Entry, ...]]:
    """Everything that can be gone to, with counts; states that no version is in are left out."""
    yield Tick("Counting versions")
    entries = [Entry("All versions", "", f"{workbench.count():,}", "library")]
    for title, query, symbol in _ALWAYS:
        yield Tick("Counting versions")
        count = workbench.count(query)
        if count or query == "stars>0":
            entries.append(Entry(title, query, f"{count:,}" if count else "", symbol))
    yield Tick("Counting versions")
    columns = workbench.columns()
    for heading, field, counted, least in (
        ("Tags", "tag:", columns.tags, 0),
        ("Models and runs", "model=", columns.models, 1),
        ("Families", "family:", columns.families, 1),
    ):
        if len(counted) > least:
            entries.append(Entry(heading, heading=True))
            entries += [
                Entry(display.visible(name) or "unnamed", field + quoted(name), f"{count:,}")
                for name, count in counted[:MOST]
            ]
            if len(counted) > MOST:
                entries.append(Entry(f"{len(counted) - MOST:,} more: type {field}…", heading=True))
    return tuple(entries)
