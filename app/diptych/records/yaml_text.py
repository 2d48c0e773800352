"""Reading YAML that others wrote: the safe subset of YAML 1.2 (`3e-4` is a number, `no` is text), bounded.

The library is imported on use: it would take half of the time that all readers need to be imported.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from diptych.domain.evidence import Plain

if TYPE_CHECKING:
    from ruamel.yaml import YAML

MOST_CHARACTERS = 2**20
_MOST_EVENTS = 100_000
_MOST_DEPTH = 60
_MOST_VALUES = 100_000


class NotYaml(Exception):
    """The text breaks the rules or a limit; the message says how."""


def parse_yaml(text: str) -> Plain:
    """The document in `text`, dates as text and keys as text. Raises `NotYaml`."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text) > MOST_CHARACTERS:
        raise NotYaml("has a YAML part of more than a million characters")
    try:
        _check(text)
        return _Copy().plain(_reader().load(text))
    except MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise NotYaml(f"is not valid YAML{line}: {error.problem or error.context}") from None
    except YAMLError:
        raise NotYaml("is not valid YAML: a character that YAML does not allow") from None
    except RecursionError:
        raise NotYaml(f"is nested more than {_MOST_DEPTH} levels deep") from None
    except (ValueError, OverflowError, TypeError, AttributeError, KeyError):
        raise NotYaml("is not valid YAML: a value that cannot be") from None


def _reader() -> YAML:
    from ruamel.yaml import YAML

    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = False
    return reader


def _check(text: str) -> None:
    """Refuse what would cost too much to build, and an anchor used twice, of which the library only warns."""
    from ruamel.yaml import events

    depth = 0
    anchors: set[str] = set()
    for count, event in enumerate(_reader().parse(text)):
        if isinstance(event, events.MappingStartEvent | events.SequenceStartEvent):
            depth += 1
        elif isinstance(event, events.MappingEndEvent | events.SequenceEndEvent):
            depth -= 1
        anchor = None if isinstance(event, events.AliasEvent) else getattr(event, "anchor", None)
        if anchor in anchors:
            raise NotYaml(f"uses the anchor {anchor!r} twice")
        if anchor:
            anchors.add(anchor)
        if depth > _MOST_DEPTH:
            raise NotYaml(f"is nested more than {_MOST_DEPTH} levels deep")
        if count > _MOST_EVENTS:
            raise NotYaml("has more values than any record needs")


class _Copy:
    """Plain values from what the library built, each alias written out, within a limit."""

    def __init__(self) -> None:
        self._count = 0

    def plain(self, value: object, depth: int = 0) -> Plain:
        self._count += 1
        if self._count > _MOST_VALUES or depth > _MOST_DEPTH:
            raise NotYaml("has references that unfold to more than any record needs")
        if isinstance(value, dict):
            return {str(key): self.plain(entry, depth + 1) for key, entry in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.plain(entry, depth + 1) for entry in value]
        if isinstance(value, datetime.date):
            return value.isoformat()
        if value is None or isinstance(value, str | int | float):
            return value
        return str(value)
