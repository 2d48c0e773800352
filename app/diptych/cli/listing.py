"""Looking at versions: `list`, `show`."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, cast

from diptych import display
from diptych.cli.session import Session, subject
from diptych.cli.table import Heading, aligned
from diptych.cli.verb import Add
from diptych.domain.plain import safe

if TYPE_CHECKING:
    from diptych.domain.dossier import Dossier
    from diptych.domain.evidence import Plain
    from diptych.domain.version import Lineage, Version
    from diptych.workbench import Workbench

_CHUNK = 500
_NAME = 28
"""Columns that a name keeps where the line is narrow: versions are called by it."""
_COLUMNS = (
    Heading("ID"),
    Heading("NAME", elastic=True, least=_NAME),
    Heading("STEP", right=True),
    Heading("STATE"),
    Heading("PARAMETERS", right=True, spare=True),
    Heading("DTYPE", spare=True),
    Heading("SIZE", right=True, spare=True),
    Heading("WRITTEN", spare=True),
    Heading("TAGS", elastic=True),
)
_SHOWN = frozenset({"name", "step", "state", "parameters", "params", "dtype", "size", "bytes", "created", "tags"})
_FACTS = 16
_DIGITS = 15


def register(add: Add) -> None:
    """Add the verbs."""
    listed = add("list", "list versions", _list)
    listed.add_argument("query", nargs="*", metavar="QUERY", help="as in the filter bar: words, family:llama, mmlu>0.6")
    listed.add_argument("--sort", default="created", metavar="KEY", help="a column, a metric or a hyperparameter")
    listed.add_argument("--reverse", action="store_true", help="the smallest first (names: from the end)")
    listed.add_argument("--limit", type=_count, metavar="N", help="at most so many")
    show = add("show", "everything known about one version", _show)
    show.add_argument("ref", metavar="REF")


def _count(text: str) -> int:
    """A number of versions, for `argparse`."""
    if not text.isdecimal() or len(text) > _DIGITS:
        raise ArgumentTypeError(f"{text} is no number of versions")
    return int(text)


def _list(session: Session, options: Namespace) -> int:
    workbench = session.workbench
    query = " ".join(options.query)
    problem = workbench.explain(query, options.sort)
    if problem:
        session.terminal.note(f"diptych list: {display.visible(problem)}")
        return 2
    descending = (options.sort not in ("name", "model")) is not options.reverse
    keys = workbench.keys(query, options.sort, descending, options.limit)
    versions = _versions(workbench, keys)
    if session.terminal.json:
        session.terminal.say_all(_as_array(versions))
        return 0
    further = "" if options.sort in _SHOWN else options.sort
    rows = [_row(version, further) for version in versions]
    if rows:
        headings = (*_COLUMNS, Heading(further.upper(), right=True)) if further else _COLUMNS
        lines = aligned(headings, rows, session.terminal.width)
        session.terminal.say_all(chain([session.terminal.bold(next(lines))], lines))
    elif workbench.count():
        session.terminal.tell("No version fits.")
    else:
        session.terminal.tell("The catalog is empty. `diptych scan FOLDER` finds the versions in a folder.")
    return 0


def _versions(workbench: Workbench, keys: list[int]) -> Iterator[Version]:
    for start in range(0, len(keys), _CHUNK):
        yield from workbench.versions(keys[start : start + _CHUNK])


def _as_array(versions: Iterator[Version]) -> Iterator[str]:
    """One JSON array, a version a line, so that many need no memory."""
    lead = "["
    for version in versions:
        yield lead + json.dumps(safe(as_json(version)), ensure_ascii=False, allow_nan=False)
        lead = ","
    yield "]" if lead == "," else "[]"


def _row(version: Version, further: str) -> list[str]:
    cells = [
        version.short_id,
        version.name,
        "" if version.step is None else str(version.step),
        version.state.value,
        "" if version.parameters is None else display.count(version.parameters),
        version.dtype,
        display.size(version.bytes) if version.bytes else "",
        "" if version.created is None else display.ago(version.created),
        " ".join(sorted(version.tags)),
    ]
    return [*cells, _value(version, further)] if further else cells


def _value(version: Version, key: str) -> str:
    """What a version has under the name that the list is sorted by; names may leave out how they begin."""
    for values in (version.metrics, version.hyperparameters):
        for name, value in values.items():
            if key in (name, name.rpartition("/")[2], name.rpartition(".")[2]):
                return display.number(value) if isinstance(value, int | float) else str(value)
    plain = getattr(version, key, "")
    return str(plain) if isinstance(plain, str | int) else ""


def as_json(version: Version) -> dict[str, Plain]:
    """A version as the stable JSON that `list` and `show` give."""
    return {
        "id": version.id,
        "name": version.name,
        "model": version.model,
        "kind": version.kind.value,
        "state": version.state.value,
        "step": version.step,
        "format": version.format,
        "dtype": version.dtype,
        "family": version.family,
        "parameters": version.parameters,
        "bytes": version.bytes,
        "created": version.created,
        "path": None if version.path is None else str(version.path),
        "base": None if version.base is None else _base(version.base),
        "tags": [*sorted(version.tags)],
        "stars": version.stars,
        "note": version.note,
        "metrics": dict(version.metrics),
        # the catalog keeps of hyperparameters what JSON can say
        "hyperparameters": cast("dict[str, Plain]", dict(version.hyperparameters)),
    }


def _base(base: Lineage) -> dict[str, Plain]:
    return {"relation": base.relation.value, "name": base.name, "revision": base.revision, "id": base.parent}


def _show(session: Session, options: Namespace) -> int:
    dossier = session.workbench.dossier(subject(options.ref))
    if session.terminal.json:
        session.terminal.say_json(_whole(dossier))
    else:
        session.terminal.say_all(_page(session, dossier))
    return 0


def _whole(dossier: Dossier) -> dict[str, Plain]:
    version = dossier.version
    whole = as_json(version)
    whole["places"] = [str(place) for place in version.places]
    whole["problems"] = [{"file": problem.file, "reason": problem.reason} for problem in dossier.problems]
    whole["files"] = [
        {
            "path": artifact.path,
            "bytes": artifact.bytes,
            "role": artifact.role.value,
            "digest": None if artifact.digest is None else str(artifact.digest),
        }
        for artifact in version.artifacts
    ]
    return whole


def _page(session: Session, dossier: Dossier) -> Iterator[str]:
    bold, width = session.terminal.bold, session.terminal.width
    version = dossier.version
    yield bold(display.visible(version.name))
    for name, text in _facts(version):
        if text:
            yield f"{name:<{_FACTS}}{display.visible(text)}"
    for problem in dossier.problems:
        yield f"{'problem':<{_FACTS}}{display.visible(str(problem))}"
    tables = (
        ("Metrics", [[name, display.number(value, 6)] for name, value in sorted(version.metrics.items())]),
        (
            "Hyperparameters",
            [
                [setting.key.replace("\\.", "."), _short(setting.value)]
                for setting in sorted(dossier.hyperparameters, key=lambda one: one.key)
            ],
        ),
        (
            "Files",
            [[artifact.path, f"{display.size(artifact.bytes)} {artifact.role}"] for artifact in version.artifacts],
        ),
    )
    for title, rows in tables:
        if rows:
            yield ""
            yield bold(title)
            lines = aligned((Heading("", elastic=True), Heading("", elastic=True)), rows, width)
            next(lines)
            yield from lines


def _facts(version: Version) -> Iterator[tuple[str, str]]:
    yield "id", version.id
    yield "model", version.model
    yield "kind", version.kind.value
    yield "state", version.state.value
    yield "step", "" if version.step is None else f"{version.step:,}"
    yield "family", version.family
    yield "weights", " · ".join(_weights(version))
    yield "written", "" if version.created is None else display.exact_time(version.created)
    yield "base", "" if version.base is None else f"{version.base.relation} {version.base.name}"
    for place in version.places:
        yield "place", display.path(place)
    yield "tags", " ".join(sorted(version.tags))
    yield "stars", "★" * version.stars
    yield "note", version.note


def _weights(version: Version) -> Iterator[str]:
    if version.parameters is not None:
        yield f"{display.count(version.parameters)} parameters"
    if version.dtype:
        yield version.dtype
    if version.format:
        yield f"{version.format}, {display.size(version.bytes)}"


def _short(value: object) -> str:
    if isinstance(value, float):
        return display.number(value, 6)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
