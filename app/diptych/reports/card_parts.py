"""The parts of a model card that the catalog can write: each a piece of Markdown, all text from files made harmless."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diptych import display
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter, Metric
from diptych.domain.sheet import Row, Sheet
from diptych.domain.version import Kind, Version

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#!~$&])")
_Z = 1.959964
"""The quantile of the normal distribution that leaves 2.5 % above."""
_SHARES = ("acc", "acc_norm", "exact_match", "em", "pass@1", "mcc_acc")
"""Metrics that are shares of items, so that their interval follows from their number."""
_MOST_ROWS = 40
_UNSET: tuple[object, ...] = (None, "", [], {}, False)
"""Values that say no more than that an option was not used."""
_ROLES = {"train": "training", "eval": "evaluation"}
_FIRST = (
    "learning_rate", "lr_scheduler_type", "warmup_steps", "warmup_ratio", "max_steps", "num_train_epochs",
    "per_device_train_batch_size", "gradient_accumulation_steps", "optim", "weight_decay", "max_grad_norm", "seed",
    "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "bf16", "fp16",
)  # fmt: skip
"""The settings that readers look for."""
_TRAINING = ("train.", "adapter.", "data.")


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval, and how it was made."""

    low: float
    high: float
    how: str


def markdown(text: str) -> str:
    """Any text as Markdown that shows it and does nothing else."""
    return _SPECIAL.sub(r"\\\1", display.visible(" ".join(text.split())))


def interval(metric: Metric) -> Interval | None:
    """The 95 % interval of a metric: from its standard error, else by Wilson (1927) for a share of `n` items."""
    if not math.isfinite(metric.value):
        return None
    if metric.stderr is not None and math.isfinite(metric.stderr) and metric.stderr > 0:
        return Interval(metric.value - _Z * metric.stderr, metric.value + _Z * metric.stderr, "from the standard error")
    if metric.n and metric.name in _SHARES and 0 <= metric.value <= 1:
        middle = (metric.value + _Z**2 / (2 * metric.n)) / (1 + _Z**2 / metric.n)
        spread = metric.value * (1 - metric.value) / metric.n + _Z**2 / (4 * metric.n**2)
        half = _Z * math.sqrt(spread) / (1 + _Z**2 / metric.n)
        return Interval(max(0.0, middle - half), min(1.0, middle + half), "by Wilson's method from the number of items")
    return None


def about(dossier: Dossier) -> str:
    """What the version is: its size, its format, what it was made from, and the id that captures its content."""
    version = dossier.version
    lines = []
    if version.base is not None:
        revision = f" at revision `{_code(version.base.revision)}`" if version.base.revision else ""
        lines.append(
            f"{_kind(version)}, {version.base.relation.value} {markdown(_model(version.base.name))}{revision}."
        )
    else:
        lines.append(f"{_kind(version)}.")
    facts = [
        ("Parameters", display.count(version.parameters) if version.parameters else ""),
        ("Precision", version.dtype),
        ("Format", version.format),
        ("Architecture", version.family),
        ("Training step", str(version.step) if version.step is not None else ""),
        ("Version id", f"`{version.id}`" if version.hashed else ""),
    ]
    lines += ["", *(f"- {title}: {value}" for title, value in facts if value)]
    return "\n".join(lines)


def data(dossier: Dossier) -> str:
    """The data sets that records name, with their roles; empty without any."""
    rows = []
    for one in dossier.datasets:
        parts = [markdown(_model(one.name))]
        parts += [markdown(text) for text in (one.config, one.split) if text]
        parts += [f"revision `{_code(one.revision)}`"] if one.revision else []
        role = _ROLES.get(one.role, one.role)
        rows.append(f"- {' · '.join(parts)}{f' ({markdown(role)})' if role else ''}")
    return "\n".join(dict.fromkeys(rows))


