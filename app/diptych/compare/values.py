"""When two values are equal, how a value is written, and how a change is told.

Equality is strict about types and generous about spelling: numbers agree by value (`3e-4` and 0.0003, 1 and 1.0), the
order of keys never matters, the order of a list matters unless a rule calls it a set, and 1 is not `"1"`. Only a text
like `3e-4`, which YAML reads as text and every trainer as a number, is that number.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from diptych import display
from diptych.domain.evidence import Plain
from diptych.domain.rules import Rules

_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")
_LONGEST = 30
_SMALL_CHANGE = 1.25
"""Ratios below this are told as a difference: 0.9 and 0.95 are `+0.05`, not `×1.06`."""


def leaves(value: Plain, key: str = "") -> Iterator[tuple[str, Plain]]:
    """The scalars, lists of scalars and empty objects within `value`, each with its dotted key; `value` may be deep."""
    stack: list[tuple[str, Plain]] = [(key, value)]
    while stack:
        place, found = stack.pop()
        inner: list[tuple[str, Plain]] = []
        if isinstance(found, dict):
            inner = [(_below(place, name.replace(".", "\\.")), entry) for name, entry in found.items()]
        elif isinstance(found, list) and any(isinstance(entry, list | dict) for entry in found):
            inner = [(f"{place}[{index}]", entry) for index, entry in enumerate(found)]
        if inner:
            stack.extend(reversed(inner))
        else:
            yield place, found


def _below(key: str, part: str) -> str:
    return f"{key}.{part}" if key else part


def is_set(key: str, rules: Rules) -> bool:
    """Whether a rule says that the order of the list at `key` means nothing."""
    return key.rpartition(".")[2] in rules.sets


def equal(left: Plain, right: Plain, rules: Rules, key: str = "") -> bool:
    """Whether two values mean the same."""
    if _simple(left) and _simple(right):
        return _equal_scalars(left, right, rules.tolerance)
    if is_set(key, rules) and isinstance(left, list) and isinstance(right, list):
        return _bag(left) == _bag(right)
    ours, theirs = dict(leaves(left)), dict(leaves(right))
    return ours.keys() == theirs.keys() and all(_equal_leaves(ours[name], theirs[name], rules, name) for name in ours)


def _simple(value: Plain) -> bool:
    return not isinstance(value, list | dict)


def _equal_leaves(left: Plain, right: Plain, rules: Rules, key: str) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        if is_set(key, rules):
            return _bag(left) == _bag(right)
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(_equal_scalars(a, b, rules.tolerance) for a, b in pairs)
    return _equal_scalars(left, right, rules.tolerance)


def _equal_scalars(left: Plain, right: Plain, tolerance: float) -> bool:
    left, right = read(left), read(right)
    if isinstance(left, bool) or isinstance(right, bool) or not (_numeric(left) and _numeric(right)):
        return type(left) is type(right) and left == right
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    if left == right or (left != left and right != right):
        return True
    a, b = as_float(left), as_float(right)
    return tolerance > 0 and math.isfinite(a - b) and abs(a - b) <= tolerance * max(abs(a), abs(b))


def read(value: Plain) -> Plain:
    """The number that a text means where a writer of YAML meant one: `3e-4` without a dot is text by its rules."""
    return float(value) if isinstance(value, str) and len(value) < _LONGEST and _EXPONENT.fullmatch(value) else value


def _numeric(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_float(value: float) -> float:
    """`value` as a float; integers beyond its range become infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _bag(values: list[Plain]) -> Counter[tuple[str, object]]:
    return Counter(_identity(value) for value in values)


def _identity(value: Plain) -> tuple[str, object]:
    """Something hashable that is equal exactly for values that are equal."""
    if isinstance(value, list | dict):
        return "tree", frozenset((key, _identity(leaf)) for key, leaf in leaves(value) if _simple(leaf)) | {
            (key, tuple(_identity(entry) for entry in leaf)) for key, leaf in leaves(value) if isinstance(leaf, list)
        }
    if isinstance(value, float) and math.isnan(value):
        return "number", "NaN"
    if _numeric(value):
        return "number", value
    return type(value).__name__, value


