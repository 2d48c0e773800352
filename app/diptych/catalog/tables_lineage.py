"""The table of inferred lineage, by the final ids of versions as fingerprints are."""

from __future__ import annotations

from typing import Final

from sqlmodel import Field, SQLModel

NAMES: Final = frozenset({"edge"})
"""The tables here."""


class EdgeRow(SQLModel, table=True):
    """One edge that was inferred, and what the user says of it. What records declare stands with the versions."""

    __tablename__ = "edge"

    child: str = Field(primary_key=True)
    relation: str = Field(primary_key=True)
    parents: str = Field(primary_key=True)
    """A JSON array of ids."""
    confidence: float
    detail: str
    """JSON: evidence, coefficients, and their errors."""
    verdict: str
    """`none`, `confirmed` or `rejected`."""
