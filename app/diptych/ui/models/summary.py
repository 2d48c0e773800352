"""What the row of a run says about its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from diptych.domain import directions
from diptych.domain.version import State, Version
from diptych.job import Job, Tick
from diptych.ui.models.arrangement import Group
from diptych.workbench import Workbench

CHUNK = 200
"""Versions read between two ticks."""


class Summary(NamedTuple):
    """The checkpoints of one run taken together."""

    model: str
    versions: int
    noun: str = "version"
    first_step: int | None = None
    last_step: int | None = None
    created: float | None = None
    """Of the newest."""
    bytes: int = 0
    common: Mapping[str, str] = {}
    """`format`, `dtype`, `parameters`, `base`, where all agree."""
    states: Mapping[State, int] = {}
    """How many are not complete, by state."""
    metrics: Mapping[str, tuple[float, ...]] = {}
    """Values by step."""


def summarise(model: str, versions: Sequence[Version]) -> Summary:
    """Take `versions` of one model together."""
    steps = sorted({version.step for version in versions if version.step is not None})
    moments = [version.created for version in versions if version.created is not None]
    kinds = {version.kind for version in versions}
    states: dict[State, int] = {}
    metrics: dict[str, list[float]] = {}
    for version in sorted(versions, key=lambda version: (version.step is None, version.step or 0)):
        if version.state is not State.COMPLETE:
            states[version.state] = states.get(version.state, 0) + 1
        for name, value in version.metrics.items():
            metrics.setdefault(name, []).append(value)
    return Summary(
        model=model,
        versions=len(versions),
        noun="checkpoint" if kinds == {"checkpoint"} else "version",
        first_step=steps[0] if steps else None,
        last_step=steps[-1] if steps else None,
        created=max(moments, default=None),
        bytes=sum(version.bytes for version in versions),
        common={name: text for name, text in _common(versions).items() if text},
        states=states,
        metrics={name: tuple(values) for name, values in metrics.items()},
    )


def best(name: str, values: Sequence[float]) -> float | None:
    """The best of `values` where the metric's name says which way is better; None where it does not."""
    better = direction(name)
    known = [value for value in values if value == value]
    if better is None or not known:
        return None
    return max(known) if better else min(known)


def direction(name: str) -> bool | None:
    """Whether higher is better, as far as the last part of the metric's name tells; None: unknown."""
    return directions.known(name.partition(",")[0].rpartition("/")[2])


def summaries(workbench: Workbench, groups: Sequence[Group]) -> Job[list[Summary]]:
    """Summaries of several groups, read in chunks."""
    found = []
    for number, group in enumerate(groups):
        versions: list[Version] = []
        for begin in range(0, len(group.keys), CHUNK):
            yield Tick(f"Reading {group.model}", number, len(groups))
            versions += workbench.versions(group.keys[begin : begin + CHUNK])
        found.append(summarise(group.model, versions))
    return found


def _common(versions: Sequence[Version]) -> dict[str, str]:
    def agreed(values: set[str]) -> str:
        return values.pop() if len(values) == 1 else ""

    return {
        "format": agreed({version.format for version in versions}),
        "dtype": agreed({version.dtype for version in versions}),
        "parameters": agreed({str(version.parameters or "") for version in versions}),
        "base": agreed({version.base.name if version.base else "" for version in versions}),
    }
