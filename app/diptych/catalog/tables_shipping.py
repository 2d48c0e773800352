"""The tables of what went elsewhere: pushes under way, receipts, model cards.

They name versions by their final id and not by key: what was delivered stays true when a version is forgotten here.
"""

from __future__ import annotations

from typing import Final

from sqlmodel import Field, SQLModel

NAMES: Final = frozenset({"push", "journal", "receipt", "card"})
"""The tables here."""


class PushRow(SQLModel, table=True):
    """A push that has begun and has no receipt yet."""

    __tablename__ = "push"
    __table_args__ = ({"sqlite_autoincrement": True},)

    key: int = Field(primary_key=True)
    version_id: str = Field(index=True)
    version_name: str
    remote: str
    """The name that the user gave to the remote."""
    address: str
    wishes: str
    """JSON."""
    started: float


class JournalRow(SQLModel, table=True):
    """What a push under way needs to go on after the program has ended."""

    __tablename__ = "journal"
    __table_args__ = ({"sqlite_with_rowid": False},)

    push: int = Field(primary_key=True, foreign_key="push.key", ondelete="CASCADE")
    key: str = Field(primary_key=True)
    value: str


class ReceiptRow(SQLModel, table=True):
    """A delivery, as verified at the remote."""

    __tablename__ = "receipt"

    id: str = Field(primary_key=True)
    version_id: str = Field(index=True)
    version_name: str
    model: str = Field(index=True)
    remote: str
    wishes: str
    """JSON: how it was to land, remembered for the next push of the same model."""
    finished: float = Field(index=True)
    document: str
    """The receipt as JSON."""


class CardRow(SQLModel, table=True):
    """The model card that the user keeps for a version."""

    __tablename__ = "card"

    version_id: str = Field(primary_key=True)
    text: str
    moment: float
