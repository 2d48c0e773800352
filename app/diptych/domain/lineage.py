"""Where versions come from: what records declare, and what their weights tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diptych.domain.version import Relation, Version


class Origin(StrEnum):
    """Who says that two versions belong together."""

    DECLARED = "declared"
    """A record: a configuration, an adapter's settings, a model card."""
    INFERRED = "inferred"
    """The weights, by their fingerprints."""


class Verdict(StrEnum):
    """What the user says of an inferred edge."""

    NONE = "none"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of descent: a version and what it was made from."""

    child: str
    """The id of the version that was made."""
    parents: tuple[str, ...]
    """The ids of what it was made from: several for a merge, the nearest first."""
    relation: Relation
    confidence: float
    """0 to 1: how often edges with such evidence are right; 1 for what is declared. See `compare.descent`."""
    evidence: tuple[str, ...] = ()
    """What speaks for it, one sentence each."""
    origin: Origin = Origin.INFERRED
    coefficients: tuple[float, ...] = ()
    """The share of each parent in a merge; empty where shares make no sense."""
    errors: tuple[float, ...] = ()
    """Of each coefficient: in 95 of 100 cases it is wrong by no more."""
    verdict: Verdict = Verdict.NONE


@dataclass(frozen=True, slots=True)
class Pedigree:
    """Versions and how they descend from one another."""

    versions: tuple[Version, ...]
    edges: tuple[Edge, ...]
    fingerprints: int
    """Versions of the catalog whose weights are known by a fingerprint: only those can have inferred edges."""
