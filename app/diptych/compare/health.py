"""What the numbers of a comparison say of its making: what should have moved and did not, and the other way round.

Pure functions over rows. Each sentence says which side it means, how much, and by what it is told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from diptych import display
from diptych.compare import modules
from diptych.compare.structure import Pairing
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter, Plain
from diptych.domain.sheet import Clause, Row, Status
from diptych.domain.version import Kind

_FACET = "weights"
_EXPLODED = 10.0
"""A norm that is so many times the other side's …"""
_APART = 5.0
"""… and so many times what is usual between the two sides, is told."""
_SPREAD = 1.5
"""Norms of one network in another unit grow by the same; those of a training that diverged by this factor apart."""
_FROZEN = re.compile(r"(?:^|\.)(?:freeze|frozen)(?:_(?P<what>\w+))?$")
_OPEN = re.compile(r"(?:^|\.)unfrozen(?:_parameters)?$")
_ALL_LINEAR = "all-linear"
_PARTS = {"layer", "layers", "parameters", "modules", "params", "weights"}
"""Words behind `freeze_` that say what the value lists, and not what is frozen."""


def checks(
    rows: Sequence[Row], pairs: Mapping[str, Pairing], left: Dossier, right: Dossier
) -> Iterator[Iterable[Clause]]:
    """What is conspicuous, from rows alone; one check after the other, since each takes its time over many rows."""
    compared = [row for row in rows if row.status in (Status.SAME, Status.DIFFERS) and _number(row, "norm_left") > -1]
    yield frozen_that_moved(compared, left, right)
    yield stood_still(compared)
    yield exploded(compared)
    yield shards(compared, pairs)


# What was declared frozen -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Declared:
    """What a record says of which tensors are trained."""

    key: str
    frozen: Callable[[str], bool]


def declared(dossier: Dossier) -> list[Declared]:
    """The declarations of a version's records: what they freeze, or leave open, or target with a LoRA."""
    found = []
    for setting in dossier.hyperparameters:
        if match := _FROZEN.search(setting.key):
            rule = _frozen_by(match["what"] or "", setting.value)
        elif _OPEN.search(setting.key):
            rule = _none_of(_words(setting.value))
        elif setting.key == "adapter.target_modules" and dossier.version.kind is not Kind.ADAPTER:
            rule = _outside(setting, dossier)
        else:
            continue
        if rule is not None:
            found.append(Declared(setting.key, rule))
    return found


def _frozen_by(what: str, value: Plain) -> Callable[[str], bool] | None:
    if value is True:
        return None if what in {"", *_PARTS} else lambda name: _called(what, name)
    if isinstance(value, list) and value and all(type(each) is int for each in value):
        layers = {each for each in value if isinstance(each, int)}
        return lambda name: modules.place(name).layer and modules.place(name).order[2] in layers
    words = _words(value)
    return (lambda name: _any(words, name)) if words else None


def _called(what: str, name: str) -> bool:
    """Whether a tensor is a part of what `freeze_embeddings`, `freeze_head` and the like speak of."""
    row = "embed" if what.startswith("embed") else "head" if what in ("head", "lm_head") else ""
    return modules.place(name).row == row if row else what.removesuffix("s") in name


def _none_of(words: Sequence[str]) -> Callable[[str], bool] | None:
    return (lambda name: not _any(words, name)) if words else None


def _outside(setting: HyperParameter, dossier: Dossier) -> Callable[[str], bool] | None:
    saved = next((each.value for each in dossier.hyperparameters if each.key == "adapter.modules_to_save"), None)
    words = _words(setting.value)
    if not words or _ALL_LINEAR in words:
        return None
    return _none_of([rf"(?:^|\.)(?:{word})\.weight$" for word in words] + list(_words(saved)))


def _words(value: Plain) -> Sequence[str]:
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return [word for word in value if isinstance(word, str) and word] if isinstance(value, list) else []


def _any(patterns: Sequence[str], name: str) -> bool:
    for pattern in patterns:
        try:
            if re.search(pattern, name):
                return True
        except re.error:
            if pattern in name:
                return True
    return False


def frozen_that_moved(rows: Sequence[Row], left: Dossier, right: Dossier) -> Iterator[Clause]:
    """Tensors that a record of either side calls frozen, and that differ by more than a cast."""
    for side, dossier in (("B", right), ("A", left)):
        for rule in declared(dossier):
            frozen = [row for row in rows if rule.frozen(row.key)]
            moved = [row for row in frozen if _moved(row)]
            if moved:
                worst = max(moved, key=lambda row: _number(row, "relative_change"))
                most = display.number(_number(worst, "relative_change"), 2)
                text = (
                    f"{len(moved):,} of {len(frozen):,} tensors moved that {display.visible(rule.key)} of {side} "
                    f"declares frozen, at most by {most}{_sure(moved)}"
                )
                yield Clause(text, _FACET, worst.key, 2)
                return


