"""What a checkpoint says beside its weights: hyperparameters, arguments, counters, as plain values."""

from __future__ import annotations

from typing import TypeAlias

from diptych.pickles.inert import Name, Pairs, Stand, Value
from diptych.pickles.weights import pairs_of

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

_GROUPS = frozenset(
    {"hyper_parameters", "hparams", "model_args", "config", "args", "cfg", "model_config", "train_args"}
)
_COUNTERS = frozenset(
    {"epoch", "global_step", "step", "iter_num", "iteration", "best_val_loss", "best_acc", "pytorch-lightning_version"}
)
_MOST_DEPTH = 8
_MOST_VALUES = 5_000
_LONGEST = 4_096


class _TooMuch(Exception):
    """There is more than settings ever are."""


def settings(value: Value) -> dict[str, Plain]:
    """The groups of settings and the counters at the top of a checkpoint; nothing where there is more than can be."""
    found: dict[str, Plain] = {}
    reading = _Reading()
    for key, each in pairs_of(value) or ():
        if not isinstance(key, str):
            continue
        try:
            if key in _COUNTERS and isinstance(each, str | int | float):
                found[key] = reading.plain(each, 0)
            elif key in _GROUPS and (fields := _fields(each)) is not None:
                found[key] = reading.plain(fields, 0)
        except _TooMuch:
            continue
    return found


def _fields(value: Value) -> Pairs | None:
    """The items of a dict, or the fields of a namespace."""
    items = pairs_of(value)
    if items is not None:
        return Pairs(items)
    return value.state if isinstance(value, Stand) and isinstance(value.state, Pairs) else None


class _Reading:
    def __init__(self) -> None:
        self._count = 0

    def plain(self, value: Value, depth: int) -> Plain:
        self._count += 1
        if depth > _MOST_DEPTH or self._count > _MOST_VALUES:
            raise _TooMuch
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return value[:_LONGEST].encode("utf-8", "replace").decode()
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        if isinstance(value, Name):
            return str(value)
        if isinstance(value, list | tuple):
            return [self.plain(each, depth + 1) for each in value]
        fields = _fields(value)
        if fields is not None:
            return {str(key): self.plain(each, depth + 1) for key, each in fields.items if isinstance(key, str | int)}
        return f"<{value.name or 'object'}>" if isinstance(value, Stand) else None
