"""The tables on the page of one version, each from one part of its dossier."""

from __future__ import annotations

import json
from collections.abc import Sequence

from diptych import display
from diptych.domain.evidence import DatasetRef, HyperParameter, Metric, Plain, Sample
from diptych.domain.tensor import TensorInfo
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Artifact, Source, Version
from diptych.ui.context import Inspection
from diptych.ui.models.columns import metric_cell, metric_text
from diptych.ui.models.facts import Facts, Title
from diptych.ui.pages.version_facts import facts, told
from diptych.ui.widgets.cells import Align, Cell

CONFIGURATION = ("arch.", "gen.")
"""Hyperparameters with these beginnings stand under the configuration."""
KEY, ENDS = 264, 220
"""Widths that all tables share, so that values and sources of one section stand under those of another."""
_PREVIEW = 400
"""Letters of a long text that a cell can ever show."""
Pair = tuple[str, str, str]
"""Label, value, source."""


def overview(version: Version) -> Facts:
    """What the version is."""
    pairs: list[Pair] = [(label, value, "") for label, value in facts(version)]
    pairs += [("Problem", told(problem, version), problem.file) for problem in version.problems]
    return _pairs(pairs, headed=False)


def hyperparameters(settings: Sequence[HyperParameter], configuration: bool) -> Facts:
    """Settings of the training and the adapter, or of the architecture and generation."""
    chosen = [one for one in settings if one.key.startswith(CONFIGURATION) == configuration]
    chosen.sort(key=lambda one: one.key)
    return Facts((Title("Key", KEY), Title("Value"), Title("Source", ENDS)), chosen, _setting, _inspect_setting)


def metrics(found: Sequence[Metric]) -> Facts:
    """Results by task, those of the run last. A value that several files repeat stands once, with all its sources."""
    readings: dict[tuple[str, float], list[Metric]] = {}
    for one in sorted(found, key=lambda one: (not one.task, one.task, one.name, one.filter, -(one.step or 0))):
        readings.setdefault((one.key, one.value), []).append(one)
    titles = (
        Title("Task", 144), Title("Metric"), Title("Value", 104, Align.POINT), Title("± stderr", 80, Align.POINT),
        Title("n", 56, Align.RIGHT), Title("Step", 72, Align.RIGHT), Title("Source", ENDS),
    )  # fmt: skip
    return Facts(titles, list(readings.values()), _metric, _inspect_metric)


def weights(tensors: Sequence[TensorInfo]) -> Facts:
    """Tensors in the order of the files."""
    titles = (
        Title("Tensor"), Title("Dtype", 72), Title("Shape", 136, Align.RIGHT), Title("Values", 80, Align.RIGHT),
        Title("Size", 80, Align.RIGHT), Title("File", ENDS),
    )  # fmt: skip
    return Facts(titles, tensors, _tensor, _inspect_tensor)


def outputs(samples: Sequence[Sample]) -> Facts:
    """Answers as the records hold them."""
    titles = (Title("Task", 144), Title("Item", 64), Title("Prompt"), Title("Target", 104), Title("Output"),
              Title("Scores", 144))  # fmt: skip
    return Facts(titles, samples, _sample, _inspect_sample)


def tokenizer(found: Tokenizer) -> Facts:
    """What the tokenizer is made of."""
    file = found.source.file
    pairs: list[Pair] = [
        ("Kind", found.kind, file),
        ("Vocabulary", display.plural(len(found.vocabulary), "token"), file),
        ("Merges", f"{len(found.merges):,}" if found.merges else "", file),
        ("Added tokens", ", ".join(found.added), file),
    ]
    pairs += [(f"{role}", token, file) for role, token in sorted(found.special.items())]
    pairs += [(key, plain(value), file) for key, value in sorted(found.settings.items())]
    if found.chat_template:
        source = found.chat_template_source or found.source
        pairs.append(("Chat template", found.chat_template, source.file))
    return _pairs([(display.visible(label), value, file) for label, value, file in pairs if value])


def datasets(found: Sequence[DatasetRef]) -> Facts:
    """Data sets that records name."""
    titles = (Title("Data set", KEY), Title("Configuration"), Title("Split", 80), Title("Role", 72),
              Title("Revision", 96), Title("Source", ENDS))  # fmt: skip
    return Facts(titles, found, _dataset, _inspect_dataset)


def files(version: Version) -> Facts:
    """Files as the last scan saw them."""
    titles = (Title("File"), Title("Role", 88), Title("Size", 88, Align.RIGHT), Title("Written", 88),
              Title("Digest", ENDS))  # fmt: skip
    ordered = sorted(version.artifacts, key=lambda one: (one.role != "weights", one.path))
    return Facts(titles, ordered, _file, _inspect_file)


def plain(value: Plain) -> str:
    """A value as JSON would write it, text without quotes."""
    if isinstance(value, str):
        return display.visible(value, keep_newlines=True)
    if isinstance(value, float):
        return display.number(value, 12)
    return display.visible(json.dumps(value, ensure_ascii=False))


def source_text(source: Source) -> str:
    """Where a value comes from, in one line."""
    place = f"{display.path(source.file)}  {display.visible(source.pointer)}".strip()
    return f"{place}  ({display.visible(source.reader)})" if source.reader else place


def _pairs(pairs: Sequence[Pair], headed: bool = True) -> Facts:
    return Facts((Title("Key", KEY), Title("Value")), pairs, _pair, _inspect_pair, headed=headed)


def _pair(pair: Pair) -> tuple[Cell, ...]:
    label, value, _ = pair
    code = label in ("Id", "Path", "Also at")
    return Cell(label, color="muted"), Cell(_line(value), code=code, color="danger" if label == "Problem" else "text")


