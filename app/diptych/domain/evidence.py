"""What a version is judged by. Every value carries its source; absent, null and default are three different things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from diptych.domain.version import Lineage, Problem, Source

Scalar: TypeAlias = "str | int | float | bool | None"
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
"""What JSON can say, NaN and infinities included."""


@dataclass(frozen=True, slots=True)
class HyperParameter:
    """One setting. Keys are paths with dots: `train.*`, `adapter.*`, `arch.*` (config), `gen.*`, `eval.*`, `data.*`."""

    key: str
    """A dot within a literal key is written as `\\.`."""
    value: Plain
    source: Source
    raw: str = ""
    """The text in the file where it says more than the value (`3e-4` for 0.0003); else empty."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One result of one evaluation."""

    task: str
    """Empty for a metric of the run itself (`eval_loss`)."""
    name: str
    value: float
    source: Source
    filter: str = ""
    """The answer filter of the harness; empty for none."""
    stderr: float | None = None
    n: int | None = None
    """How many items were scored."""
    higher_is_better: bool | None = None
    """None where no record says so."""
    step: int | None = None
    split: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """What must agree before two values may be compared: task version, shots, template hash, limit, task hash …"""

    @property
    def key(self) -> str:
        """`task/name`, with `,filter` where there is one; `name` alone for a metric of the run."""
        name = f"{self.name},{self.filter}" if self.filter else self.name
        return f"{self.task}/{name}" if self.task else name


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: values by step, in the order of the record, the last value where a step repeats."""

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    source: Source
    epochs: tuple[float, ...] = ()
    """As long as `steps`, or empty."""
    note: str = ""
    """What was repaired while reading ("12 steps repeated after a resume")."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer to one item of an evaluation."""

    task: str
    doc_id: str
    prompt: str
    target: str
    output: str
    source: Source
    filter: str = ""
    doc_hash: str = ""
    prompt_hash: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def pairing(self) -> tuple[str, str, str]:
        """What makes two answers answers to the same question: task, filter, and the hash of the item or its id."""
        return self.task, self.filter, self.doc_hash or self.doc_id


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A data set as a record names it."""

    name: str
    source: Source
    config: str = ""
    split: str = ""
    revision: str = ""
    role: str = ""
    """`train`, `eval`, or empty."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The model that a record says it is about."""

    name: str
    """A Hub name or a path, as written in the record."""
    source: Source
    revision: str = ""
    adapter: str = ""
    """The adapter that was loaded on top, as written; then it is the adapter that was judged."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one record file says."""

    about: ModelRef | None = None
    """None where the record lies within the version's own folder and so is about it."""
    step: int | None = None
    hyperparameters: tuple[HyperParameter, ...] = ()
    metrics: tuple[Metric, ...] = ()
    series: tuple[Series, ...] = ()
    sample_files: tuple[Path, ...] = ()
    """Files that hold samples of the same evaluation; read only when outputs are compared."""
    datasets: tuple[DatasetRef, ...] = ()
    lineage: tuple[Lineage, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Plain facts for lists: `family`, `license`, `title`, `library`."""
    partial: bool = False
    """The file ends early, as while it is being written."""
    problems: tuple[Problem, ...] = ()
