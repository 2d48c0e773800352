"""`training_args.json` and `.yaml`: training arguments as some trainers write them out, flat or in groups."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.evidence import Evidence, Plain
from diptych.records.content import damaged, read_bytes
from diptych.records.json_stream import read_object
from diptych.records.record import last_name
from diptych.records.values import kind, settings
from diptych.records.yaml_text import NotYaml, parse_yaml

_JSON = "training_args.json"
_YAML = frozenset({"training_args.yaml", "training_args.yml"})
_MOST_BYTES = 2**20


class TrainingArgumentsText:
    """The arguments as settings `train.*`, as those of `training_args.bin` are."""

    key = "training_args_text/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone."""
        return last_name(name) == _JSON or last_name(name) in _YAML

    def read(self, path: Path) -> Evidence:
        """Every setting but secrets."""
        values = read_object(path) if path.name == _JSON else _yaml(path)
        return Evidence(hyperparameters=tuple(settings("train", values, str(path), self.key)))


def _yaml(path: Path) -> dict[str, Plain]:
    try:
        values = parse_yaml(read_bytes(path, _MOST_BYTES).decode())
    except UnicodeDecodeError:
        raise damaged(path, "is not UTF-8 text") from None
    except NotYaml as fault:
        raise damaged(path, str(fault)) from None
    if not isinstance(values, dict):
        raise damaged(path, f"is {kind(values)}, not an object of settings")
    return values
