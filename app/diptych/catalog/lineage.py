"""Lineage in the catalog: what records declare, what was inferred, and the vectors that inference begins with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diptych.catalog.connections import Connections
from diptych.catalog.judging import name_of
from diptych.domain.lineage import Edge, Origin, Verdict
from diptych.domain.version import Relation

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A version's weights in short; see `fingerprints.vector_of`."""

    version_id: str
    form: str
    """Vectors of one form can be subtracted."""
    values: NDArray[np.float64]
    norm: float


class Lineages:
    """Reads and writes of one open catalog; any thread may use it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def vectors(self) -> tuple[Vector, ...]:
        """The vectors of all versions that are in the catalog and have a fingerprint, by id."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT f.version_id, f.form, f.vector FROM fingerprint AS f JOIN version AS v ON v.id = f.version_id "
                "ORDER BY f.version_id"
            ).fetchall()
        return tuple(_vector(*row) for row in rows)

    def keys(self) -> tuple[int, ...]:
        """The keys of all versions that have a fingerprint or an edge, declared or inferred, and of their parents."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT key FROM version WHERE id IN (SELECT version_id FROM fingerprint) OR base_key IS NOT NULL "
                "OR key IN (SELECT base_key FROM version WHERE base_key IS NOT NULL) "
                "OR id IN (SELECT child FROM edge) ORDER BY key"
            ).fetchall()
        return tuple(row[0] for row in rows)

    def inferred(self, child: str = "") -> tuple[Edge, ...]:
        """Every inferred edge among versions of the catalog, with the user's verdict; the surest first.

        With `child`, only those that lead to the version of this id.
        """
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT child, relation, parents, confidence, detail, verdict FROM edge "
                "WHERE (?1 = '' OR child = ?1) AND child IN (SELECT id FROM version) "
                "AND NOT EXISTS (SELECT 1 FROM json_each(edge.parents) AS p "
                "WHERE p.value NOT IN (SELECT id FROM version)) ORDER BY confidence DESC, child, relation, parents",
                (child,),
            ).fetchall()
        return tuple(_edge(*row) for row in rows)

    def replace(self, edges: Sequence[Edge]) -> None:
        """Keep `edges` in place of those inferred before. What the user has judged stays, with its verdict."""
        rows = [
            (*name_of(edge), edge.confidence, json.dumps([edge.evidence, edge.coefficients, edge.errors]))
            for edge in edges
        ]
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM edge WHERE verdict = ?", (Verdict.NONE.value,))
            connection.executemany(
                "INSERT INTO edge (child, relation, parents, confidence, detail, verdict) "
                "VALUES (?, ?, ?, ?, ?, 'none') ON CONFLICT (child, relation, parents) "
                "DO UPDATE SET confidence = excluded.confidence, detail = excluded.detail",
                rows,
            )


def _vector(version_id: str, form: str, blob: bytes) -> Vector:
    """The vector ends with the exact norm."""
    numbers = np.frombuffer(blob, np.float32).astype(np.float64)
    return Vector(version_id, form, numbers[:-1], float(numbers[-1]))


def _edge(child: str, relation: str, parents: str, confidence: float, detail: str, verdict: str) -> Edge:
    evidence, coefficients, errors = json.loads(detail)
    return Edge(
        child, tuple(json.loads(parents)), Relation(relation), confidence, tuple(evidence), Origin.INFERRED,
        tuple(coefficients), tuple(errors), Verdict(verdict),
    )  # fmt: skip
