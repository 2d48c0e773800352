"""Settings that no record states but that follow from others: effective batch, tokens seen, epochs, warm-up steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from diptych import display
from diptych.compare import values
from diptych.compare.settings import Found
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter, Plain
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Row, Status
from diptych.domain.version import Source

_LENGTHS = ("train.max_length", "train.max_seq_length", "train.block_size", "data.block_size", "data.max_length")
"""Where trainers write the sequence length, the most specific first."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A value computed from settings."""

    value: float
    formula: str
    parts: tuple[HyperParameter, ...]
    bound: str = ""
    """`≥` where a factor is not recorded, `≈` where one is an upper bound."""

    @property
    def text(self) -> str:
        """The value as shown, with its bound."""
        return f"{self.bound} {display.number(self.value, 6)}".strip()


class _Settings:
    """The settings of one side, by what they are called, as positive numbers."""

    def __init__(self, dossier: Dossier, found: Mapping[str, Found]) -> None:
        self.dossier = dossier
        self._found = found

    def get(self, *keys: str) -> HyperParameter | None:
        """The first of `keys` that holds a number above nought."""
        for key in keys:
            found = self._found.get(key)
            value = found.setting.value if found else None
            if found and isinstance(value, int | float) and not isinstance(value, bool):
                number = values.as_float(value)
                if 0 < number < math.inf:
                    return found.setting
        return None

    @property
    def steps(self) -> HyperParameter | None:
        """How many optimizer steps led to the version."""
        step = self.dossier.version.step
        if step is not None and step > 0:
            return HyperParameter("step", step, Source("", "", "version"))
        return self.get("train.global_step", "train.max_steps")


def rows(
    left: Dossier, right: Dossier, ours: Mapping[str, Found], theirs: Mapping[str, Found], rules: Rules
) -> list[Row]:
    """A row for each value that follows on either side."""
    sides = _Settings(left, ours), _Settings(right, theirs)
    found: list[Row] = []
    for key, derive in _DERIVED.items():
        if key not in ours and key not in theirs:
            row = _row(key, derive(sides[0]), derive(sides[1]), rules)
            if row is not None:
                found.append(replace(row, ignored=row.differs and rules.ignores(key)))
    return found


def _row(key: str, left: Derived | None, right: Derived | None, rules: Rules) -> Row | None:
    label, group = key.partition(".")[2], "Training"
    extra = _parts(left, right)
    if left and right:
        same = left.text == right.text or (
            left.bound == right.bound and values.equal(left.value, right.value, rules, key)
        )
        formulas = list(dict.fromkeys((left.formula, right.formula)))
        note = formulas[0] if len(formulas) == 1 else f"A: {formulas[0]}; B: {formulas[1]}"
        return Row(
            key, Status.SAME if same else Status.DIFFERS, _cell(left), _cell(right), label, group,
            change="" if same else values.change(left.value, right.value, key, rules),
            magnitude=None if same else values.magnitude(left.value, right.value, key),
            note=note, derived=True, values=extra,
        )  # fmt: skip
    if left:
        return Row(
            key, Status.LEFT_ONLY, _cell(left), None, label, group, note=left.formula, derived=True, values=extra
        )
    if right:
        return Row(
            key, Status.RIGHT_ONLY, None, _cell(right), label, group, note=right.formula, derived=True, values=extra
        )
    return None


def _cell(derived: Derived) -> Cell:
    return Cell(derived.text, derived.value, next((part.source for part in derived.parts if part.source.file), None))


def _parts(left: Derived | None, right: Derived | None) -> dict[str, Plain]:
    """Where each factor stands, for whoever wants to check the product."""
    return {
        name: [
            {"key": part.key, "value": part.value, "file": part.source.file, "pointer": part.source.pointer}
            for part in side.parts
        ]
        for name, side in (("parts_left", left), ("parts_right", right))
        if side
    }


def _number(setting: HyperParameter) -> float:
    assert isinstance(setting.value, int | float)
    return values.as_float(setting.value)


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def effective_batch(side: _Settings) -> Derived | None:
    """Sequences per optimizer step: per device × accumulation × world size. A missing world size makes it a floor."""
    batch = side.get("train.per_device_train_batch_size", "train.train_batch_size")
    if batch is None:
        return None
    accumulation = side.get("train.gradient_accumulation_steps")
    world = side.get("train.world_size")
    parts = tuple(part for part in (batch, accumulation, world) if part)
    product = math.prod(_number(part) for part in parts)
    if not math.isfinite(product):
        return None
    formula = "per device × accumulation × world size" + ("" if world else ", world size not recorded")
    return Derived(_whole(product), formula, parts, "" if world else "≥")


def tokens_seen(side: _Settings) -> Derived | None:
    """Tokens trained on: the trainer's own count, or steps × batch × sequence length where it kept none."""
    counted = side.get("train.num_input_tokens_seen")
    if counted:
        return Derived(_whole(_number(counted)), "counted by the trainer", (counted,))
    steps, batch, length = side.steps, effective_batch(side), side.get(*_LENGTHS)
    if steps is None or batch is None or length is None:
        return None
    product = _number(steps) * batch.value * _number(length)
    if not math.isfinite(product):
        return None
    return Derived(
        _whole(product), "steps × batch × sequence length", (steps, *batch.parts, length), batch.bound or "≈"
    )


def epochs(side: _Settings) -> Derived | None:
    """How often the data was seen: the trainer's own count beside its last logged step."""
    reached = None
    limit = side.dossier.version.step
    for series in side.dossier.series:
        for step, epoch in zip(series.steps, series.epochs, strict=False):
            counts = math.isfinite(epoch) and (limit is None or step <= limit)
            if counts and (reached is None or epoch > reached[0]):
                reached = epoch, series.source._replace(pointer=_beside(series.source.pointer))
    if reached is None:
        return None
    part = HyperParameter("epoch", reached[0], reached[1])
    return Derived(_whole(round(reached[0], 6)), "epoch of the last logged step", (part,))


def _beside(pointer: str) -> str:
    """The log of which a curve's source names the first entry: its epochs stand in the entries, beside the values."""
    parent, _, place = pointer.rpartition("/")[0].rpartition("/")
    return parent if place.isdecimal() else pointer


def warmup(side: _Settings) -> Derived | None:
    """Steps of warm-up: as stated, or the ratio of all steps, rounded up as trainers do."""
    stated = side.get("train.warmup_steps")
    if stated and _number(stated) >= 1:
        return None
    ratio = stated or side.get("train.warmup_ratio")
    total = side.get("train.max_steps")
    if ratio is None or total is None or _number(ratio) >= 1:
        return None
    return Derived(math.ceil(_number(ratio) * _number(total)), "ratio × all steps", (ratio, total))


_DERIVED: Mapping[str, Callable[[_Settings], Derived | None]] = {
    "train.effective_batch_size": effective_batch,
    "train.tokens_seen": tokens_seen,
    "train.epochs_seen": epochs,
    "train.warmup_steps_from_ratio": warmup,
}
