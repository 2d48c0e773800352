"""Model cards: the YAML at the head of `README.md`, and the list of hyperparameters that the Trainer writes below."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from diptych.domain.evidence import DatasetRef, Evidence, HyperParameter, Metric, Plain, Scalar
from diptych.domain.version import Lineage, Problem, Relation, Source
from diptych.records.content import damaged, problem, read_bytes
from diptych.records.record import last_name
from diptych.records.scrub import secret_key, secret_value
from diptych.records.values import dotted, mapping, number, text
from diptych.records.yaml_text import NotYaml, parse_yaml

_MOST_BYTES = 8 * 2**20
_RELATIONS = {
    "finetune": Relation.FINE_TUNE,
    "adapter": Relation.ADAPTER,
    "merge": Relation.MERGE,
    "quantized": Relation.QUANTIZED,
}
_FACTS = {
    "license": "license",
    "language": "language",
    "library_name": "library",
    "pipeline_tag": "task",
    "tags": "tags",
}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_MEASURED = re.compile(rf"\s*(?P<value>{_NUMBER})\s*%?(?:\s*(?:±|\+/-|\+-)\s*(?P<error>{_NUMBER})\s*%?)?\s*")
_HEADING = re.compile(r"#+\s*training hyper-?parameters\s*", re.IGNORECASE)
_BULLET = re.compile(r"[-*]\s+`?(?P<key>[A-Za-z_][\w.]*)`?\s*:\s*(?P<value>.+?)\s*")
_WHOLE = re.compile(r"[-+]?\d{1,18}")
_NUMERIC = re.compile(_NUMBER)


class Card:
    """A model card: lineage, data sets, licence, results, and hyperparameters `train.*`."""

    key = "card/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name; a README without a head of YAML may still list hyperparameters."""
        return last_name(name).lower() == "readme.md"

    def read(self, path: Path) -> Evidence:
        """What the card says. A broken head is a problem; the rest is read all the same."""
        try:
            content = read_bytes(path, _MOST_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise damaged(path, "is not UTF-8 text") from None
        lines = content.splitlines()
        head, body = _head(lines)
        values: dict[str, Plain] = {}
        problems: tuple[Problem, ...] = ()
        try:
            values = mapping(parse_yaml("\n".join(lines[1:head])) if head else None)
        except NotYaml as fault:
            problems = (problem(path, f"its head {fault}"),)
        card = _Card(str(path), self.key, values)
        metrics, strange = card.metrics()
        if strange and not problems:
            problems = (problem(path, f"model-index: {strange[0]} is no number"),)
        return Evidence(
            hyperparameters=tuple(_listed(lines, body, str(path), self.key)),
            metrics=tuple(metrics),
            datasets=tuple(card.datasets()),
            lineage=tuple(card.lineage()),
            facts=card.facts(lines, body),
            problems=problems,
        )


def _head(lines: list[str]) -> tuple[int, int]:
    """Where the head ends (0 without one) and where the body begins."""
    if not lines or lines[0].rstrip() != "---":
        return 0, 0
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == "---":
            return index, index + 1
    return 0, 0


class _Card:
    """The values of one head."""

    def __init__(self, file: str, reader: str, values: dict[str, Plain]) -> None:
        self._file = file
        self._reader = reader
        self._values = values

    def _source(self, pointer: str) -> Source:
        return Source(self._file, pointer, self._reader)

    def facts(self, lines: list[str], body: int) -> dict[str, str]:
        """Licence, languages and the like, and the first heading as title."""
        facts = {}
        for name, fact in _FACTS.items():
            stated = ", ".join(_texts(self._values.get(name)))
            if stated:
                facts[fact] = stated
        title = next((line[2:].strip() for line in lines[body:] if line.startswith("# ")), "")
        return {**facts, "title": title} if title else facts

    def lineage(self) -> Iterator[Lineage]:
        """Each `base_model`, in the relation that the card states or that its library, tags and number suggest."""
        bases = _texts(self._values.get("base_model"))
        relation = _RELATIONS.get(text(self._values.get("base_model_relation")))
        if relation is None:
            merged = len(bases) > 1 or "merge" in _texts(self._values.get("tags"))
            peft = text(self._values.get("library_name")) == "peft"
            relation = Relation.ADAPTER if peft else Relation.MERGE if merged else Relation.FINE_TUNE
        many = isinstance(self._values.get("base_model"), list)
        for index, base in enumerate(bases):
            yield Lineage(relation, base, None, self._source(f"/base_model/{index}" if many else "/base_model"))

    def datasets(self) -> Iterator[DatasetRef]:
        """What the card says the model was trained on."""
        for index, name in enumerate(_texts(self._values.get("datasets"))):
            yield DatasetRef(name, self._source(f"/datasets/{index}"), role="train")

    def metrics(self) -> tuple[list[Metric], list[str]]:
        """The results of `model-index`, and the names of those that are no numbers."""
        metrics: list[Metric] = []
        strange: list[str] = []
        for m, model in enumerate(_list(self._values.get("model-index"))):
            for r, result in enumerate(_list(mapping(model).get("results"))):
                for k, entry in enumerate(_list(mapping(result).get("metrics"))):
                    pointer = f"/model-index/{m}/results/{r}/metrics/{k}"
                    metric = self._metric(mapping(result), mapping(entry), pointer)
                    if metric is not None:
                        metrics.append(metric)
                    else:
                        strange.append(text(mapping(entry).get("type")) or pointer)
        return metrics, strange

    def _metric(self, result: dict[str, Plain], entry: dict[str, Plain], pointer: str) -> Metric | None:
        measured = measure(entry.get("value"))
        name = text(entry.get("type")) or text(entry.get("name"))
        if measured is None or not name:
            return None
        dataset = mapping(result.get("dataset"))
        task = text(dataset.get("name")) or text(dataset.get("type")) or text(mapping(result.get("task")).get("type"))
        stated = {
            "dataset": text(dataset.get("type")),
            "dataset config": text(dataset.get("config")),
            "dataset revision": text(dataset.get("revision")),
        }
        return Metric(
            task,
            name,
            measured[0],
            self._source(f"{pointer}/value"),
            stderr=measured[1],
            split=text(dataset.get("split")),
            conditions={name: value for name, value in stated.items() if value},
        )


def measure(value: Plain) -> tuple[float, float | None] | None:
    """A value and its error, from a number or from text such as `20.0 ± 1.2`; None for anything else."""
    stated = number(value)
    if stated is not None:
        return stated, None
    match = _MEASURED.fullmatch(value) if isinstance(value, str) and len(value) < 100 else None
    if match is None:
        return None
    return float(match["value"]), float(match["error"]) if match["error"] else None


def _listed(lines: list[str], body: int, file: str, reader: str) -> Iterator[HyperParameter]:
    """The bullets below "Training hyperparameters", with the text of each number kept."""
    inside = False
    for place, line in enumerate(lines[body:], body + 1):
        if line.startswith("#"):
            inside = bool(_HEADING.fullmatch(line))
            continue
        bullet = _BULLET.fullmatch(line) if inside else None
        if bullet and not secret_key(bullet["key"]) and not secret_value(bullet["value"]):
            value = _valued(bullet["value"])
            raw = "" if isinstance(value, str) else bullet["value"]
            yield HyperParameter(f"train.{dotted(bullet['key'])}", value, Source(file, f"line {place}", reader), raw)


def _valued(stated: str) -> Scalar:
    if stated in ("True", "False"):
        return stated == "True"
    if stated == "None":
        return None
    if _WHOLE.fullmatch(stated):
        return int(stated)
    return float(stated) if _NUMERIC.fullmatch(stated) else stated


def _list(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []


def _texts(value: Plain) -> list[str]:
    """One text or a list of them, secrets left out."""
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, str) and entry and not secret_value(entry)]
