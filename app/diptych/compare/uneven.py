"""Sentences about a run's movement: which layers learned most, how straight the way was, where it broke."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from diptych import display
from diptych.compare.moved import ranges
from diptych.compare.timelapse import Timelapse

_UNEVEN = 1.5
"""The most moved layer, as a multiple of the median one, from which on learning is called uneven."""
_ALIKE = 1.25
"""The most moved as a multiple of the least moved, up to which they moved alike."""
_MOST = 0.75
"""A layer is among the most moved if it moved at least this share of what the most moved one did."""
_MEASURE = "‖Δ‖ ∕ ‖W‖"


def told(found: Timelapse) -> tuple[str, ...]:
    """What a reader should know, the alarming first."""
    return (*_broken(found), *_still(found), *_layers(found), *_modules(found), *_way(found))


def pooled(found: Timelapse, by: str) -> dict[str, float]:
    """‖Δ‖ ∕ ‖W‖ from the first to the last checkpoint, of each layer (`row`) or each module of layers (`column`)."""
    squares: dict[str, float] = {}
    norms: dict[str, float] = {}
    for number, field in enumerate(found.fields):
        if not field.layer:
            continue
        name = field.row if by == "row" else field.column
        squares[name] = squares.get(name, 0.0) + float(found.apart[number])
        norms[name] = norms.get(name, 0.0) + float(found.norms[number])
    return {name: (squares[name] / norms[name]) ** 0.5 for name in squares if norms[name]}


def _broken(found: Timelapse) -> Iterator[str]:
    bad = [place for place, count in enumerate(found.broken) if count]
    if bad:
        first = found.broken[bad[0]]
        where = "at every checkpoint" if len(bad) == len(found.steps) else f"from step {found.steps[bad[0]]:,} on"
        if len(bad) != len(found.steps) and bad != list(range(bad[0], len(found.steps))):
            where = f"at {display.plural(len(bad), 'checkpoint')}, first at step {found.steps[bad[0]]:,}"
        yield f"NaN or infinite values in {display.plural(first, 'tensor')} {where}"


def _still(found: Timelapse) -> Iterator[str]:
    """Checkpoints that are no further than the one before."""
    same = [found.steps[place] for place in range(1, len(found.steps)) if found.strides[place] == 0]
    if same and len(same) == len(found.steps) - 1:
        yield "weights unchanged: all checkpoints hold the same values"
    elif same:
        yield f"unchanged since the checkpoint before: step {display.listing([f'{step:,}' for step in same])}"


def _layers(found: Timelapse) -> Iterator[str]:
    change = pooled(found, "row")
    moving = {name: value for name, value in change.items() if value > 0}
    if len(change) < 2 or not moving:
        return
    if len(moving) < len(change):
        resting = [name for name in change if name not in moving]
        yield f"{len(resting)} of {len(change)} layers did not move: {display.listing(ranges(resting), 4)}"
    values = sorted(moving.values())
    low, middle, high = values[0], float(np.median(values)), values[-1]
    if high <= _ALIKE * low:
        yield f"layers moved alike: {_MEASURE} {_g(low)} to {_g(high)}"
    elif high >= _UNEVEN * middle:
        most = [name for name, value in moving.items() if value >= _MOST * high]
        which = display.listing(ranges(most), 4)
        word = "layer" if len(most) == 1 else "layers"
        yield (
            f"uneven: {word} {which} moved most, up to {_g(high / middle)} times the median layer "
            f"({_MEASURE} {_g(high)} against {_g(middle)})"
        )
    else:
        least, most_moved = min(moving, key=moving.__getitem__), max(moving, key=moving.__getitem__)
        yield f"{most_moved} moved most ({_MEASURE} {_g(high)}), {least} least ({_g(low)})"


def _modules(found: Timelapse) -> Iterator[str]:
    change = {name: value for name, value in pooled(found, "column").items() if value > 0}
    if len(change) < 2:
        return
    least, most = min(change, key=change.__getitem__), max(change, key=change.__getitem__)
    if change[most] >= _UNEVEN * change[least]:
        ends = f"{_name(most)} moved most ({_g(change[most])}), {_name(least)} least ({_g(change[least])})"
        yield f"of the modules, {ends}"


def _way(found: Timelapse) -> Iterator[str]:
    """How long the way was against the direct one, and when half of it was walked."""
    way, direct = float(found.strides.sum()), float(found.from_start[-1])
    if len(found.steps) < 3 or not way:
        return
    walked = np.cumsum(found.strides) / way
    half = found.steps[int(np.argmax(walked >= 0.5))]
    text = f"half of the way was done by step {half:,} of {found.steps[-1]:,}"
    if direct > 0:
        text += f"; the way is {_g(way / direct)} times the direct distance ({_g(direct)})"
    yield text


def _g(value: float) -> str:
    return display.number(value, 3)


def _name(column: str) -> str:
    return display.visible(column)