def _inspect_pair(pair: Pair) -> Inspection:
    label, value, file = pair
    return Inspection(label, source=display.path(file) if file else "", texts=((label, value),))


def _setting(one: HyperParameter) -> tuple[Cell, ...]:
    return (
        Cell(display.visible(one.key)),
        Cell(_line(display.visible(one.raw) or plain(one.value))),
        Cell(_file_name(one.source), color="muted"),
    )


def _inspect_setting(one: HyperParameter) -> Inspection:
    facts_ = (("Value", plain(one.value)), ("In the file", one.raw)) if one.raw else (("Value", plain(one.value)),)
    return Inspection(display.visible(one.key), facts_, source_text(one.source))


def _metric(same: Sequence[Metric]) -> tuple[Cell, ...]:
    one = same[0]
    stderr, n, step = _first(same, "stderr"), _first(same, "n"), _first(same, "step")
    name = f"{one.name},{one.filter}" if one.filter and one.filter != "none" else one.name
    more = f"+{len(same) - 1}" if len(same) > 1 else ""
    return (
        Cell(display.visible(one.task) or "run", color="text" if one.task else "muted"),
        Cell(display.visible(name)),
        metric_cell(one.value, bold=True),
        Cell(metric_text(stderr) if stderr is not None else "", Align.POINT, "muted"),
        Cell(f"{n:,}" if n is not None else "", Align.RIGHT, "muted"),
        Cell(f"{step:,}" if step is not None else "", Align.RIGHT, "muted"),
        Cell(_file_name(one.source), color="muted", after=more),
    )


def _first(same: Sequence[Metric], name: str) -> float | None:
    """What the first of several readings says that says anything."""
    return next((value for one in same if (value := getattr(one, name)) is not None), None)


def _inspect_metric(same: Sequence[Metric]) -> Inspection:
    one = same[0]
    better = {None: "not stated", True: "higher is better", False: "lower is better"}[one.higher_is_better]
    stderr, n = _first(same, "stderr"), _first(same, "n")
    rows = [("Value", repr(one.value)), ("Standard error", repr(stderr) if stderr is not None else ""),
            ("Items", f"{n:,}" if n is not None else ""), ("Direction", better), ("Split", one.split),
            *((key, value) for key, value in one.conditions.items()),
            *(("Also in", source_text(other.source)) for other in same[1:])]  # fmt: skip
    shown = tuple((display.visible(label), display.visible(value)) for label, value in rows if value)
    return Inspection(display.visible(one.key), shown, source_text(one.source))


def _tensor(one: TensorInfo) -> tuple[Cell, ...]:
    return (
        Cell(display.visible(one.name), code=True),
        Cell(one.dtype),
        Cell(" × ".join(map(str, one.shape)) or "scalar", Align.RIGHT),
        Cell(display.count(one.elements), Align.RIGHT),
        Cell(display.size(one.bytes), Align.RIGHT),
        Cell(display.visible(one.file), color="muted"),
    )


def _inspect_tensor(one: TensorInfo) -> Inspection:
    rows = (("Dtype", one.dtype), ("Shape", str(list(one.shape))), ("Values", f"{one.elements:,}"),
            ("Bytes", f"{one.bytes:,}"), ("Place", f"bytes {one.begin:,} to {one.end:,}"))  # fmt: skip
    return Inspection(display.visible(one.name), rows, display.visible(one.file))


def _sample(one: Sample) -> tuple[Cell, ...]:
    scores = " · ".join(f"{name} {metric_text(value)}" for name, value in one.scores.items())
    return (
        Cell(display.visible(one.task), color="muted"),
        Cell(display.visible(one.doc_id), color="muted"),
        Cell(_line(one.prompt)),
        Cell(_line(one.target)),
        Cell(_line(one.output)),
        Cell(display.visible(scores), color="muted"),
    )


def _inspect_sample(one: Sample) -> Inspection:
    texts = (("Prompt", one.prompt), ("Target", one.target), ("Output", one.output))
    scores = tuple((display.visible(name), repr(value)) for name, value in one.scores.items())
    return Inspection(
        f"{display.visible(one.task)} {display.visible(one.doc_id)}", scores, source_text(one.source), texts
    )


def _dataset(one: DatasetRef) -> tuple[Cell, ...]:
    texts = (one.name, one.config, one.split, one.role, one.revision)
    return (*(Cell(display.visible(text)) for text in texts), Cell(_file_name(one.source), color="muted"))


def _inspect_dataset(one: DatasetRef) -> Inspection:
    rows = (("Configuration", one.config), ("Split", one.split), ("Role", one.role), ("Revision", one.revision))
    shown = tuple((label, display.visible(value)) for label, value in rows if value)
    return Inspection(display.visible(one.name), shown, source_text(one.source))


def _file(one: Artifact) -> tuple[Cell, ...]:
    digest = Cell(one.digest.value[:16], code=True) if one.digest else Cell("not hashed yet", color="muted")
    return (
        Cell(display.visible(one.path)),
        Cell(str(one.role), color="muted"),
        Cell(display.size(one.bytes), Align.RIGHT),
        Cell(display.ago(one.modified_ns / 1e9), color="muted"),
        digest,
    )


def _inspect_file(one: Artifact) -> Inspection:
    written = display.exact_time(one.modified_ns / 1e9)
    rows = (("Role", str(one.role)), ("Bytes", f"{one.bytes:,}"), ("Written", written),
            ("Digest", str(one.digest) if one.digest else "not hashed yet"))  # fmt: skip
    return Inspection(display.visible(one.path), rows)


def _file_name(source: Source) -> str:
    return display.visible(source.file.replace("\\", "/").rpartition("/")[2])


def _line(text: str) -> str:
    """The beginning of a text in one line, for a cell."""
    return display.visible(" ".join(text[:_PREVIEW].split()))
