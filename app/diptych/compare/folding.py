"""Many tensors in one field, and the fields of one layer by themselves: the experts of a mixture fold and unfold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from diptych.compare import modules
from diptych.domain.sheet import Fold, Row, Status

OWN = "layer"
"""Where the tensors of a layer stand that belong to no expert."""


def fold(keys: Sequence[str], rows: Mapping[str, Row]) -> Fold | None:
    """The worst and the median of the experts behind a field; None where it has none, or one is not measured.

    The median of an even number is the mean of the middle two.
    """
    if len(keys) < 2 or modules.expert(keys[0]) is None:
        return None
    moved: list[tuple[float, str]] = []
    for key in keys:
        row = rows.get(key)
        change = row.values.get("relative_change") if row is not None else None
        if row is not None and row.status is Status.SAME:
            change = 0.0
        if not isinstance(change, float):
            return None
        moved.append((change, key))
    worst, worst_key = max(moved, key=lambda each: each[0])
    same = sum(rows[key].status is Status.SAME for key in keys)
    return Fold(len(keys), same, worst, worst_key, median(change for change, _ in moved))


def unfolded(fields: Iterable[tuple[str, Sequence[str]]]) -> dict[tuple[str, str], list[str]]:
    """The tensors of one layer, of which `fields` are columns and keys, by expert and by module.

    The first part of a place is `expert 3` or `layer`; the second the module, with what kind of tensor it is where it
    is not the weight, and by its own name where several modules share a column.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for column, keys in fields:
        names = [(key, _name(key)) for key in keys]
        several = len({name for _, name in names}) > 1
        for key, name in names:
            number = modules.expert(key)
            part = OWN if number is None else f"expert {number}"
            title = name if several or column == modules.WHOLE else column
            found[part, " ".join(filter(None, (title, _ending(key))))].append(key)
    return found


def parts(places: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """What stands across and down in an unfolded layer: its own tensors before the experts by number; modules."""
    across = Counter(part for part, _ in places)
    down = dict.fromkeys(module for _, module in places)
    return sorted(across, key=lambda part: (part != OWN, modules.natural(part))), list(down)


def _name(key: str) -> str:
    """The last word of the module that a tensor belongs to."""
    words = modules.module(key).split(".")
    return next((word for word in reversed(words) if word and not word.isdigit()), key)


def _ending(key: str) -> str:
    """What kind of tensor of its module it is; empty for the weight."""
    end = key.removeprefix(modules.module(key)).strip(".").removesuffix("weight").strip(".")
    return end if end != key else ""
