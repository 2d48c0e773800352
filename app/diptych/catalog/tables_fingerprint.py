"""The table of fingerprints. Like receipts they belong to a content, so they are kept by the final id of a version."""

from __future__ import annotations

from typing import Final

from sqlmodel import Field, SQLModel

NAMES: Final = frozenset({"fingerprint"})
"""The tables here."""


class FingerprintRow(SQLModel, table=True):
    """What one pass over the weights of a version has found; see `fingerprints` for the shape of the blobs."""

    __tablename__ = "fingerprint"

    version_id: str = Field(primary_key=True)
    form: str = Field(index=True)
    """A digest of the names and shapes of its tensors: versions of one form have vectors that can be subtracted."""
    tensors: int
    made: float
    vector: bytes
    head: bytes
    sketches: bytes
    bytes: int
    """Bytes of weights that were read for it."""
