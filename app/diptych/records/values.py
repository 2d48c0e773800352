"""From nested JSON to settings with dotted keys and sources."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from diptych.domain.evidence import HyperParameter, Plain
from diptych.domain.version import Source
from diptych.records.scrub import secret_key, secret_value, without_secrets


def settings(
    prefix: str,
    values: Mapping[str, Plain],
    file: str,
    reader: str,
    whole: Collection[str] = (),
    pointer: str = "",
) -> Iterator[HyperParameter]:
    """Each value below `values` under `prefix`, nested objects by their dotted keys, secrets left out.

    Objects named in `whole`, empty objects and lists stay values.
    """
    for name, value in values.items():
        if secret_key(name) or secret_value(value) or secret_value(name):
            continue
        key = f"{prefix}.{dotted(name)}"
        place = f"{pointer}/{pointed(name)}"
        if isinstance(value, dict) and value and name not in whole:
            yield from settings(key, value, file, reader, whole, place)
        else:
            yield HyperParameter(key, without_secrets(value), Source(file, place, reader))


def dotted(name: str) -> str:
    """One part of a dotted key."""
    return name.replace(".", "\\.")


def pointed(name: str | int) -> str:
    """One part of a JSON pointer (RFC 6901)."""
    return str(name).replace("~", "~0").replace("/", "~1")


def number(value: object) -> float | None:
    """`value` as a number; None for what is none, truth values included. Large integers become infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def text(value: object) -> str:
    """`value` where it is text, else empty."""
    return value if isinstance(value, str) else ""


def mapping(value: Plain) -> dict[str, Plain]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def kind(value: Plain) -> str:
    """What `value` is, in a word of JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


def excerpt(value: Plain, limit: int = 40) -> str:
    """A short text for a message."""
    return value[:limit] if isinstance(value, str) else kind(value)
