"""What makes two versions one: the digest of a manifest of their files.

The manifest lists, one line each and sorted, the role, the relative name and the SHA-256 of every file that the
version is made of: weights, configuration, tokenizer and code, and of its records those that training wrote down
while it made the weights (`TRAINING`). Left out are files that only continue a training, the card, results of
evaluations (they may arrive later) and whatever has no part in the model. The id is the SHA-256 of the manifest.
So the order of files, their times and the folder they lie in do not matter, and every byte and name does.
Where the weights were deleted, what training wrote down still tells one checkpoint from all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from diptych.domain.version import Artifact, Role

TRAINING = frozenset(
    {"trainer_state.json", "training_args.bin", "training_args.json", "training_args.yaml", "training_args.yml"}
)
"""Names of records that belong to the version itself."""

_ROLES = frozenset({Role.WEIGHTS, Role.CONFIG, Role.TOKENIZER, Role.CODE})


def members(artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """The files that the version is made of."""
    return tuple(
        artifact
        for artifact in artifacts
        if artifact.role in _ROLES or (artifact.role is Role.RECORD and artifact.path.rpartition("/")[2] in TRAINING)
    )


def distinct(artifacts: Sequence[Artifact]) -> bool:
    """Whether the files tell one version from all others: a configuration alone, say, is that of many."""
    return any(part.role in (Role.WEIGHTS, Role.RECORD) for part in members(artifacts))


def final(artifacts: Sequence[Artifact]) -> str | None:
    """The id, 64 hexadecimal digits; None if not `distinct` or while a file that counts has no SHA-256."""
    if not distinct(artifacts):
        return None
    lines = []
    for part in members(artifacts):
        if part.digest is None or part.digest.algorithm != "sha256":
            return None
        lines.append(f"{part.role.value}\0{part.path}\0{part.digest.value}\n")
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest()


def provisional(path: Path | str | None, mark: str) -> str:
    """The id until the files are hashed: of a place and its stamp, or of the name of a version without a place.

    A text is taken for an absolute path.
    """
    place = path.absolute() if isinstance(path, Path) else path or ""
    text = f"{place}\0{mark}"
    return "~" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def unchanged(before: Sequence[Artifact], now: Sequence[Artifact]) -> bool:
    """Whether the files that count are still those that were hashed, judged by name, size, time and role."""
    return {_outside(part) for part in members(before)} == {_outside(part) for part in members(now)}


def _outside(artifact: Artifact) -> tuple[str, str, int, int]:
    return artifact.role.value, artifact.path, artifact.bytes, artifact.modified_ns
