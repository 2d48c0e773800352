"""The small parts of a version as JSON, and back: its files, its parent, its problems. Lists need nothing more."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any

from diptych.domain.version import Artifact, Digest, Files, Lineage, Problem, Relation, Role, Source
from diptych.errors import Damaged

Parts = list[Any]


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Say `Damaged` where stored bytes do not decode."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, zlib.error, EOFError, RecursionError) as error:
        raise Damaged(
            f"the catalog is damaged: {what} cannot be read ({type(error).__name__})",
            "Rename the catalog and start again: the library folders can be scanned anew.",
        ) from error


def encode_artifacts(artifacts: Sequence[Artifact]) -> str:
    """Artifacts as JSON."""
    if isinstance(artifacts, Files):
        numbers = chain.from_iterable(zip(artifacts.sizes, artifacts.times, strict=True))
        return _frame(artifacts.names, artifacts.roles) % tuple(numbers)
    return json.dumps(
        [
            [one.path, one.bytes, one.modified_ns, one.role.value]
            + ([one.digest.algorithm, one.digest.value] if one.digest else [])
            for one in artifacts
        ]
    )


@lru_cache(maxsize=64)
def _frame(names: tuple[str, ...], roles: tuple[Role, ...]) -> str:
    """What stands around the two numbers of each file; folder after folder brings the same names."""
    told = [
        f'[{json.dumps(name).replace("%", "%%")}, %d, %d, "{role.value}"]'
        for name, role in zip(names, roles, strict=True)
    ]
    return f"[{', '.join(told)}]"


def decode_artifacts(text: str) -> tuple[Artifact, ...]:
    """The artifacts that `encode_artifacts` was given."""
    with decoding("a list of files"):
        return tuple(
            Artifact(path, size, modified, Role(role), Digest(*digest) if digest else None)
            for path, size, modified, role, *digest in json.loads(text)
        )


def lineage_parts(line: Lineage) -> Parts:
    """A lineage without its parent, ready for JSON."""
    return [line.relation.value, line.name, line.revision, source_parts(line.source), line.parent]


def lineage_from(parts: Parts, parent: str | None = None) -> Lineage:
    """The lineage that `lineage_parts` was given; `parent` replaces the stored one."""
    relation, name, revision, source, stored_parent = parts
    return Lineage(Relation(relation), name, revision, Source(*source), parent or stored_parent)


def problem_parts(problems: Iterable[Problem]) -> Parts:
    """Problems, ready for JSON."""
    return [[problem.file, problem.reason] for problem in problems]


def problems_from(parts: Parts) -> tuple[Problem, ...]:
    """The problems that `problem_parts` was given."""
    return tuple(Problem(file, reason) for file, reason in parts)


def source_parts(source: Source) -> Parts:
    """A source, ready for JSON."""
    return [source.file, source.pointer, source.reader]