def hyperparameters(dossier: Dossier) -> str:
    """The settings of training, without paths and names; empty without any."""
    rows = [one for one in dossier.hyperparameters if one.key.startswith(_TRAINING) and not _local(one)]
    rows = [one for one in rows if one.value not in _UNSET]
    rows.sort(key=lambda one: _FIRST.index(name) if (name := one.key.rpartition(".")[2]) in _FIRST else len(_FIRST))
    shown = [f"| `{_code(one.key)}` | {markdown(one.raw or _value(one))} |" for one in rows[:_MOST_ROWS]]
    if not shown:
        return ""
    more = [f"\n{len(rows) - _MOST_ROWS} more are in the records."] if len(rows) > _MOST_ROWS else []
    return "\n".join(["| setting | value |", "| --- | --- |", *shown, *more])


def results(dossier: Dossier) -> str:
    """The newest value of each metric with its 95 % interval where one can be told; empty without any."""
    newest: dict[tuple[str, str], Metric] = {}
    for metric in dossier.metrics:
        newest[metric.key, metric.split] = metric
    told = {(key, metric.value) for (key, split), metric in newest.items() if split}
    newest = {key: metric for key, metric in newest.items() if key[1] or (key[0], metric.value) not in told}
    if not newest:
        return ""
    made = {key: interval(metric) for key, metric in newest.items()}
    lines = ["| task | metric | value | 95 % interval | n |", "| --- | --- | --- | --- | --- |"]
    for key, metric in sorted(newest.items()):
        found = made[key]
        between = f"{display.number(found.low)} … {display.number(found.high)}" if found else "not known"
        name = f"{metric.name},{metric.filter}" if metric.filter else metric.name
        arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
        count = f"{metric.n:,}" if metric.n else ""
        task = markdown(" ".join(part for part in (metric.task, metric.split) if part))
        lines.append(f"| {task} | `{_code(name)}`{arrow} | {display.number(metric.value)} | {between} | {count} |")
    hows = sorted({found.how for found in made.values() if found})
    if hows:
        lines += ["", f"Intervals: {' and '.join(hows)}. ↑ higher is better, ↓ lower is better."]
    return "\n".join(lines)


def changes(parent: Version, sheets: Sequence[Sheet]) -> str:
    """What differs from the parent, facet by facet; empty where nothing does."""
    parts = [part for sheet in sheets if (part := "\n".join(_differing(sheet)))]
    if not parts:
        return ""
    return "\n\n".join(
        [f"Against {markdown(parent.name)}{f' (`{parent.short_id}`)' if parent.hashed else ''}:", *parts]
    )


def _differing(sheet: Sheet) -> Iterator[str]:
    rows = [row for row in sheet.rows if row.differs and not _says_nothing(row)]
    if not rows:
        return
    yield f"{sheet.title}: {sheet.counts}"
    yield ""
    yield "| | before | now | change |"
    yield "| --- | --- | --- | --- |"
    for row in rows[:_MOST_ROWS]:
        before, now = (markdown(cell.text) if cell else "—" for cell in (row.left, row.right))
        name = f"{row.group} {row.label or row.key}".strip() if sheet.key == "metrics" else row.label or row.key
        yield f"| `{_code(name)}` | {before} | {now} | {markdown(row.change or row.note)} |"
    if len(rows) > _MOST_ROWS:
        yield f"| … | | | {len(rows) - _MOST_ROWS} more |"


def _says_nothing(row: Row) -> bool:
    """Whether only one side has the row, and there it is an option that was not used."""
    cell = row.left or row.right
    return (row.left is None) != (row.right is None) and cell is not None and cell.value in _UNSET


def _kind(version: Version) -> str:
    return {Kind.ADAPTER: "An adapter", Kind.CHECKPOINT: "A checkpoint"}.get(version.kind, "A model")


def _model(name: str) -> str:
    """A Hub name as it is; of a path on somebody's machine only the last part."""
    return name.rstrip("/").rpartition("/")[2] if name.startswith(("/", "~", ".")) or "\\" in name else name


def _local(setting: HyperParameter) -> bool:
    """Whether a setting speaks of one machine only."""
    value = setting.value
    words = setting.key.lower()
    return (isinstance(value, str) and value.startswith(("/", "~", "./"))) or words.endswith(
        ("_dir", "_path", "run_name")
    )


def _value(setting: HyperParameter) -> str:
    value = setting.value
    return display.number(value, 6) if isinstance(value, float) else str(value)


def _code(text: str) -> str:
    return display.visible(text).replace("`", "'").replace("|", "¦")
