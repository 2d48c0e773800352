"""Rows for settings: two sets of hyperparameters, paired by key and alias."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from diptych import display
from diptych.compare import values
from diptych.domain.evidence import HyperParameter, Plain
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Row, Status

_ENTRIES = 2_000
"""Rows below one row; a list of a million objects is not read row by row."""


@dataclass(slots=True)
class Found:
    """One setting of one side, and what else was said about it."""

    setting: HyperParameter
    other: HyperParameter | None = None
    """A second record that gives another value."""


def by_key(settings: Iterable[HyperParameter], rules: Rules) -> dict[str, Found]:
    """Settings by their common key. The first record wins; an alias steps back where the common name is there too."""
    given = list(settings)
    names = {setting.key for setting in given}
    found: dict[str, Found] = {}
    for setting in given:
        common = rules.aliases.get(setting.key, setting.key)
        key = setting.key if common in names else common
        known = found.setdefault(key, Found(setting))
        if known.other is None and not values.equal(known.setting.value, setting.value, rules, key):
            known.other = setting
    return found


def rows(
    left: dict[str, Found],
    right: dict[str, Found],
    rules: Rules,
    group: Callable[[str], str],
    order: Callable[[str], tuple[object, ...]],
) -> Iterator[Row]:
    """A row for each key of either side, in the order given; it does not depend on which side is which."""
    for key in sorted(left.keys() | right.keys(), key=order):
        yield _row(key, left.get(key), right.get(key), rules, group(key))


def _row(key: str, left: Found | None, right: Found | None, rules: Rules, group: str) -> Row:
    label = spoken(key)
    notes = list(_notes(key, left, right))
    ignored = any(rules.ignores(each.setting.key) for each in (left, right) if each) or rules.ignores(key)
    if left is None or right is None:
        only = left or right
        assert only is not None
        status = Status.LEFT_ONLY if left else Status.RIGHT_ONLY
        cell = _cell(only.setting, values.written(only.setting.value))
        return Row(
            key, status, cell if left else None, cell if right else None, label, group, note="; ".join(notes),
            ignored=ignored, tree=_entries(key, left, right, rules),
        )  # fmt: skip
    a, b = left.setting.value, right.setting.value
    if written_as_text := [side for side, each in (("A", a), ("B", b)) if values.read(each) is not each]:
        notes.append(f"text in {' and '.join(written_as_text)}")
    if values.equal(a, b, rules, key):
        return Row(
            key, Status.SAME, _cell(left.setting, values.written(a)), _cell(right.setting, values.written(b)), label,
            group, note="; ".join(notes),
        )  # fmt: skip
    if values.kind(a) != values.kind(b) and a is not None and b is not None:
        notes.insert(0, f"type differs: {values.kind(a)} and {values.kind(b)}")
    texts = values.written_pair(a, b)
    return Row(
        key,
        Status.DIFFERS,
        _cell(left.setting, texts[0]),
        _cell(right.setting, texts[1]),
        label,
        group,
        change=values.change(a, b, key, rules),
        magnitude=values.magnitude(a, b, key),
        note="; ".join(notes),
        ignored=ignored,
        tree=_entries(key, left, right, rules),
    )


def spoken(key: str) -> str:
    """What people read for a key: without its first part, and with the dots of a literal name as they are."""
    return display.visible((key.partition(".")[2] or key).replace("\\.", "."))


def _cell(setting: HyperParameter, text: str) -> Cell:
    value = setting.value
    if isinstance(value, int) and not isinstance(value, bool) and values.is_name(setting.key):
        text = text.replace(",", "")
    return Cell(text, value, setting.source)


def _notes(key: str, left: Found | None, right: Found | None) -> Iterator[str]:
    named = [each.setting.key for each in (left, right) if each]
    short = [spoken(name) for name in named]
    if len(set(named)) == 2:
        yield f"{short[0]} ≡ {short[1]}"
    elif named[0] != key:
        yield f"{short[0]} ≡ {spoken(key)}"
    for side, each in (("A", left), ("B", right)):
        if each and each.other:
            place = display.visible(PurePath(each.other.source.file).name)
            yield f"records of {side} disagree: {values.written(each.other.value)} in {place}"


def _entries(key: str, left: Found | None, right: Found | None, rules: Rules) -> tuple[Row, ...]:
    """The entries of a nested value, down to the leaves, each by its own dotted key."""
    sides = [each.setting.value for each in (left, right) if each]
    if not any(_nested(value) for value in sides):
        return ()
    ours = dict(values.leaves(left.setting.value)) if left else {}
    theirs = dict(values.leaves(right.setting.value)) if right else {}
    names = list(dict.fromkeys([*ours, *theirs]))
    found = [_entry(key, name, ours, theirs, rules, left, right) for name in names[:_ENTRIES] if name]
    return tuple(sorted(found, key=lambda row: row.status is Status.SAME))


def _nested(value: Plain) -> bool:
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and any(isinstance(entry, list | dict) for entry in value)


def _entry(
    key: str,
    name: str,
    ours: dict[str, Plain],
    theirs: dict[str, Plain],
    rules: Rules,
    left: Found | None,
    right: Found | None,
) -> Row:
    full, label = f"{key}.{name}", display.visible(name.replace("\\.", "."))
    source_left = left.setting.source if left else None
    source_right = right.setting.source if right else None
    if name not in theirs:
        value = ours[name]
        return Row(full, Status.LEFT_ONLY, Cell(values.written(value), value, source_left), None, label)
    if name not in ours:
        value = theirs[name]
        return Row(full, Status.RIGHT_ONLY, None, Cell(values.written(value), value, source_right), label)
    a, b = ours[name], theirs[name]
    same = values.equal(a, b, rules, name)
    texts = (values.written(a), values.written(b)) if same else values.written_pair(a, b)
    return Row(
        full,
        Status.SAME if same else Status.DIFFERS,
        Cell(texts[0], a, source_left),
        Cell(texts[1], b, source_right),
        label,
        change="" if same else values.change(a, b, full, rules),
        magnitude=None if same else values.magnitude(a, b, full),
    )
