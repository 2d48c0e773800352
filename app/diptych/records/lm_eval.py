"""Results of EleutherAI's lm-evaluation-harness, from files without a date or hash (0.3, 0.4.0) to those of 0.4.13.

Fields and the tags that brought them, as read in the harness's sources: `higher_is_better`, `n-samples`, hashes and
dated names 0.4.3; `model_args` as an object and `.json` output paths 0.4.9; `name` and `sample_len` per task 0.4.12.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diptych import display
from diptych.domain.evidence import DatasetRef, Evidence, HyperParameter, Metric, ModelRef, Plain
from diptych.domain.version import Problem, Source
from diptych.errors import Damaged
from diptych.records.content import problem
from diptych.records.json_stream import read_object
from diptych.records.record import last_name
from diptych.records.scrub import cleaned, secret_key, secret_value, without_secrets
from diptych.records.values import kind, mapping, number, pointed, settings, text

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?")
_BEGINS = re.compile(rb'\s*\{\s*"results"\s*:\s*\{')
_MOST_NEIGHBOURS = 10_000
_SETTINGS = (
    "batch_size", "bootstrap_iters", "device", "fewshot_seed", "gen_kwargs", "limit", "model_dtype", "numpy_seed",
    "random_seed", "torch_seed",
)  # fmt: skip
_TOP_SETTINGS = (
    "apply_chat_template", "fewshot_as_multiturn", "lm_eval_version", "max_length", "system_instruction",
    "transformers_version",
)  # fmt: skip
_NOT_SETTINGS = frozenset({"pretrained", "revision", "peft", "model", "tokenizer", "path"})
"""Arguments of the model that name it rather than change how it answers."""


class LmEval:
    """One results file as metrics with all that must agree before two may be compared."""

    key = "lm_eval/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """A JSON file that begins with the results by task; or a results file by name that is no other tool's."""
        last = last_name(name)
        if not last.endswith(".json"):
            return False
        if _BEGINS.match(head):
            return True
        if b'"config_general"' in head or not last.startswith("results"):
            return False
        return b'"results"' in head or bool(STAMP.search(last))

    def read(self, path: Path) -> Evidence:
        """Metrics, the judged model, the settings of the harness, data sets, and the sample files beside it."""
        values = read_object(path)
        results = values.get("results")
        if not isinstance(results, dict):
            stated = kind(results) if "results" in values else "missing"
            raise Damaged(f"{display.path(path)}: its results are {stated}, not an object")
        report = _Report(path, str(path), self.key, values, results)
        metrics, faults = report.metrics()
        return Evidence(
            about=report.about(),
            hyperparameters=tuple(report.settings()),
            metrics=tuple(metrics),
            sample_files=_sample_files(path, list(results)),
            datasets=tuple(report.datasets()),
            facts=report.facts(),
            problems=_told(path, faults),
        )


def _told(path: Path, faults: list[str]) -> tuple[Problem, ...]:
    if not faults:
        return ()
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return (problem(path, faults[0] + more),)


