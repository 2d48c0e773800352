"""Evidence, layouts and headers as bytes, and back to exactly what they were.

JSON holds what SQLite does not: NaN, infinities, lone surrogates, integers of any size. It is written and read in
lines of bounded length, and the points of curves as doubles, so that no single call holds the interpreter for long.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from diptych.catalog.parts import (
    Parts,
    decoding,
    lineage_from,
    lineage_parts,
    problem_parts,
    problems_from,
    source_parts,
)
from diptych.domain.evidence import DatasetRef, Evidence, HyperParameter, Metric, ModelRef, Series
from diptych.domain.tensor import Header, Layout
from diptych.domain.version import Source

_LINE = 256
"""Values on one line of JSON."""
_POINTS = 1 << 16
"""Points packed or unpacked in one call."""


def encode_evidence(evidence: Evidence) -> tuple[bytes, bytes]:
    """The evidence without the points of its curves, and those points."""
    head = {
        "about": evidence.about and _model(evidence.about),
        "step": evidence.step,
        "samples": [str(file) for file in evidence.sample_files],
        "datasets": [
            [data.name, source_parts(data.source), data.config, data.split, data.revision, data.role]
            for data in evidence.datasets
        ],
        "lineage": [lineage_parts(line) for line in evidence.lineage],
        "facts": dict(evidence.facts),
        "partial": evidence.partial,
        "problems": problem_parts(evidence.problems),
    }
    lines = chain(
        [head],
        _lines("h", ([one.key, one.value, source_parts(one.source), one.raw] for one in evidence.hyperparameters)),
        _lines("m", (_metric(one) for one in evidence.metrics)),
        _lines("s", (_curve(one) for one in evidence.series)),
    )
    packer = zlib.compressobj(1)
    packed = [packer.compress(json.dumps(line).encode() + b"\n") for line in lines]
    return b"".join([*packed, packer.flush()]), _encode_curves(evidence.series)


def decode_evidence(packed: bytes, curves: bytes | None) -> Evidence:
    """The evidence that `encode_evidence` was given, without curves if `curves` is None.

    `Damaged` if the bytes are not whole.
    """
    with decoding("a record"):
        lines = zlib.decompress(packed).split(b"\n")
        head = json.loads(lines[0])
        rows: dict[str, list[Parts]] = {"h": [], "m": [], "s": []}
        for line in lines[1:-1]:
            ((kind, some),) = json.loads(line).items()
            rows[kind] += some
        about = head["about"]
        return Evidence(
            about=about and ModelRef(about[0], Source(*about[1]), about[2], about[3]),
            step=head["step"],
            hyperparameters=tuple(HyperParameter(key, value, Source(*at), raw) for key, value, at, raw in rows["h"]),
            metrics=tuple(Metric(task, name, value, Source(*at), *rest) for task, name, value, at, *rest in rows["m"]),
            series=() if curves is None else _decode_curves(rows["s"], curves),
            sample_files=tuple(Path(file) for file in head["samples"]),
            datasets=tuple(DatasetRef(name, Source(*at), *rest) for name, at, *rest in head["datasets"]),
            lineage=tuple(lineage_from(parts) for parts in head["lineage"]),
            facts=head["facts"],
            partial=head["partial"],
            problems=problems_from(head["problems"]),
        )


def encode_layout(layout: Layout) -> bytes:
    """One layout, compressed."""
    packer = zlib.compressobj(6)
    head = [layout.digest, layout.parameters, layout.dtype]
    packed = [packer.compress(json.dumps(line).encode() + b"\n") for line in chain([head], _lines("t", layout.entries))]
    return b"".join([*packed, packer.flush()])


def decode_layout(packed: bytes) -> Layout:
    """The layout that `encode_layout` was given."""
    with decoding("a layout"):
        lines = zlib.decompress(packed).split(b"\n")
        digest, parameters, dtype = json.loads(lines[0])
        entries = tuple(
            (name, kind, tuple(shape), begin, end)
            for line in lines[1:-1]
            for name, kind, shape, begin, end in json.loads(line)["t"]
        )
        return Layout(digest, entries, parameters, dtype)


def encode_headers(headers: Sequence[Header]) -> str:
    """Headers as JSON, each with the digest of its layout in the layout's place."""
    return json.dumps([[one.file, one.start, one.layout.digest, dict(one.metadata)] for one in headers])


def decode_headers(text: str, layout: Callable[[str], Layout]) -> tuple[Header, ...]:
    """The headers that `encode_headers` was given; `layout` finds a layout by its digest."""
    with decoding("a header"):
        return tuple(
            Header(file, start, layout(digest), metadata) for file, start, digest, metadata in json.loads(text)
        )


def _model(model: ModelRef) -> Parts:
    return [model.name, source_parts(model.source), model.revision, model.adapter]


def _metric(metric: Metric) -> Parts:
    return [
        metric.task, metric.name, metric.value, source_parts(metric.source), metric.filter, metric.stderr, metric.n,
        metric.higher_is_better, metric.step, metric.split, dict(metric.conditions),
    ]  # fmt: skip


def _curve(series: Series) -> Parts:
    return [
        series.name,
        source_parts(series.source),
        series.note,
        len(series.steps),
        len(series.values),
        len(series.epochs),
    ]


def _lines(kind: str, rows: Iterable[object]) -> Iterator[dict[str, list[object]]]:
    left = iter(rows)
    while some := list(islice(left, _LINE)):
        yield {kind: some}


def _encode_curves(series: Sequence[Series]) -> bytes:
    packer = zlib.compressobj(1)
    packed = [
        packer.compress(array("d", points[start : start + _POINTS]).tobytes())
        for one in series
        for points in (one.steps, one.values, one.epochs)
        for start in range(0, len(points), _POINTS)
    ]
    return b"".join([*packed, packer.flush()])


def _decode_curves(rows: Sequence[Parts], packed: bytes) -> tuple[Series, ...]:
    data = memoryview(zlib.decompress(packed))
    start = 0

    def points(count: int) -> tuple[float, ...]:
        nonlocal start
        values: list[float] = []
        end = start + 8 * count
        if end > len(data):
            raise EOFError
        for begin in range(start, end, 8 * _POINTS):
            values += data[begin : min(end, begin + 8 * _POINTS)].cast("d")
        start = end
        return tuple(values)

    return tuple(
        Series(name, points(steps), points(values), Source(*at), points(epochs), note)
        for name, at, note, steps, values, epochs in rows
    )
