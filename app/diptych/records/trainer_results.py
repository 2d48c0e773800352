"""`all_results.json`, `train_results.json`, `eval_results.json`: what the Trainer's `save_metrics` leaves in a run."""

from __future__ import annotations

import re
from pathlib import Path

from diptych.domain.evidence import Evidence, HyperParameter, Metric, Plain
from diptych.domain.version import Source
from diptych.records.content import problem
from diptych.records.json_stream import read_object
from diptych.records.record import last_name
from diptych.records.scrub import secret_key, secret_value
from diptych.records.values import number, pointed

_NAME = re.compile(r"[A-Za-z0-9-]+_results\.json")
_NESTED = re.compile(rb'"\s*:\s*[{]')
_SPLIT = re.compile(r"(train|eval|predict|test)_")
_TIMING = re.compile(
    r"(runtime|_per_second|_per_second_per_gpu|total_flos|_compilation_time|_preparation_time|_mem_.*|_time)$"
)
_COUNT = re.compile(r"(.+_samples|epoch|step|num_input_tokens_seen)$")


def timing(name: str) -> bool:
    """Whether this measures the machine, not the model."""
    return bool(_TIMING.search(name))


class TrainerResults:
    """Metrics of a run as a whole. Nothing says which way is better."""

    key = "trainer_results/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name, where the content is a flat object: other tools nest theirs."""
        return bool(_NAME.fullmatch(last_name(name))) and not _NESTED.search(head)

    def read(self, path: Path) -> Evidence:
        """Each number but times and counts; `eval_samples` becomes the number of items of the `eval_` metrics."""
        values = read_object(path)
        metrics = []
        strange = []
        for name, value in values.items():
            if timing(name) or _COUNT.fullmatch(name) or secret_key(name) or secret_value(name):
                continue
            found = number(value)
            if found is not None:
                metrics.append(self._metric(name, found, values, str(path)))
            elif isinstance(value, list | dict):
                strange.append(name)
        problems = (problem(path, f"{strange[0][:60]} is not a number"),) if strange else ()
        return Evidence(metrics=tuple(metrics), hyperparameters=self._rows(values, str(path)), problems=problems)

    def _metric(self, name: str, value: float, values: dict[str, Plain], file: str) -> Metric:
        match = _SPLIT.match(name)
        split = match[1] if match else ""
        n = values.get(f"{split}_samples")
        return Metric(
            "",
            name,
            value,
            Source(file, f"/{pointed(name)}", self.key),
            n=n if isinstance(n, int) and not isinstance(n, bool) else None,
            split=split,
        )

    def _rows(self, values: dict[str, Plain], file: str) -> tuple[HyperParameter, ...]:
        """How many rows there were to train on, which no other record says."""
        if not isinstance(values.get("train_samples"), int):
            return ()
        return (
            HyperParameter("data.train_samples", values["train_samples"], Source(file, "/train_samples", self.key)),
        )
