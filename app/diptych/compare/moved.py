"""Sentences about weights: what moved, what did not, and what is broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from diptych import display
from diptych.compare import modules
from diptych.compare.grid import pooled
from diptych.compare.measured import QUANTISED_ERROR
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Clause, Row, Status
from diptych.domain.tensor import narrower

_FACET = "weights"
_MOST = 0.75
"""A layer is among the most moved if it moved at least this share of what the most moved one did."""


def clauses(rows: Sequence[Row]) -> Iterator[Clause]:
    """What a reader should know of these tensors, the alarming first."""
    yield from _broken(rows)
    yield from _structure(rows)
    compared = [row for row in rows if row.status in (Status.SAME, Status.DIFFERS)]
    measured = [row for row in compared if row.values["relative_change"] is not None]
    same = sum(row.status is Status.SAME for row in rows)
    if rows and same == len(rows):
        yield Clause(f"weights unchanged: {same:,} of {len(rows):,} tensors identical", _FACET, weight=2)
    elif measured:
        yield from _layers(measured, _unseen(rows))
        if same:
            yield Clause(f"{same:,} of {len(rows):,} tensors identical", _FACET, weight=0)
    apart = [row for row in rows if row.status is Status.NOT_COMPARABLE]
    if apart:
        # how a tensor is named on the other side is the row's to tell
        told = dict.fromkeys(row.note.rpartition("; ")[2].removeprefix("values not compared: ") for row in apart)
        why = display.listing(told, 2)
        yield Clause(f"{display.plural(len(apart), 'tensor')} not compared: {why}", _FACET, apart[0].key, 1)


def _broken(rows: Sequence[Row]) -> Iterator[Clause]:
    for side, name in (("B", "nonfinite_right"), ("A", "nonfinite_left")):
        bad = [row for row in rows if row.values.get(name)]
        if bad:
            text = f"NaN or infinite values in {display.plural(len(bad), 'tensor')} of {side}"
            yield Clause(text, _FACET, bad[0].key, 2)


def _structure(rows: Sequence[Row]) -> Iterator[Clause]:
    for side, status in (("A", Status.LEFT_ONLY), ("B", Status.RIGHT_ONLY)):
        only = [row for row in rows if row.status is status]
        if only:
            yield Clause(f"{display.plural(len(only), 'tensor')} only in {side}", _FACET, only[0].key, 1)
    both = [row for row in rows if row.left and row.right]
    apart = [row for row in both if row.values["shape_left"] != row.values["shape_right"]]
    yield from _grown([row for row in apart if row.values.get("grown")])
    reshaped = [row for row in apart if not row.values.get("grown") and row.status is not Status.NOT_COMPARABLE]
    if reshaped:
        yield Clause(f"{display.plural(len(reshaped), 'tensor')} reshaped", _FACET, reshaped[0].key, 2)
    recast = [row for row in both if row.values["dtype_left"] != row.values["dtype_right"]]
    kinds = Counter(f"{row.values['dtype_left']} → {row.values['dtype_right']}" for row in recast)
    for kind, count in kinds.most_common(2):
        number = f"all {count:,}" if count == len(both) else f"{count:,} of {len(both):,}"
        yield Clause(f"dtype {display.visible(kind)} in {number} tensors", _FACET, recast[0].key, 1)


def _grown(rows: Sequence[Row]) -> Iterator[Clause]:
    """A vocabulary that is larger on one side, and whether the rows that both have are the same."""
    if not rows:
        return
    by = rows[0].values["grown"]
    assert isinstance(by, int)
    names = display.listing(modules.module(row.key).rpartition(".")[2] for row in rows)
    equal = all(row.values.get("relative_change") == 0 and not row.values.get("nonfinite") for row in rows)
    unread = any(row.values.get("relative_change") is None for row in rows)
    how = "not compared" if unread else "identical" if equal else "changed"
    if how == "changed" and not any(map(_moved, rows)):
        how = "as the other dtype keeps them"
    text = f"vocabulary: {abs(by):,} rows more in {'B' if by > 0 else 'A'} ({names}), common rows {how}"
    yield Clause(text, _FACET, rows[0].key, 1)


def _unseen(rows: Sequence[Row]) -> set[str]:
    """The layers of which most elements could not be compared: nothing is said of their having stood still."""
    seen: dict[str, int] = defaultdict(int)
    for row in rows:
        elements = row.values.get("elements")
        if isinstance(elements, int):
            seen[modules.place(row.key).row] += elements if row.values["relative_change"] is not None else -elements
    return {name for name, balance in seen.items() if balance < 0}


def _layers(rows: Sequence[Row], unseen: Collection[str]) -> Iterator[Clause]:
    """How many layers moved and which moved most; what stands outside of layers where it did not."""
    by_layer: dict[str, list[Row]] = defaultdict(list)
    outside: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        place = modules.place(row.key)
        (by_layer if place.layer else outside)[place.row].append(row)
    moved = {name: found for name, found in by_layer.items() if any(map(_moved, found))}
    casts = [row for row in rows if row.values.get("cast")]
    if casts and not any(map(_moved, rows)):
        yield Clause(_cast(casts), _FACET, casts[0].key, 2)
    elif moved:
        first = next(row.key for found in moved.values() for row in found if _moved(row))
        share = f"all {len(moved)}" if len(moved) == len(by_layer) else f"{len(moved)} of {len(by_layer)}"
        yield Clause(f"{share} layers moved{_most(moved)}", _FACET, first, 2)
    elif still := by_layer.keys() - unseen:
        yield Clause(f"{len(still)} of {len(still)} comparable layers unchanged", _FACET, weight=1)
    ends = [name for name in ("embed", "head") if name in outside and all(_same(row) for row in outside[name])]
    if ends and moved:
        words = {"embed": "embedding", "head": "head"}
        yield Clause(f"{' and '.join(words[name] for name in ends)} unchanged", _FACET, outside[ends[0]][0].key, 0)


def _moved(row: Row) -> bool:
    """Whether a value changed, by more than a cast to another dtype changes it."""
    if row.values.get("grown") and row.values.get("relative_change") == 0 and not row.values.get("nonfinite"):
        return False
    return row.status is Status.DIFFERS and not row.values.get("cast")


def _cast(rows: Sequence[Row]) -> str:
    quantised = [row for row in rows if row.values["cast"] == "quantised"]
    if quantised:
        return _quantised(quantised)
    rounded = [row for row in rows if row.values["cast"] == "rounded"]
    if not rounded:
        return "another dtype, but every value equal"
    left, right = (str(rounded[0].values[f"dtype_{side}"]) for side in ("left", "right"))
    narrow = narrower(left, right)
    why = "no change is larger than rounding" if _guessed(rounded) else "every change is rounding"
    return f"{'B' if narrow == right else 'A'} is cast to {narrow}: {why}{_guessed(rounded)}"


def _guessed(rows: Sequence[Row]) -> str:
    return " (estimated)" if any(row.values.get("estimated") is True for row in rows) else ""


def _quantised(rows: Sequence[Row]) -> str:
    """Which side is quantised to what, and how far from the other that leaves it."""
    row = max(rows, key=lambda row: _number(row.values["relative_change"]))
    side = "B" if row.values["dtype_right"] in QUANTISED_ERROR else "A"
    kinds = Counter(str(row.values["dtype_right" if side == "B" else "dtype_left"]) for row in rows)
    most = display.number(100 * _number(row.values["relative_change"]), 2)
    sure = all(each.values.get("by_steps") is True for each in rows)
    why = "every change is what that loses" if sure else "no change is larger than what that may lose"
    why = f"{why}, at most {most} %{_guessed(rows)}"
    return f"{side} is quantised to {display.listing(kinds)}: {why}"


def _number(value: Plain) -> float:
    return value if isinstance(value, float) else 0.0


def _same(row: Row) -> bool:
    return row.status is Status.SAME


def _most(layers: dict[str, list[Row]]) -> str:
    """`, most in 24–31`, where fewer than half of the layers moved nearly as much as the most moved one."""
    change = {name: pooled(rows) for name, rows in layers.items()}
    known = {name: value for name, value in change.items() if value is not None and value == value}
    if len(known) < 2 or len(known) < len(layers):
        return ""
    peak = max(known.values())
    most = [name for name, value in known.items() if value >= _MOST * peak]
    if len(most) * 2 > len(layers):
        return ""
    return f", most in {display.listing(ranges(most), 4)}"


def ranges(layers: Sequence[str]) -> list[str]:
    """Names of layers with neighbours drawn together: `24–31`; the stack's name only where it is not plain."""
    found: list[tuple[str, int, int]] = []
    for name in layers:
        stack, _, number = name.rpartition(" ")
        place = int(number)
        if found and found[-1][0] == stack and found[-1][2] == place - 1:
            found[-1] = (stack, found[-1][1], place)
        else:
            found.append((stack, place, place))
    return [
        f"{'' if stack == 'layer' else display.visible(stack) + ' '}{first}{f'–{last}' if last > first else ''}"
        for stack, first, last in found
    ]
