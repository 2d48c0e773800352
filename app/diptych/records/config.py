"""`config.json` and `generation_config.json` of a Hugging Face model folder."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.evidence import Evidence, Plain
from diptych.domain.version import Lineage, Relation, Source
from diptych.records.json_stream import read_object
from diptych.records.record import last_name
from diptych.records.values import mapping, settings, text

_WHOLE = frozenset({"id2label", "label2id", "task_specific_params"})
"""Objects with a key for each of up to thousands of labels: one setting each."""


class Config:
    """`config.json` as settings `arch.*`; nested parts (`text_config`) keep their names in the keys."""

    key = "config/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone: a broken configuration is worth a message."""
        return last_name(name) == "config.json"

    def read(self, path: Path) -> Evidence:
        """Settings, the architecture family, and where the model was loaded from."""
        values = read_object(path)
        file = str(path)
        return Evidence(
            hyperparameters=tuple(settings("arch", values, file, self.key, _WHOLE)),
            lineage=self._lineage(values, file),
            facts=_facts(values),
        )

    def _lineage(self, values: dict[str, Plain], file: str) -> tuple[Lineage, ...]:
        """The folder that training or quantisation started from: a hint, since a resumed run names itself."""
        name = text(values.get("_name_or_path"))
        if not name:
            return ()
        relation = Relation.QUANTIZED if mapping(values.get("quantization_config")) else Relation.FINE_TUNE
        revision = text(values.get("_commit_hash")) or None
        return (Lineage(relation, name, revision, Source(file, "/_name_or_path", self.key)),)


def _facts(values: dict[str, Plain]) -> dict[str, str]:
    facts = {}
    family = text(values.get("model_type")) or text(mapping(values.get("text_config")).get("model_type"))
    if family:
        facts["family"] = family
    architectures = values.get("architectures")
    if isinstance(architectures, list):
        facts["architectures"] = ", ".join(text(each) for each in architectures if text(each))
    code = mapping(values.get("auto_map"))
    if code:
        facts["custom_code"] = ", ".join(f"{name}: {text(place) or 'unnamed'}" for name, place in code.items())
    return facts


class GenerationConfig:
    """`generation_config.json` as settings `gen.*`."""

    key = "generation_config/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone."""
        return last_name(name) == "generation_config.json"

    def read(self, path: Path) -> Evidence:
        """How the model is meant to be sampled."""
        return Evidence(hyperparameters=tuple(settings("gen", read_object(path), str(path), self.key)))
