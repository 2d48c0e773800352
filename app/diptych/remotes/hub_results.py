"""Results of evaluations as leaderboards of the Hub read them: `.eval_results/NAME.yaml`, one file a data set."""

from __future__ import annotations

import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from ruamel.yaml import YAML

from diptych.domain.evidence import DatasetRef, Evidence, Metric
from diptych.domain.shipping import Parcel
from diptych.domain.version import Role

FOLDER = ".eval_results"
_HUB_NAME = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


def results(evidence: Iterable[Evidence]) -> tuple[Parcel, ...]:
    """The files to push along: every metric that comes from an evaluation on a data set which the Hub can name.

    Metrics without such a data set (the losses of a run, tasks from local files) have no place there. The same evidence
    always makes the same bytes.
    """
    entries: dict[str, dict[tuple[str, str, str], EvalResultEntry]] = defaultdict(dict)
    for each in evidence:
        known = {task: dataset for dataset in each.datasets for task in _tasks(dataset)}
        for metric in each.metrics:
            dataset = _dataset(metric, known)
            if dataset is None or not metric.source.file:
                continue
            name, revision = dataset
            entries[name][metric.task, metric.name, metric.filter] = EvalResultEntry(
                dataset_id=name,
                task_id=metric.task or "default",
                value=metric.value,
                dataset_revision=revision or None,
                notes=_notes(metric) or None,
            )
    return tuple(_parcel(name, [found[key] for key in sorted(found)]) for name, found in sorted(entries.items()))


def _tasks(dataset: DatasetRef) -> Iterable[str]:
    """The tasks that were judged on a data set: named in its record, or by the place in it (`/configs/TASK/…`)."""
    if dataset.role == "eval" and _HUB_NAME.fullmatch(dataset.name):
        parts = dataset.source.pointer.split("/")
        yield from (part for part in (dataset.config, *parts[2:3]) if part)


def _dataset(metric: Metric, known: Mapping[str, DatasetRef]) -> tuple[str, str] | None:
    """Name and revision of the data set of a metric."""
    stated = metric.conditions.get("dataset", "")
    if _HUB_NAME.fullmatch(stated):
        return stated, metric.conditions.get("dataset revision", "")
    dataset = known.get(metric.task) if metric.task else None
    return (dataset.name, dataset.revision) if dataset is not None else None


def _notes(metric: Metric) -> str:
    """What the number is, for it is bare otherwise: its name, filter, uncertainty, and what was set."""
    parts = [] if metric.name == "score" else [metric.name]
    if metric.filter and metric.filter != "none":
        parts.append(metric.filter)
    if metric.stderr is not None:
        parts.append(f"± {metric.stderr:.4g}")
    if metric.n is not None:
        parts.append(f"n={metric.n}")
    shots = metric.conditions.get("shots")
    if shots:
        parts.append(f"{shots}-shot")
    return ", ".join(parts)


def _parcel(dataset: str, entries: list[EvalResultEntry]) -> Parcel:
    stream = io.StringIO()
    writer = YAML()
    writer.width = 4096  # one value, one line
    writer.dump(eval_result_entries_to_yaml(entries), stream)
    content = stream.getvalue().encode()
    name = f"{FOLDER}/{dataset.replace('/', '--')}.yaml"
    return Parcel(name, len(content), hashlib.sha256(content).hexdigest(), Role.RECORD, content=content)
