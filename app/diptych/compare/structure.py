"""Which tensors of two versions belong together, told from the headers alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from diptych.compare import modules
from diptych.compare.mapping import Heads, Named, canonical
from diptych.domain.dossier import Dossier
from diptych.domain.tensor import TensorInfo
from diptych.domain.view import View


@dataclass(frozen=True, slots=True)
class Pairing:
    """One tensor of either side, or what it became on the other."""

    left: TensorInfo | None
    right: TensorInfo | None
    note: str = ""
    tied: bool = False
    """One side keeps no such tensor because it is its embedding again."""
    view_left: View | None = None
    """What of the stored tensor is meant; None: all of it, as it lies."""
    view_right: View | None = None

    @property
    def name(self) -> str:
        """The name of its row: A's, or B's where A has none or a part of a fused one; the head's where it is tied."""
        named = self.left or self.right
        assert named is not None
        if self.view_left is not None and self.view_left.tensor != named.name and self.right is not None:
            return self.right.name
        if self.tied and self.right is not None and modules.place(self.right.name).row == "head":
            return self.right.name
        return named.name

    @property
    def measurable(self) -> bool:
        """Whether the values can be compared one by one."""
        sides = (self.left, self.right)
        shapes = [
            view.shape if view else side.shape if side else None for view, side in zip(self.views, sides, strict=True)
        ]
        return None not in shapes and shapes[0] == shapes[1]

    @property
    def views(self) -> tuple[View | None, View | None]:
        """What of the stored tensors is meant, on either side."""
        return self.view_left, self.view_right

    @property
    def stored(self) -> tuple[str, str]:
        """The names of the stored tensors; empty where there is none."""
        sides = (self.left, self.right)
        found = [
            view.tensor if view else side.name if side else "" for view, side in zip(self.views, sides, strict=True)
        ]
        return found[0], found[1]

    @property
    def read(self) -> tuple[str, str]:
        """The names under which its values are read, from a source that shows the views."""
        found = [view.name if view else name for view, name in zip(self.views, self.stored, strict=True)]
        return found[0], found[1]

    @property
    def grown(self) -> int:
        """By how many rows a vocabulary is larger in B than in A; nought where only one side or no vocabulary grew."""
        if self.left is None or self.right is None or self.left.shape == self.right.shape or not self.measurable:
            return 0
        return self.right.shape[0] - self.left.shape[0]

    @property
    def bytes(self) -> int:
        """What must be read to measure it."""
        return sum(each.bytes for each in (self.left, self.right) if each)


def pairings(left: Dossier, right: Dossier) -> list[Pairing]:
    """Every tensor of both sides in the order of the network.

    They are matched by name, then by what wraps the name, then by canonical name, in which parts of a fused matrix are
    tensors too.
    """
    ours = {tensor.name: tensor for tensor in left.tensors}
    theirs = {tensor.name: tensor for tensor in right.tensors}
    found = [Pairing(ours[name], theirs[name]) for name in ours if name in theirs]
    alone = [tensor for tensor in ours.values() if tensor.name not in theirs]
    others = [tensor for tensor in theirs.values() if tensor.name not in ours]
    found += _renamed(alone, others)
    found += _mapped(_unseen(alone, found, 0), _unseen(others, found, 1), left, right)
    found += [_alone(tensor, None, right) for tensor in _unseen(alone, found, 0)]
    found += [_alone(None, tensor, left) for tensor in _unseen(others, found, 1)]
    return _in_order(on_common_rows(pair) for pair in found)


def _in_order(pairs: Iterable[Pairing]) -> list[Pairing]:
    """The order of the network, module by module: a single sort of a hundred thousand would hold everybody up."""
    groups = defaultdict(list)
    for pair in pairs:
        groups[modules.place(pair.name).order[:-1]].append(pair)
    return [
        pair
        for group in sorted(groups)
        for pair in sorted(groups[group], key=lambda pair: (modules.place(pair.name).order[-1], pair.left is None))
    ]


def _renamed(left: Iterable[TensorInfo], right: Iterable[TensorInfo]) -> Iterator[Pairing]:
    """Tensors whose names differ by wrappers only (`model.`, `base_model.model.`), where that is unambiguous."""
    ours, theirs = _by_common_name(left), _by_common_name(right)
    for name in sorted(ours.keys() & theirs.keys()):
        if len(ours[name]) == len(theirs[name]) == 1:
            a, b = ours[name][0], theirs[name][0]
            yield Pairing(a, b, f"named {b.name} in B")


def _unseen(tensors: Iterable[TensorInfo], pairs: Iterable[Pairing], side: int) -> list[TensorInfo]:
    seen = {pair.stored[side] for pair in pairs if (pair.left, pair.right)[side] is not None}
    return [tensor for tensor in tensors if tensor.name not in seen]


def _mapped(
    ours: Sequence[TensorInfo], theirs: Sequence[TensorInfo], left: Dossier, right: Dossier
) -> Iterator[Pairing]:
    """Tensors that two conventions name differently, or keep within one matrix.

    A fused matrix is taken apart only where the other side has all of its parts.
    """
    if not (ours and theirs):
        return
    a, b = canonical(ours, Heads.of(left, right)), canonical(theirs, Heads.of(right, left))
    shared = [name for name in a if name in b]
    complete = [_complete(each, set(shared)) for each in (a, b)]
    for name in shared:
        if a[name].stored.name in complete[0] and b[name].stored.name in complete[1]:
            mine, other = a[name], b[name]
            told = [f"named {other.stored.name} in B"]
            told += [f"{each.note} in {side}" for side, each in (("A", mine), ("B", other)) if each.note]
            yield Pairing(mine.info, other.info, "; ".join(told), view_left=mine.view, view_right=other.view)


def _complete(named: dict[str, Named], shared: set[str]) -> set[str]:
    """The stored tensors of which every part has its counterpart."""
    missing = {each.stored.name for name, each in named.items() if name not in shared}
    return {each.stored.name for each in named.values()} - missing


def on_common_rows(pair: Pairing) -> Pairing:
    """A vocabulary that grew is compared on the rows that both sides have."""
    a, b = pair.left, pair.right
    if a is None or b is None or pair.view_left or pair.view_right or len(a.shape) != 2 or len(b.shape) != 2:
        return pair
    if a.shape[0] == b.shape[0] or a.shape[1] != b.shape[1] or not min(a.shape[0], b.shape[0]):
        return pair
    if not {modules.place(a.name).row, modules.place(b.name).row} <= {"embed", "head"}:
        return pair
    shape = (min(a.shape[0], b.shape[0]), a.shape[1])
    views = [View(each.name, shape) if each.shape != shape else None for each in (a, b)]
    return replace(pair, view_left=views[0], view_right=views[1])


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
    """Whether the configuration says that the head is the embedding; a GGUF says it by having no head."""
    names = {tensor.name for tensor in dossier.tensors}
    if "token_embd.weight" in names and "output.weight" not in names:
        return True
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
