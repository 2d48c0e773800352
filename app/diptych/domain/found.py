"""What a scan finds: a version as it lies on disk, before the catalog has given it a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.domain.evidence import Evidence
from diptych.domain.tensor import Header
from diptych.domain.version import Artifact, Files, Kind, Lineage, Problem, Role, State


@dataclass(frozen=True, slots=True)
class Record:
    """One record file and what it says."""

    path: Path
    reader: str
    """Key of the reader in `records.RECORDS`, with its version (`trainer_state/1`)."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Found:
    """One version in one place."""

    path: Path | str | None
    """Its folder, or its file where a weight file stands alone; None for a version known only from records.

    A text stands for an absolute path: a scan finds many places, and paths are slow to make."""
    name: str
    model: str
    kind: Kind
    state: State
    stamp: str
    """Digest of the names, sizes, times and inodes of its files: equal means unchanged since the last scan."""
    step: int | None = None
    format: str = ""
    family: str = ""
    created: float | None = None
    artifacts: Sequence[Artifact] = ()
    headers: tuple[Header, ...] = ()
    records: tuple[Record, ...] = ()
    base: Lineage | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of the weight files."""
        if isinstance(self.artifacts, Files):
            weights = Role.WEIGHTS  # asking an enumeration takes longer than comparing
            sizes = zip(self.artifacts.sizes, self.artifacts.roles, strict=True)
            return sum([size for size, role in sizes if role is weights])
        return sum(artifact.bytes for artifact in self.artifacts if artifact.role is Role.WEIGHTS)
