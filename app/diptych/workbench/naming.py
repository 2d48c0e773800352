"""Short names that people can type, each for one folder only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diptych.records.hub import Snapshot, snapshot_of
from diptych.workbench.roles import CHECKPOINT

_PLAIN = frozenset(
    {"model", "final", "final_model", "output", "outputs", "merged", "adapter", "lora", "best", "last", "latest"}
    | {"default", "export", "checkpoint", "checkpoints", "weights", "fp16", "bf16"}
)
"""Folder names that say nothing by themselves; the folder above is named too."""
FILES = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".npz")
"""Endings of weight files that may be versions of their own."""


class Names:
    """Gives names to versions by the folders they lie in.

    A name is the last part of the path, and as many parts before it as it takes to be the only one: `sft`, or
    `second/sft` where there is a `first/sft`. What has a name keeps it.
    """

    def __init__(self, known: Mapping[Path, str]) -> None:
        """`known` are the places of the catalog, each with the model that its version belongs to."""
        self._labels: dict[str, str] = {}
        """By the text of what gives the name: a scan names many places, and paths are slow to take apart."""
        self._taken: dict[str, str] = {}
        for place, model in known.items():
            if snapshot_of(place) is None:
                self._keep(_owner(str(place))[0], model)
        self._old = frozenset(self._labels)

    def expect(self, folders: Iterable[Path | str]) -> None:
        """Name folders together, so that no two of them have to share the shorter name by who came first."""
        owners = dict([_owner(folder) for folder in map(str, folders) if _snapshot(folder) is None])
        # a run goes first: its name stands before many others
        for runs in (True, False):
            fresh = [owner for owner, is_run in owners.items() if is_run is runs and owner not in self._labels]
            for owner, label in self._apart(fresh).items():
                self._keep(owner, label)

    def of(self, path: Path | str) -> tuple[str, str]:
        """The name of the version at `path`, and the model that it belongs to."""
        place = str(path)
        snapshot = _snapshot(place)
        if snapshot is not None:
            return f"{snapshot.name}@{snapshot.revision[:7]}", snapshot.name
        owner, is_run = _owner(place)
        label = self._labels.get(owner) or self._alone(owner)
        return (f"{label}/{place.rpartition('/')[2]}" if is_run else label), label

    def _alone(self, owner: str) -> str:
        """The shortest label that nobody has, which is now the owner's."""
        parts = _parts(owner)
        for depth in range(1, len(parts) + 2):
            label = _label(parts, depth)
            if not self._is_taken(label, owner):
                break
        self._keep(owner, label)
        return label

    def _apart(self, owners: Iterable[str]) -> dict[str, str]:
        """The shortest labels that tell these from one another and from all that have a label."""
        parts = {owner: _parts(owner) for owner in owners}
        depth = dict.fromkeys(parts, 1)
        labels = {owner: _label(parts[owner], 1) for owner in parts}
        while True:
            counts = Counter(labels.values())
            crowded = [
                owner
                for owner, label in labels.items()
                if depth[owner] <= len(parts[owner]) and (counts[label] > 1 or self._is_taken(label, owner))
            ]
            if not crowded:
                return labels
            for owner in crowded:
                depth[owner] += 1
                labels[owner] = _label(parts[owner], depth[owner])

    def _is_taken(self, label: str, owner: str) -> bool:
        """Whether another place has the label and is still there: a folder that was moved takes its name along."""
        holder = self._taken.get(label, owner)
        if holder == owner or holder not in self._old:
            return holder != owner
        return any(Path(holder + ending).exists() for ending in ("", *FILES))

    def _keep(self, owner: str, label: str) -> None:
        self._labels[owner] = label
        self._taken.setdefault(label, owner)


def _snapshot(place: str) -> Snapshot | None:
    """The snapshot that a place is or lies in."""
    return snapshot_of(Path(place)) if "/snapshots/" in place else None


def _owner(place: str) -> tuple[str, bool]:
    """What gives a version its name: a weight file without its ending, the folder, or the run of a checkpoint.

    Also whether it is a run.
    """
    folder, _, name = place.rpartition("/")
    if name.startswith("checkpoint") and CHECKPOINT.fullmatch(name) and folder.rpartition("/")[2]:
        return folder, True
    if name.endswith(FILES):
        for ending in FILES:
            if name.endswith(ending) and name != ending:
                return place.removesuffix(ending), False
    return place, False


def _parts(owner: str) -> list[str]:
    """The folders that lead to a place, and itself."""
    inner = owner.strip("/")
    return inner.split("/") if inner else [owner]


def _label(parts: Sequence[str], depth: int) -> str:
    if parts[-1].lower() in _PLAIN:
        depth += 1
    return "/".join(parts[-depth:])
