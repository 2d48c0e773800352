"""Short names that people can type, each for one folder only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diptych.records.hub import snapshot_of
from diptych.workbench.roles import CHECKPOINT

_PLAIN = frozenset(
    {"model", "final", "final_model", "output", "outputs", "merged", "adapter", "lora", "best", "last", "latest"}
    | {"default", "export", "checkpoint", "checkpoints", "weights", "fp16", "bf16"}
)
"""Folder names that say nothing by themselves; the folder above is named too."""
FILES = (".safetensors", ".gguf")
"""Endings of weight files that may be versions of their own."""


class Names:
    """Gives names to versions by the folders they lie in.

    A name is the last part of the path, and as many parts before it as it takes to be the only one: `sft`, or
    `second/sft` where there is a `first/sft`. What has a name keeps it.
    """

    def __init__(self, known: Mapping[Path, str]) -> None:
        """`known` are the places of the catalog, each with the model that its version belongs to."""
        self._labels: dict[Path, str] = {}
        self._taken: dict[str, Path] = {}
        for place, model in known.items():
            if snapshot_of(place) is None:
                self._keep(_owner(place), model)
        self._old = frozenset(self._labels)

    def expect(self, folders: Iterable[Path]) -> None:
        """Name folders together, so that no two of them have to share the shorter name by who came first."""
        owners = {_owner(folder): folder for folder in folders if snapshot_of(folder) is None}
        fresh = [owner for owner in owners if owner not in self._labels]
        # a run goes first: its name stands before many others
        for runs in (True, False):
            group = [owner for owner in fresh if (owner != _stem(owners[owner])) is runs]
            for owner, label in self._apart(group).items():
                self._keep(owner, label)

    def of(self, path: Path) -> tuple[str, str]:
        """The name of the version at `path`, and the model that it belongs to."""
        snapshot = snapshot_of(path)
        if snapshot is not None:
            return f"{snapshot.name}@{snapshot.revision[:7]}", snapshot.name
        owner = _owner(path)
        if owner not in self._labels:
            self.expect([path])
        label = self._labels[owner]
        return (label if owner == _stem(path) else f"{label}/{path.name}"), label

    def _apart(self, owners: Sequence[Path]) -> dict[Path, str]:
        """The shortest labels that tell these from one another and from all that have a label."""
        depth = dict.fromkeys(owners, 1)
        while True:
            labels = {owner: _label(owner, depth[owner]) for owner in owners}
            counts = Counter(labels.values())
            crowded = [
                owner
                for owner, label in labels.items()
                if depth[owner] < len(owner.parts) and (counts[label] > 1 or self._is_taken(label, owner))
            ]
            if not crowded:
                return labels
            for owner in crowded:
                depth[owner] += 1

    def _is_taken(self, label: str, owner: Path) -> bool:
        """Whether another place has the label and is still there: a folder that was moved takes its name along."""
        holder = self._taken.get(label, owner)
        if holder == owner or holder not in self._old:
            return holder != owner
        return holder.exists() or any(holder.with_name(holder.name + ending).exists() for ending in FILES)

    def _keep(self, owner: Path, label: str) -> None:
        self._labels[owner] = label
        self._taken.setdefault(label, owner)


def _owner(path: Path) -> Path:
    """What gives a version its name: the run of a checkpoint, a weight file without its ending, or the folder."""
    return path.parent if CHECKPOINT.fullmatch(path.name) and path.parent.name else _stem(path)


def _stem(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in FILES else path


def _label(owner: Path, depth: int) -> str:
    parts = owner.parts[1:] or owner.parts
    if parts[-1].lower() in _PLAIN:
        depth += 1
    return "/".join(parts[-depth:])
