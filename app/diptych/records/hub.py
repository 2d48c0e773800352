"""What the layout of the Hugging Face tools says: cached snapshots, and the notes beside downloaded files.

Layouts as written by `huggingface_hub`: `models--org--name/snapshots/<commit>/file -> ../../blobs/<etag>` in the cache,
`.cache/huggingface/download/<file>.metadata` in a folder that was downloaded to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_REPOSITORY = re.compile(r"models--(?P<name>[^/]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of a repository in the cache."""

    name: str
    """`org/name`."""
    revision: str
    folder: Path
    """`models--org--name/snapshots/<commit>`."""


def snapshot_of(path: Path) -> Snapshot | None:
    """The snapshot that `path` is or lies in; None outside a cache. Nothing is read."""
    parts = path.parts
    for place in range(len(parts) - 1, 1, -1):
        if parts[place - 1] != "snapshots":
            continue
        repository = _REPOSITORY.fullmatch(parts[place - 2])
        if repository:
            return Snapshot(repository["name"].replace("--", "/", 1), parts[place], Path(*parts[: place + 1]))
    return None


def is_commit(text: str) -> bool:
    """Whether `text` is a full commit hash."""
    return bool(_COMMIT.fullmatch(text))
