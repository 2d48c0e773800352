"""The model card: what the catalog knows, written around what people have written.

Parts that are generated stand between two comments. The first holds a digest of the part: a part that somebody has
edited does not fit its digest any more, counts as written by hand and is left alone, as is everything outside of parts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diptych.domain.dossier import Dossier
from diptych.domain.sheet import Sheet
from diptych.domain.version import Relation, Version
from diptych.reports import card_parts

TITLES: Mapping[str, str] = {
    "about": "",
    "data": "Data",
    "hyperparameters": "Training hyperparameters",
    "results": "Results",
    "changes": "Changes since the parent",
}
"""The parts in order, with their headings."""
_PART = re.compile(
    r"<!-- diptych:begin (?P<key>[a-z]+) (?P<digest>[0-9a-f]{12}) -->\n(?P<text>.*?)\n?<!-- diptych:end (?P=key) -->",
    re.DOTALL,
)
_HEAD = re.compile(r"\A---\r?\n(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_TOP_KEY = re.compile(r"^([A-Za-z_][\w-]*)[ \t]*:", re.MULTILINE)
_RELATIONS = {
    Relation.FINE_TUNE: "finetune",
    Relation.ADAPTER: "adapter",
    Relation.MERGE: "merge",
    Relation.QUANTIZED: "quantized",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A model card as it would be."""

    text: str
    written: tuple[str, ...]
    """Keys of the parts that were generated now."""
    kept: tuple[str, ...]
    """Keys of the parts that somebody has edited, and that were left as they are."""


def card(
    dossier: Dossier,
    existing: str = "",
    parent: Version | None = None,
    sheets: Sequence[Sheet] = (),
    licence: str = "",
) -> Card:
    """The card of a version, around the `existing` one; `sheets` compare it with its `parent`.

    The head gets the keys that it lacks: base model and relation, data sets, licence, library.
    """
    made = {
        "about": card_parts.about(dossier),
        "data": card_parts.data(dossier),
        "hyperparameters": card_parts.hyperparameters(dossier),
        "results": card_parts.results(dossier),
        "changes": card_parts.changes(parent, sheets) if parent is not None else "",
    }
    text = _with_head(existing, _facts(dossier, licence))
    kept: list[str] = []
    present: set[str] = set()

    def renewed(match: re.Match[str]) -> str:
        key = match["key"]
        present.add(key)
        if _digest(match["text"]) != match["digest"]:
            kept.append(key)
            return match[0]
        return _part(key, made.get(key, ""))

    text = _PART.sub(renewed, text)
    new = [key for key, part in made.items() if part and key not in present]
    if not existing.strip():
        text = f"{text}\n# {card_parts.markdown(dossier.version.name)}\n"
    for key in new:
        text = f"{text.rstrip()}\n\n{_part(key, made[key])}\n"
    written = tuple(key for key in TITLES if made.get(key) and key not in kept)
    return Card(text, written, tuple(kept))


def _part(key: str, body: str) -> str:
    heading = TITLES.get(key, "")
    text = f"## {heading}\n\n{body}" if heading and body else body
    return f"<!-- diptych:begin {key} {_digest(text)} -->\n{text}\n<!-- diptych:end {key} -->"


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _facts(dossier: Dossier, licence: str) -> dict[str, str | list[str]]:
    """What belongs into the head."""
    version = dossier.version
    facts: dict[str, str | list[str]] = {}
    if licence:
        facts["license"] = licence
    if version.base is not None and _is_hub_name(version.base.name):
        facts["base_model"] = version.base.name
        if version.base.relation in _RELATIONS:
            facts["base_model_relation"] = _RELATIONS[version.base.relation]
    names = [one.name for one in dossier.datasets if _is_hub_name(one.name) and one.role != "eval"]
    if names:
        facts["datasets"] = list(dict.fromkeys(names))
    if version.format == "safetensors":
        facts["library_name"] = "peft" if version.kind == "adapter" else "transformers"
    return facts


def _with_head(text: str, facts: Mapping[str, str | list[str]]) -> str:
    """`text` with the facts that its head lacks; what the head holds already stays as it was written."""
    match = _HEAD.match(text)
    present = set(_TOP_KEY.findall(match["yaml"])) if match else set()
    # JSON strings and lists are YAML too
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items() if key not in present]
    if not lines:
        return text
    if match is None:
        return f"---\n{''.join(lines)}---\n{text}"
    at = match.end("yaml")
    return f"{text[:at]}{''.join(lines)}{text[at:]}"


def _is_hub_name(name: str) -> bool:
    return re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", name) is not None and not name.startswith(".")