@dataclass(frozen=True, slots=True)
class _Report:
    """The parts of one results file."""

    path: Path
    file: str
    reader: str
    values: dict[str, Plain]
    results: dict[str, Plain]

    def about(self) -> ModelRef | None:
        """The model by its arguments; the commit where the harness found one, else the revision that was asked for."""
        config = mapping(self.values.get("config"))
        args = model_args(config.get("model_args"))
        name = text(args.get("pretrained")) or text(self.values.get("model_name"))
        name = name or text(args.get("model")) or text(args.get("path")) or text(config.get("model"))
        if not name or secret_value(name):
            return None
        asked = text(args.get("revision")) or text(config.get("model_revision"))
        revision = text(config.get("model_sha")) or (asked if asked != "main" else "")
        pointer = "/config/model_args" if args else "/model_name"
        return ModelRef(name, Source(self.file, pointer, self.reader), revision, text(args.get("peft")))

    def settings(self) -> Iterator[HyperParameter]:
        """How the harness ran, under `eval.*`."""
        config = mapping(self.values.get("config"))
        given = {name: config[name] for name in _SETTINGS if name in config}
        yield from settings("eval", given, self.file, self.reader, ("gen_kwargs",), "/config")
        top = {name: self.values[name] for name in _TOP_SETTINGS if name in self.values}
        yield from settings("eval", top, self.file, self.reader)
        args = model_args(config.get("model_args"))
        chosen = {name: value for name, value in args.items() if name not in _NOT_SETTINGS and not secret_key(name)}
        yield from settings("eval.model_args", chosen, self.file, self.reader, (), "/config/model_args")

    def facts(self) -> dict[str, str]:
        """When and with what the evaluation ran."""
        facts = {"evaluator": "lm-evaluation-harness"}
        date = number(self.values.get("date"))
        if date is not None and 0 < date < 1e11:
            facts["evaluated"] = display.exact_time(date)
        return facts

    def datasets(self) -> Iterator[DatasetRef]:
        """What each task asks, as its configuration names it; the `json` and `csv` builders name nothing."""
        for task, raw in mapping(self.values.get("configs")).items():
            config = mapping(raw)
            name = text(config.get("dataset_path"))
            if name and name not in ("json", "csv", "parquet", "text"):
                split = text(config.get("test_split")) or text(config.get("validation_split"))
                source = Source(self.file, f"/configs/{pointed(task)}/dataset_path", self.reader)
                yield DatasetRef(name, source, text(config.get("dataset_name")), split, role="eval")

    def metrics(self) -> tuple[list[Metric], list[str]]:
        """Every number of every task, then of groups that are no tasks; and what was wrong with some."""
        metrics: list[Metric] = []
        faults: list[str] = []
        groups = {task: raw for task, raw in mapping(self.values.get("groups")).items() if task not in self.results}
        for section, tasks in (("results", self.results), ("groups", groups)):
            for task, raw in tasks.items():
                if isinstance(raw, dict):
                    metrics.extend(self._task(section, task, raw, faults))
                else:
                    faults.append(f"the results of {task[:60]} are {kind(raw)}, not an object")
        return metrics, faults

    def _task(self, section: str, task: str, raw: dict[str, Plain], faults: list[str]) -> Iterator[Metric]:
        conditions = self._conditions(task)
        for key, stated in raw.items():
            name, _, chosen = key.partition(",")
            value = number(stated)
            if value is None or name in ("alias", "name", "sample_len", "sample_count") or name.endswith("_stderr"):
                if isinstance(stated, list | dict) and name != "sample_count":
                    faults.append(f"{task[:40]}/{name[:40]} is {kind(stated)}, not a number")
                continue
            error = number(raw.get(f"{name}_stderr,{chosen}" if chosen else f"{name}_stderr"))
            if error is not None and not error >= 0:
                if error < 0:
                    faults.append(f"{task[:40]}/{name[:40]} has a negative standard error")
                error = None
            yield Metric(
                task,
                name,
                value,
                Source(self.file, f"/{section}/{pointed(task)}/{pointed(key)}", self.reader),
                filter="" if chosen == "none" else chosen,
                stderr=error,
                n=self._n(task, raw),
                higher_is_better=self._direction(task, name),
                conditions=conditions,
            )

    def _n(self, task: str, raw: dict[str, Plain]) -> int | None:
        counts = mapping(mapping(self.values.get("n-samples")).get(task))
        for found in (counts.get("effective"), raw.get("sample_len")):
            if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
                return found
        return None

    def _direction(self, task: str, name: str) -> bool | None:
        stated = mapping(mapping(self.values.get("higher_is_better")).get(task)).get(name)
        if isinstance(stated, bool):
            return stated
        listed = mapping(mapping(self.values.get("configs")).get(task)).get("metric_list")
        for entry in listed if isinstance(listed, list) else []:
            metric = mapping(entry)
            better = metric.get("higher_is_better")
            if metric.get("metric") == name and isinstance(better, bool):
                return better
        return None

    def _conditions(self, task: str) -> dict[str, str]:
        """What two results must share; what the file does not say is left out."""
        config = mapping(self.values.get("config"))
        stated: dict[str, Plain] = {
            "task version": mapping(self.values.get("versions")).get(task),
            "shots": self._shots(task),
            "task hash": mapping(self.values.get("task_hashes")).get(task),
            "chat template hash": self.values.get("chat_template_sha"),
            "system instruction hash": self.values.get("system_instruction_sha"),
            "limit": config.get("limit"),
            "gen_kwargs": config.get("gen_kwargs") or None,
            "harness commit": self.values.get("git_hash"),
        }
        return {name: _written(value) for name, value in stated.items() if value is not None and value != ""}

    def _shots(self, task: str) -> Plain:
        shots = mapping(self.values.get("n-shot")).get(task)
        if shots is None:
            shots = mapping(mapping(self.values.get("configs")).get(task)).get("num_fewshot")
        return shots if shots is not None else mapping(self.values.get("config")).get("num_fewshot")


def _written(value: Plain) -> str:
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return cleaned(json.dumps(without_secrets(value), sort_keys=True, ensure_ascii=False))


def model_args(stated: Plain) -> dict[str, Plain]:
    """The arguments of the model: an object, or text of the form `pretrained=a/b,revision=main`."""
    if isinstance(stated, dict):
        return stated
    parts = (part.partition("=") for part in text(stated).split(","))
    return {name.strip(): value.strip() for name, equals, value in parts if equals}


def _sample_files(path: Path, tasks: list[str]) -> tuple[Path, ...]:
    """Files beside `path` of the same run: of the same date, or, without one, that end in the name of a task."""
    try:
        with os.scandir(path.parent) as entries:
            names = sorted(entry.name for entry, _ in zip(entries, range(_MOST_NEIGHBOURS), strict=False))
    except OSError:
        return ()
    names = [name for name in names if name.endswith(".jsonl")]
    stamp = STAMP.search(path.name)
    if stamp:
        return tuple(path.parent / name for name in names if name.endswith(f"_{stamp[0]}.jsonl"))
    endings = tuple(f"_{task}.jsonl" for task in tasks)
    return tuple(path.parent / name for name in names if not STAMP.search(name) and name.endswith(endings))
