"""What a scan found, encoded before the catalog is locked for writing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from diptych.catalog import identity, parts, payload
from diptych.catalog.texts import place_text, sorting, stored
from diptych.domain.evidence import Evidence, Plain
from diptych.domain.found import Found, Record
from diptych.domain.trust import rank
from diptych.domain.version import Artifact, Files

_NOTHING = "[]"
_LONGEST = 1000
"""Characters of a hyperparameter that lists still show; longer ones stand in the record only."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The value of each metric and hyperparameter that lists show of one version."""

    metrics: Mapping[str, float]
    hyperparameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Told:
    """What one record says, with what decides which of several records is shown."""

    reader: str
    path: str
    moment: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class PackedRecord:
    """One record, ready to be written."""

    record: Record
    path: str
    moment: float
    evidence: bytes
    curves: bytes

    @property
    def told(self) -> Told:
        """What it says, for lists."""
        return Told(self.record.reader, self.path, self.moment, self.record.evidence)


class Prepared(NamedTuple):
    """One find, ready to be written."""

    found: Found
    place: str | None
    artifacts: Sequence[Artifact]
    row: tuple[object, ...]
    """The columns of `version` from `name` to `problems`, without path and base key."""
    headers: str
    layouts: Mapping[str, bytes]
    records: tuple[PackedRecord, ...]
    base_name: str | None = None
    base_parent: str | None = None

    @property
    def provisional(self) -> str:
        """The id until the files are hashed."""
        found = self.found
        return identity.provisional(found.path, found.stamp if found.path else found.name)


@dataclass(slots=True)
class Preparation:
    """Encodes finds; remembers which layouts it has packed."""

    packed: dict[str, bytes] = field(default_factory=dict)

    def prepare(self, found: Found) -> Prepared:
        """Encode one find."""
        layouts = {}
        for header in found.headers:
            layout = header.layout
            if layout.digest not in self.packed:
                self.packed[layout.digest] = payload.encode_layout(layout)
            layouts[layout.digest] = self.packed[layout.digest]
        return Prepared(
            found=found,
            place=None if found.path is None else place_text(found.path),
            artifacts=found.artifacts,
            row=_row(found),
            headers=payload.encode_headers(found.headers),
            layouts=layouts,
            records=_packed(found) if found.records else (),
            base_name=None if found.base is None else stored(found.base.name),
            base_parent=None if found.base is None else found.base.parent,
        )


def pack(record: Record, modified_ns: int | None = None) -> PackedRecord:
    """Encode one record; `modified_ns` is when its file was written, where that is known."""
    evidence, curves = payload.encode_evidence(record.evidence)
    return PackedRecord(record, place_text(record.path), _moment(record, modified_ns), evidence, curves)


def _packed(found: Found) -> tuple[PackedRecord, ...]:
    """The records of a find; when they were written, its files tell."""
    folder = f"{found.path}/"
    files = found.artifacts
    if isinstance(files, Files):
        times = dict(zip(files.names, files.times, strict=True))
    else:
        times = {artifact.path: artifact.modified_ns for artifact in files}
    return tuple(pack(record, times.get(str(record.path).removeprefix(folder))) for record in found.records)


def show(told: Sequence[Told]) -> Shown:
    """What lists show of all the evidence for one version.

    Of each metric the newest value, by record, then by step; of each hyperparameter the value of the record that is
    to be believed first (`domain.trust`), then of the first by path, as comparisons have it.
    """
    metrics: dict[str, float] = {}
    ages: dict[str, tuple[float, float]] = {}
    for one in sorted(told, key=lambda one: one.moment):
        for metric in one.evidence.metrics:
            age = (one.moment, -math.inf if metric.step is None else metric.step)
            key = metric.key
            if key not in ages or age >= ages[key]:
                ages[key] = age
                metrics[key] = float(metric.value)
    settings: dict[str, Plain] = {}
    for one in sorted(told, key=lambda one: (rank(one.reader), one.path)):
        for setting in one.evidence.hyperparameters:
            settings.setdefault(setting.key, setting.value)
    return Shown(metrics, {key: value for key, value in settings.items() if _short(value)})


def param_value(value: object) -> int | float | str:
    """A hyperparameter as the `param` table holds it: numbers as numbers, text as text, the rest as JSON text."""
    if isinstance(value, str):
        return stored(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    return json.dumps(value)


def _short(value: Plain) -> bool:
    """Whether a list can show the value."""
    if isinstance(value, str):
        return len(value) <= _LONGEST
    if isinstance(value, dict):
        return not value
    if isinstance(value, list):
        return len(value) <= _LONGEST // 4 and len(json.dumps(value)) <= _LONGEST
    return True


def _row(found: Found) -> tuple[object, ...]:
    layouts = [header.layout for header in found.headers]
    leading = max(layouts, key=lambda layout: layout.parameters) if layouts else None
    return (
        stored(found.name),
        sorting(found.name),
        stored(found.model),
        found.kind.value,
        found.step,
        stored(found.format),
        "" if leading is None else stored(leading.dtype),
        stored(found.family),
        None if leading is None else sum([layout.parameters for layout in layouts]),
        found.bytes,
        found.created,
        None if found.base is None else stored(found.base.name),
        None if found.base is None else json.dumps(parts.lineage_parts(found.base)),
        json.dumps(parts.problem_parts(found.problems)) if found.problems else _NOTHING,
    )


def _moment(record: Record, modified_ns: int | None) -> float:
    """When the record was written: as it says itself, else as its file says."""
    said = _date(record.evidence.facts.get("evaluated", ""))
    if said is not None:
        return said
    if modified_ns is not None:
        return modified_ns / 1e9
    try:
        return record.path.stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _date(text: str) -> float | None:
    """A moment as records state it, `2026-11-20 14:03 UTC` or any ISO form."""
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