# Writing ----------------------------------------------------------------------------------------------------------


def kind(value: Plain) -> str:
    """The type of a value in a word for people."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) else "list" if isinstance(value, list) else "object"


def written(value: Plain, quoted: bool = False) -> str:
    """A value as shown; `quoted` tells text from numbers where that is the difference."""
    if isinstance(value, str):
        shown = display.visible(value)
        return f'"{shown}"' if quoted or not shown.strip() else shown
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return display.number(value, 6)
    if isinstance(value, list) and not any(isinstance(entry, list | dict) for entry in value):
        return f"[{', '.join(written(entry) for entry in value)}]"
    return display.visible(_compact(value))


def _compact(value: Plain) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    except (RecursionError, ValueError):
        return ", ".join(f"{key}: {written(leaf)}" for key, leaf in leaves(value))


def written_pair(left: Plain, right: Plain) -> tuple[str, str]:
    """Both values as shown, never alike where they differ: more digits or quotes as it takes."""
    texts = written(left), written(right)
    if texts[0] != texts[1]:
        mixed = kind(left) != kind(right)
        return (written(left, quoted=mixed), written(right, quoted=mixed)) if mixed else texts
    if isinstance(left, float) and isinstance(right, float):
        return repr(left), repr(right)
    return written(left, quoted=True), written(right, quoted=True)


# Change -----------------------------------------------------------------------------------------------------------


def change(left: Plain, right: Plain, key: str, rules: Rules) -> str:
    """The change from `left` to `right` in signs: `÷40`, `×1.5`, `+0.05`, `+k_proj`; empty where none fits."""
    if _numeric(left) and _numeric(right) and not is_name(key):
        assert isinstance(left, int | float)
        assert isinstance(right, int | float)
        if isinstance(left, int) and isinstance(right, int) and as_float(left) == as_float(right):
            # float64 cannot tell them apart
            return display.signed(right - left)
        return _change_of_numbers(as_float(left), as_float(right))
    if is_set(key, rules) and isinstance(left, list) and isinstance(right, list):
        return _change_of_sets(left, right)
    return ""


def _change_of_numbers(left: float, right: float) -> str:
    if not (math.isfinite(left) and math.isfinite(right)):
        return ""
    if left * right > 0:
        ratio = right / left
        if math.isfinite(ratio) and ratio >= _SMALL_CHANGE:
            return f"×{display.number(ratio, 3)}"
        if 0 < ratio <= 1 / _SMALL_CHANGE and math.isfinite(left / right):
            return f"÷{display.number(left / right, 3)}"
    return display.signed(right - left) if math.isfinite(right - left) else ""


def _change_of_sets(left: list[Plain], right: list[Plain]) -> str:
    ours, theirs = _bag(left), _bag(right)
    new = [f"+{written(value)}" for value in right if _identity(value) not in ours]
    gone = [f"−{written(value)}" for value in left if _identity(value) not in theirs]
    return display.listing(new + gone, 4) if new or gone else ""


def magnitude(left: Plain, right: Plain, key: str) -> float | None:
    """The change on a scale from -1 (÷100 and beyond) to 1 (×100): half the decimal logarithm of the ratio."""
    if not (_numeric(left) and _numeric(right)) or is_name(key):
        return None
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    a, b = as_float(left), as_float(right)
    if not (math.isfinite(a) and math.isfinite(b)) or a == 0 or b == 0 or (a > 0) != (b > 0):
        return None
    return max(-1.0, min(1.0, (math.log10(abs(b)) - math.log10(abs(a))) / 2))


def is_name(key: str) -> bool:
    """Whether a number at `key` is a name: twice a seed is not a bigger seed."""
    last = key.rpartition(".")[2].lower()
    return last.endswith(("seed", "_id", "_ids", "version", "_index", "_rank"))
