"""Joining what a scan found apart: records with the versions they are about, versions with their parents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from diptych.catalog import Catalog
from diptych.domain.changes import Changes
from diptych.domain.found import Found, Record
from diptych.domain.version import Kind, State
from diptych.errors import NotFound
from diptych.workbench.link import Places, given_name


def join(catalog: Catalog, strays: Sequence[Record]) -> Generator[Changes, None, Changes]:
    """Attach `strays`, and what older scans left alone, and tie parents; yields the changes so far now and then.

    What is about no version here becomes a version without weights, until its model arrives.
    """
    waiting = catalog.records_about()
    if not (strays or waiting or catalog.untied()):
        return Changes()
    keys = catalog.places()
    places = Places(keys)
    attached: dict[Path, list[Record]] = defaultdict(list)
    lone: dict[str, list[Record]] = defaultdict(list)
    for record in strays:
        place = _place(record, places)
        if place is not None:
            attached[place].append(record)
        elif record.evidence.about is not None:
            lone[given_name(record.evidence.about)].append(record)
        elif record.evidence.metrics:
            lone[record.path.parent.name].append(record)
    for one in waiting:
        for record in one.records:
            place = _place(record, places)
            if place is not None:
                attached[place].append(record)
    changes = Changes()
    for place, records in attached.items():
        try:
            changes |= catalog.attach(keys[place], records)
        except NotFound:  # forgotten by the user meanwhile
            continue
        yield changes
    if lone:
        changes |= catalog.store([_without_weights(name, records) for name, records in lone.items()])
        yield changes
    return changes | _tie(catalog, keys, places)


def _place(record: Record, places: Places) -> Path | None:
    about = record.evidence.about
    return places.end_of(record.path.parent) if about is None else places.about(about, record.path)


def _tie(catalog: Catalog, keys: Mapping[Path, int], places: Places) -> Changes:
    """Recognise parents by the paths that records name, seen from their own folder and those above."""
    parents: dict[int, int] = {}
    for child in catalog.untied():
        place = places.find(child.base, child.path)
        if place is not None and place != child.path:
            parents[child.key] = keys[place]
    return catalog.tie(parents) if parents else Changes()


def _without_weights(name: str, records: Sequence[Record]) -> Found:
    """A version that is known only from records."""
    families = (record.evidence.facts.get("family", "") for record in records)
    return Found(
        path=None,
        name=name,
        model=name.partition("@")[0],
        kind=Kind.RECORD,
        state=State.NO_WEIGHTS,
        stamp="",
        family=next(filter(None, families), ""),
        records=tuple(records),
    )
