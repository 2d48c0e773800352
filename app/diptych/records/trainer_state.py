"""`trainer_state.json` of the Hugging Face Trainer: curves, and the evaluation of this very step."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych import display
from diptych.domain.evidence import Evidence, HyperParameter, Metric, Plain, Series
from diptych.domain.version import Problem, Source
from diptych.errors import Damaged
from diptych.records.content import open_record, problem
from diptych.records.json_stream import Cut, JsonText
from diptych.records.record import last_name
from diptych.records.scrub import secret_key, secret_value
from diptych.records.trainer_results import timing
from diptych.records.values import kind, number, pointed, settings

_SETTINGS = ("max_steps", "num_train_epochs", "train_batch_size", "logging_steps", "eval_steps", "save_steps")
_FACTS = ("best_metric", "best_global_step", "best_model_checkpoint")


class TrainerState:
    """The state of a Trainer, large ones read entry by entry."""

    key = "trainer_state/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone."""
        return last_name(name) == "trainer_state.json"

    def read(self, path: Path) -> Evidence:
        """Curves from `log_history`, metrics of the state's step, and settings, as far as the file goes."""
        log = _Log()
        values: dict[str, Plain] = {}
        partial = False
        with open_record(path) as file:
            document = JsonText(file, display.path(path))
            if document.starts() != "{":
                raise Damaged(f"{display.path(path)}: is not a JSON object")
            try:
                for name in document.members():
                    if name == "log_history" and document.starts() == "[":
                        for index in document.elements():
                            log.add(index, document.value())
                    else:
                        values[name] = document.value()
                document.end()
            except Cut:
                partial = True
        return self._evidence(path, values, log, partial)

    def _evidence(self, path: Path, values: dict[str, Plain], log: _Log, partial: bool) -> Evidence:
        reached = number(values.get("global_step"))
        step = int(reached) if reached is not None and math.isfinite(reached) else None
        faults = log.faults + [
            f"{name} is {kind(values[name])}, not {wanted}"
            for name, wanted in (("log_history", "a list"), ("global_step", "a number"))
            if name in values and (name == "log_history" or step is None)
        ]
        return Evidence(
            step=step,
            hyperparameters=self._settings(values, str(path)),
            metrics=tuple(log.metrics(step, str(path), self.key)),
            series=tuple(log.series(str(path), self.key)),
            facts={name: str(values[name]) for name in _FACTS if isinstance(values.get(name), str | int | float)},
            partial=partial,
            problems=_told(path, faults),
        )

    def _settings(self, values: dict[str, Plain], file: str) -> tuple[HyperParameter, ...]:
        known = {name: values[name] for name in _SETTINGS if name in values}
        if number(values.get("num_input_tokens_seen")):
            known["num_input_tokens_seen"] = values["num_input_tokens_seen"]
        trial = values.get("trial_params")
        if isinstance(trial, dict) and trial:
            known["trial_params"] = trial
        return tuple(settings("train", known, file, self.key))


def _told(path: Path, faults: list[str]) -> tuple[Problem, ...]:
    """All faults of one file as one line."""
    if not faults:
        return ()
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return (problem(path, faults[0] + more),)


@dataclass(slots=True)
class _Curve:
    """One curve while it grows, in arrays: a million separate objects take long to free, in one go."""

    first: int
    """Index of the entry that began the curve."""
    steps: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    ascending: bool = True

    def add(self, step: float, value: float, epoch: float) -> None:
        if self.steps and step <= self.steps[-1]:
            self.ascending = False
        self.steps.append(step)
        self.values.append(value)
        self.epochs.append(epoch)


@dataclass(slots=True)
class _Log:
    """The entries of `log_history`, collected by key."""

    curves: dict[str, _Curve] = field(default_factory=dict)
    evaluated: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    """The newest entry of each result: its index, step and value."""
    faults: list[str] = field(default_factory=list)
    wanted: dict[str, bool] = field(default_factory=dict)
    """For each key that was met: whether it is a curve, and no measure of the machine."""

    def add(self, index: int, entry: Plain) -> None:
        if not isinstance(entry, dict):
            self.faults.append(f"log_history/{index} is {kind(entry)}, not an object")
            return
        step = number(entry.get("step"))
        if step is None or not math.isfinite(step):
            given = kind(entry["step"]) if "step" in entry else "missing"
            self.faults.append(f"log_history/{index}: its step is {given}, not a number")
            return
        epoch = number(entry.get("epoch"))
        summary = "train_runtime" in entry
        for name, stated in entry.items():
            if name not in self.wanted:
                self.wanted[name] = not (
                    name in ("step", "epoch") or timing(name) or secret_key(name) or secret_value(name)
                )
            if self.wanted[name]:
                value = number(stated)
                if value is not None:
                    self._take(name, index, step, value, math.nan if epoch is None else epoch, summary)
                elif isinstance(stated, list | dict):
                    self.faults.append(f"log_history/{index}: {name[:40]} is {kind(stated)}, not a number")

    def _take(self, name: str, index: int, step: float, value: float, epoch: float, summary: bool) -> None:
        """A point of a curve, or a result; the summary at the end of a training is no curve."""
        if summary or name.startswith("eval_"):
            self.evaluated[name] = index, step, value
        if not summary:
            if name not in self.curves:
                self.curves[name] = _Curve(index)
            self.curves[name].add(step, value, epoch)

    def metrics(self, step: int | None, file: str, reader: str) -> list[Metric]:
        """Results at `step`: those of an earlier step say nothing about these weights."""
        return [
            Metric("", name, value, Source(file, f"/log_history/{index}/{pointed(name)}", reader), step=step)
            for name, (index, at, value) in self.evaluated.items()
            if at == step
        ]

    def series(self, file: str, reader: str) -> list[Series]:
        return [_series(name, curve, file, reader) for name, curve in self.curves.items()]


def _series(name: str, curve: _Curve, file: str, reader: str) -> Series:
    """The curve by step; where the training was resumed, the last value of each step."""
    order: Sequence[int] = range(len(curve.steps))
    note = ""
    if not curve.ascending:
        newest = {step: index for index, step in enumerate(curve.steps)}
        repeated = len(curve.steps) - len(newest)
        order = [newest[step] for step in sorted(newest)]
        note = f"{display.plural(repeated, 'step')} repeated" if repeated else "the steps go back"
        note += ", as after a resume" + ("; the last value is kept" if repeated else "")
    return Series(
        name,
        tuple(curve.steps[index] for index in order),
        tuple(curve.values[index] for index in order),
        Source(file, f"/log_history/{curve.first}/{pointed(name)}", reader),
        () if any(math.isnan(epoch) for epoch in curve.epochs) else tuple(curve.epochs[index] for index in order),
        note,
    )
