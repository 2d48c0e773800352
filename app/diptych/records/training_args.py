"""`training_args.bin` of the Hugging Face Trainer: a pickle, read by the inert reader."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from diptych.domain.evidence import Evidence, HyperParameter, Plain
from diptych.domain.version import Source
from diptych.pickles.allowed import allowed, foreign
from diptych.pickles.inert import Name, Pairs, Stand, Value
from diptych.records.content import damaged, problem
from diptych.records.record import last_name
from diptych.records.scrub import secret_key, secret_value, without_secrets
from diptych.records.torch_file import contains_code, read_torch
from diptych.records.values import dotted, pointed

_MOST_DEPTH = 20
_MOST_VALUES = 20_000
_PRIVATE = frozenset({"_n_gpu"})
"""Fields with an underscore that say something about the training."""


class TrainingArguments:
    """The arguments as settings `train.*`; enumerations as their values, objects by their fields."""

    key = "training_args/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone."""
        return last_name(name) == "training_args.bin"

    def read(self, path: Path) -> Evidence:
        """Settings, and a problem where the file would run code in other hands."""
        inert = read_torch(path)
        code = foreign(inert.names)
        problems = (problem(path, contains_code(code)),) if code else ()
        state = _fields(inert.value)
        if state is None:
            if problems:
                return Evidence(problems=problems)
            raise damaged(path, "holds no training arguments")
        settings = _Settings(str(path), self.key)
        settings.walk("train", "", state, frozenset({id(inert.value)}))
        if settings.left_out:
            problems = (*problems, problem(path, settings.left_out))[:1]
        facts = {"trainer": inert.value.name.rpartition(".")[2]} if isinstance(inert.value, Stand) else {}
        return Evidence(hyperparameters=tuple(settings.found), facts=facts, problems=problems)


def _fields(value: Value) -> Pairs | None:
    """The fields of an object: its state, or the two halves of one (`__dict__` and slots); those of a dict itself."""
    if isinstance(value, Pairs):
        return value
    if not isinstance(value, Stand):
        return None
    if isinstance(value.state, tuple):
        halves = [half for half in value.state if isinstance(half, Pairs)]
        return Pairs([item for half in halves for item in half.items]) if halves else None
    if isinstance(value.state, Pairs):
        return value.state
    return Pairs(value.pairs) if value.pairs or value.name.endswith((".OrderedDict", ".defaultdict", ".dict")) else None


class _Settings:
    """The walk over inert values, bounded in depth and number: shared values may unfold without end."""

    def __init__(self, file: str, reader: str) -> None:
        self.found: list[HyperParameter] = []
        self.left_out = ""
        self._file = file
        self._reader = reader
        self._count = 0

    def walk(self, key: str, pointer: str, fields: Pairs, above: frozenset[int]) -> None:
        """Add each field below `key`; `above` holds the objects that the walk is in."""
        for name, value in fields.items:
            if not isinstance(name, str) or secret_key(name) or secret_value(name):
                continue
            if name.startswith("_") and name not in _PRIVATE:
                continue
            if not self._room(above):
                return
            inner = _fields(value)
            place, under = f"{key}.{dotted(name.lstrip('_'))}", f"{pointer}/{pointed(name)}"
            if inner is not None and inner.items and id(value) not in above:
                self.walk(place, under, inner, above | {id(value)})
            else:
                self._add(place, under, value, above)

    def _add(self, key: str, pointer: str, value: Value, above: frozenset[int]) -> None:
        plain = self._plain(value, above)
        if not secret_value(plain):
            self.found.append(HyperParameter(key, without_secrets(plain), Source(self._file, pointer, self._reader)))

    def _room(self, above: frozenset[int]) -> bool:
        self._count += 1
        if self._count > _MOST_VALUES or len(above) > _MOST_DEPTH:
            self.left_out = "holds more values, or deeper ones, than training arguments have; the rest was left out"
            return False
        return True

    def _plain(self, value: Value, above: frozenset[int]) -> Plain:
        if not self._room(above):
            return None
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        if isinstance(value, Name):
            return str(value)
        if id(value) in above:
            return "itself"
        inside = above | {id(value)}
        if isinstance(value, list | tuple):
            return self._list(value, inside)
        fields = _fields(value)
        if fields is not None:
            return {
                str(name): self._plain(entry, inside)
                for name, entry in fields.items
                if isinstance(name, str | int | float | bool)
            }
        assert isinstance(value, Stand)
        return self._called(value, inside)

    def _list(self, values: Iterable[Value], above: frozenset[int]) -> list[Plain]:
        found: list[Plain] = []
        for value in values:
            if self.left_out:
                break
            found.append(self._plain(value, above))
        return found

    def _called(self, value: Stand, above: frozenset[int]) -> Plain:
        """The value of an enumeration, the items of a set, the text of a device or a path; else the name alone."""
        args = value.args if isinstance(value.args, tuple) else ()
        if value.name.endswith((".set", ".frozenset", ".list", ".tuple")):
            inner = args[0] if len(args) == 1 and isinstance(args[0], list) else value.items
            return self._list(inner, above)
        if value.name == "torch.device":
            return ":".join(str(part) for part in args if isinstance(part, str | int))
        if value.name.startswith("pathlib."):
            return "/".join(part for part in args if isinstance(part, str)).replace("//", "/")
        if allowed(value.name) and len(args) == 1 and isinstance(args[0], str | int | float | bool):
            return args[0]
        return f"<{value.name or 'object'}>"
