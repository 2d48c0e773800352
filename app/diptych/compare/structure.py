"""Which tensors of two versions belong together, told from the headers alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from diptych.compare import modules
from diptych.domain.dossier import Dossier
from diptych.domain.tensor import TensorInfo


@dataclass(frozen=True, slots=True)
class Pairing:
    """One tensor of either side, or what it became on the other."""

    left: TensorInfo | None
    right: TensorInfo | None
    note: str = ""
    tied: bool = False
    """One side keeps no such tensor because it is its embedding again."""

    @property
    def name(self) -> str:
        """The name of its row: A's, or B's where A has none; the head's where one side ties it."""
        named = self.left or self.right
        assert named is not None
        if self.tied and self.right is not None and modules.place(self.right.name).row == "head":
            return self.right.name
        return named.name

    @property
    def measurable(self) -> bool:
        """Whether the values can be compared one by one."""
        return self.left is not None and self.right is not None and self.left.shape == self.right.shape

    @property
    def bytes(self) -> int:
        """What must be read to measure it."""
        return sum(each.bytes for each in (self.left, self.right) if each)


def pairings(left: Dossier, right: Dossier) -> list[Pairing]:
    """Every tensor of both sides in the order of the network, matched by name, then by what wraps the name."""
    ours = {tensor.name: tensor for tensor in left.tensors}
    theirs = {tensor.name: tensor for tensor in right.tensors}
    found = [Pairing(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    alone = [tensor for tensor in ours.values() if tensor.name not in theirs]
    others = [tensor for tensor in theirs.values() if tensor.name not in ours]
    found += _renamed(alone, others)
    seen_left = {pair.left.name for pair in found if pair.left}
    seen_right = {pair.right.name for pair in found if pair.right}
    found += [_alone(tensor, None, right) for tensor in alone if tensor.name not in seen_left]
    found += [_alone(None, tensor, left) for tensor in others if tensor.name not in seen_right]
    return sorted(found, key=lambda pair: (modules.place(pair.name).order, pair.left is None))


def _renamed(left: Iterable[TensorInfo], right: Iterable[TensorInfo]) -> Iterator[Pairing]:
    """Tensors whose names differ by wrappers only (`model.`, `base_model.model.`), where that is unambiguous."""
    ours, theirs = _by_common_name(left), _by_common_name(right)
    for name in sorted(ours.keys() & theirs.keys()):
        if len(ours[name]) == len(theirs[name]) == 1:
            a, b = ours[name][0], theirs[name][0]
            yield Pairing(a, b, f"named {b.name} in B")


def _by_common_name(tensors: Iterable[TensorInfo]) -> dict[str, list[TensorInfo]]:
    found = defaultdict(list)
    for tensor in tensors:
        found[modules.common(tensor.name)].append(tensor)
    return found


def _alone(left: TensorInfo | None, right: TensorInfo | None, other: Dossier) -> Pairing:
    """A tensor that one side lacks; a head that the other side ties is its embedding there."""
    mine = left or right
    assert mine is not None
    embedding = embedding_of(other.tensors)
    if modules.place(mine.name).row == "head" and ties(other) and embedding is not None:
        side = "B" if left else "A"
        note = f"tied to {modules.module(embedding.name).rpartition('.')[2]} in {side}"
        return Pairing(left or embedding, right or embedding, note, tied=True)
    return Pairing(left, right)


def ties(dossier: Dossier) -> bool:
    """Whether the configuration says that the head is the embedding."""
    said = [setting.value for setting in dossier.hyperparameters if setting.key == "arch.tie_word_embeddings"]
    return bool(said) and said[0] is True


def embedding_of(tensors: Sequence[TensorInfo]) -> TensorInfo | None:
    """The token embedding: the largest two-dimensional tensor of the row `embed`."""
    found = [tensor for tensor in tensors if len(tensor.shape) == 2 and modules.place(tensor.name).row == "embed"]
    return max(found, key=lambda tensor: tensor.elements, default=None)


def tied_on_both(left: Dossier, right: Dossier) -> bool:
    """Whether neither side keeps a head because each ties it to its embedding."""
    return all(
        ties(side)
        and embedding_of(side.tensors) is not None
        and not any(modules.place(tensor.name).row == "head" for tensor in side.tensors)
        for side in (left, right)
    )