# What stood still -------------------------------------------------------------------------------------------------


def stood_still(rows: Sequence[Row]) -> Iterator[Clause]:
    """Layers of which no value changed while most of the others did."""
    layers: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        place = modules.place(row.key)
        if place.layer:
            layers[place.row].append(row)
    still = [name for name, found in layers.items() if all(row.status is Status.SAME for row in found)]
    moved = [name for name, found in layers.items() if any(map(_moved, found))]
    if still and len(moved) > len(still):
        names = display.listing((display.visible(name) for name in still), 4)
        text = f"{names} did not move at all while {len(moved):,} others did"
        yield Clause(text, _FACET, layers[still[0]][0].key, 1)


# Norms ------------------------------------------------------------------------------------------------------------


def exploded(rows: Sequence[Row]) -> Iterator[Clause]:
    """Tensors whose norm is many times the other side's: those that stand out, or most, as where training diverged.

    Where all are as many times as long, the weights are kept in another unit. Biases begin at nought and may grow.
    """
    ratios = {row.key: _ratio(row) for row in rows if not row.key.endswith("bias")}
    known = sorted(ratio for ratio in ratios.values() if ratio)
    usual = known[len(known) // 2] if known else 1.0
    for side, other, power in (("B", "A", 1), ("A", "B", -1)):
        diverged = usual**power >= _EXPLODED and known[-1] > _SPREAD * known[0]
        least = _EXPLODED if diverged else max(_EXPLODED, _APART * usual**power)
        grown = {key: ratio**power for key, ratio in ratios.items() if ratio and ratio**power >= least}
        if grown:
            worst = max(grown, key=grown.__getitem__)
            text = (
                f"norms exploded in {side}: {display.plural(len(grown), 'tensor')} at least {_EXPLODED:g} times as "
                f"long as in {other}, {display.visible(worst)} ×{display.number(grown[worst], 3)} "
                f"(usual ×{display.number(usual**power, 2)})"
            )
            yield Clause(text, _FACET, worst, 2)


def _ratio(row: Row) -> float:
    """‖B‖ ∕ ‖A‖; nought where one is nought or not finite."""
    left, right = _number(row, "norm_left"), _number(row, "norm_right")
    return right / left if 0 < left < float("inf") and 0 < right < float("inf") else 0.0


# Shards -----------------------------------------------------------------------------------------------------------


def shards(rows: Sequence[Row], pairs: Mapping[str, Pairing]) -> Iterator[Clause]:
    """Files of which every tensor is the other side's, beside files of which every large one changed.

    A training changes all files or none; one that was interrupted while saving, or a copy of a part, does not. Files
    without a part of a layer say nothing: embedding and head are often left as they are, or are all that is trained.
    """
    for side, at in (("B", 1), ("A", 0)):
        files: dict[str, list[Row]] = {}
        for row in rows:
            pair = pairs.get(row.key)
            tensor = (pair.left, pair.right)[at] if pair else None
            if tensor is not None:
                files.setdefault(tensor.file, []).append(row)
        same = [name for name, found in files.items() if all(row.status is Status.SAME for row in found)]
        changed = [name for name, found in files.items() if _mostly(found)]
        layers = [any(_in_layer(row) for name in some for row in files[name]) for some in (same, changed)]
        if all(layers) and len(same) + len(changed) == len(files):
            named = display.listing(map(display.visible, sorted(changed)), 3)
            text = (
                f"only {len(changed):,} of {len(files):,} shards of {side} differ ({named}); "
                f"every tensor in the others is identical"
            )
            yield Clause(text, _FACET, next(row.key for row in files[changed[0]] if _moved(row)), 2)
            return


def _in_layer(row: Row) -> bool:
    return modules.place(row.key).layer


def _mostly(rows: Sequence[Row]) -> bool:
    """Whether more than half of a file's tensors moved."""
    return 2 * sum(map(_moved, rows)) > len(rows)


def _moved(row: Row) -> bool:
    """Whether it is certain that a value changed by more than a cast: an estimate must exclude that none did."""
    if row.values.get("grown") and _number(row, "relative_change") == 0:
        return False
    certain = row.values.get("estimated") is not True or _number(row, "low") > 0
    return row.status is Status.DIFFERS and not row.values.get("cast") and certain


def _sure(rows: Sequence[Row]) -> str:
    return " (estimated)" if any(row.values.get("estimated") is True for row in rows) else ""


def _number(row: Row, key: str) -> float:
    value = row.values.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
