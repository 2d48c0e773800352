"""The rows that a find becomes, each for one statement of `writing`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from diptych.catalog import parts
from diptych.catalog.preparing import PackedRecord, Prepared, param_value
from diptych.catalog.texts import stored, words

Row = tuple[object, ...]


class Numbered(NamedTuple):
    """What lists show of one version, its names as numbers."""

    metric_keys: list[int]
    measured: list[float]
    param_keys: list[int]
    settings: list[object]

    @property
    def text(self) -> str:
        """As JSON; `unpacked` reads it."""
        return json.dumps(self) if self.metric_keys or self.param_keys else "[[], [], [], []]"

    def metric_rows(self, key: int) -> Iterator[Row]:
        """Version, metric and value, which is null for NaN."""
        for name, value in zip(self.metric_keys, self.measured, strict=True):
            yield key, name, None if math.isnan(value) else value

    def param_rows(self, key: int) -> Iterator[Row]:
        """Version, hyperparameter and value."""
        for name, value in zip(self.param_keys, self.settings, strict=True):
            yield key, name, param_value(value)

    def words(self) -> str:
        """What can be searched of all hyperparameters."""
        return " ".join(text for value in self.settings if (text := _text(value)))


def unpacked(shown: str) -> Numbered:
    """What lists show, from its text."""
    with parts.decoding("what lists show"):
        metric_keys, measured, param_keys, settings = json.loads(shown)
        return Numbered(metric_keys, measured, param_keys, settings)


def version_row(one: Prepared, key: int) -> Row:
    """The columns of a new version, in the order of the table but without base key, stars and note."""
    return key, one.provisional, one.place, one.found.state.value, *one.row


def place_row(one: Prepared, key: int) -> Row:
    """Path, version, stamp, state, files."""
    return one.place, key, one.found.stamp, one.found.state.value, parts.encode_artifacts(one.artifacts)


def record_rows(key: int, place: str | None, records: Iterable[PackedRecord]) -> Iterator[Row]:
    """One row for each record; `place` is where they lie within the version itself."""
    for one in records:
        yield key, one.path, place, one.record.reader, one.moment, one.evidence, one.curves


def words_row(one: Prepared, key: int, numbered: Numbered) -> Row:
    """The words that find a new version."""
    found = one.found
    name = words(stored(found.name))
    model = name if found.model == found.name else words(stored(found.model))
    base = words(one.base_name) if one.base_name else ""
    return key, name, model, "", "", stored(found.family), base, one.place or "", numbered.words()


def _text(value: object) -> str:
    """What can be searched of a hyperparameter: its words, not its numbers."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return " ".join(_text(part) for part in value)
    return ""
