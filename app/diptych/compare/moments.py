"""What happened at each checkpoint of a time-lapse, as numbers and as a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diptych import display
from diptych.compare.timelapse import Against, Movement, Timelapse

SOURCE = "estimated from fingerprints"
_MOST = 3
"""Layers that are named as those that moved most."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A relative change and the share by which it may be off, in 95 of 100 cases."""

    value: float
    error: float
    """Nought where it is exact, infinite where the change is too small for fingerprints."""

    def __str__(self) -> str:
        if not self.error:
            return display.number(self.value, 3)
        if math.isinf(self.error) or math.isnan(self.error):
            return "too small to tell"
        return f"{display.number(self.value, 3)} ±{display.number(self.error * 100, 2)} %"


@dataclass(frozen=True, slots=True)
class Most:
    """A layer that moved farther than others."""

    row: str
    moved: Measured
    """‖Δ‖ ∕ ‖W‖ of this layer."""
    module: str
    """The part of it that moved most; empty where it is one piece."""

    def __str__(self) -> str:
        part = f", {display.visible(self.module)} most" if self.module else ""
        return f"{display.visible(self.row)} ({display.number(self.moved.value, 2)}{part})"


@dataclass(frozen=True, slots=True)
class Moment:
    """One checkpoint."""

    place: int
    step: int
    before: int | None
    """The step of the checkpoint before."""
    stride: Measured
    """‖W − W_before‖ ∕ ‖W₀‖."""
    from_start: Measured
    to_end: Measured
    most: tuple[Most, ...]
    """Since the checkpoint before, the farthest first."""
    broken: int
    """Tensors with NaN or infinite values."""

    @property
    def headline(self) -> str:
        """How far it is from the others."""
        if self.before is None:
            said = "the start"
        elif not self.stride.value and not self.stride.error:
            said = f"the same weights as at step {self.before:,}"
        else:
            said = f"moved {self.stride} since step {self.before:,}"
        parts = [f"Step {self.step:,}: {said}"]
        if self.before is not None:
            parts.append(f"{self.from_start} from the start")
        parts.append(f"{self.to_end} to the end" if self.to_end.value else "the end")
        return " · ".join(parts)

    @property
    def layers(self) -> str:
        """What moved most, and what is wrong."""
        parts = [f"Moved most: {display.listing([str(one) for one in self.most])}"] if self.most else []
        if self.broken:
            parts.insert(0, f"NaN or infinite values in {display.plural(self.broken, 'tensor')}")
        return " · ".join(parts)

    def __str__(self) -> str:
        return " · ".join(part for part in (self.headline, self.layers) if part)


def moments(found: Timelapse) -> tuple[Moment, ...]:
    """All checkpoints of a time-lapse."""
    parts: dict[str, list[int]] = {row: [] for row in found.rows}
    for number, field in enumerate(found.fields):
        parts[field.row].append(number)
    return tuple(_moment(found, place, parts) for place in range(len(found.steps)))


def _moment(found: Timelapse, place: int, parts: dict[str, list[int]]) -> Moment:
    def measured(against: Against) -> Measured:
        return Measured(float(found.distances(against)[place]), float(found.errors[against][place]))

    layers, fields = found.layers[Against.PREVIOUS], found.moved[Against.PREVIOUS]
    farthest = sorted(range(len(found.rows)), key=lambda row: -layers.relative[place, row])[:_MOST]
    most = tuple(
        Most(found.rows[row], of(layers, place, row), _module(found, fields, place, parts[found.rows[row]]))
        for row in farthest if layers.relative[place, row] > 0
    )  # fmt: skip
    return Moment(
        place, found.steps[place], found.steps[place - 1] if place else None, measured(Against.PREVIOUS),
        measured(Against.FIRST), measured(Against.LAST), most, found.broken[place],
    )  # fmt: skip


def of(movement: Movement, place: int, number: int) -> Measured:
    """One entry of a movement."""
    return Measured(float(movement.relative[place, number]), float(movement.error[place, number]))


def _module(found: Timelapse, fields: Movement, place: int, numbers: list[int]) -> str:
    if len(numbers) < 2:
        return ""
    return found.fields[max(numbers, key=lambda number: fields.relative[place, number])].column
