"""Two adapters side by side: how far apart their effective changes of each module lie, not their thin matrices.

The same change has many factors, so that A and B of two trainings differ where their product does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diptych import display
from diptych.compare import measured, modules
from diptych.compare.effective import Adapter
from diptych.compare.grid import grid
from diptych.compare.structure import Pairing
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Cell, Clause, Column, Row, Sheet, Status
from diptych.domain.tensor import TensorInfo, TensorSource
from diptych.domain.version import Kind, Source
from diptych.errors import DiptychError
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from diptych.tensors.effective import Factors

_COLUMNS = (
    Column("relative_change", "‖Δ‖ ∕ ‖s·BA‖", format="g3"),
    Column("cosine", "cosine", format="g6"),
    Column("norm_left", "‖s·BA‖ in A", format="g3"),
    Column("norm_right", "‖s·BA‖ in B", format="g3"),
    Column("elements", "elements", format="count"),
)
_SAYING = "Comparing what the adapters change"
_ALIKE = 0.05
"""Logarithm of a ratio of sizes below which nothing is said of it."""
_ROUNDING = 1e-12
"""Below this share of their sizes, two changes are the same but for the order of additions."""


def applies(left: Dossier, right: Dossier) -> bool:
    """Whether both are adapters with thin matrices that can be read."""
    return all(
        side.version.kind is Kind.ADAPTER and side.weights is not None and bool(Adapter.of(side).modules)
        for side in (left, right)
    )


def compare(left: Dossier, right: Dossier) -> Job[Sheet]:
    """A row for each module that either changes, then the tensors that are no thin matrices."""
    sides = Adapter.of(left), Adapter.of(right)
    names = [each.modules for each in sides]
    both = sorted({*names[0], *names[1]}, key=lambda name: modules.place(f"{name}.weight").order)
    rows: dict[str, Row] = {}
    note = ""
    assert left.weights is not None
    assert right.weights is not None
    try:
        with left.weights() as ours, right.weights() as theirs:
            for place, module in enumerate(both):
                yield Tick(_SAYING, place, len(both), "modules")
                changes = [each.factors(module, source) for each, source in zip(sides, (ours, theirs), strict=True)]
                rows[f"{module}.weight"] = _row(module, sides, changes)
            yield from _others(sides, (ours, theirs), rows)
    except DiptychError as error:
        note = f"sizes unknown: {display.visible(error.message)}"
    keys = sorted(rows, key=lambda key: modules.place(key).order)
    found = tuple(rows[key] for key in keys)
    notes = ("both are adapters: rows are the modules that they change, measured by s·BA", *([note] if note else []))
    clauses = (*_broken(found), *_said(found))
    heat = grid(keys, rows)
    return Sheet("weights", "Weights", "modules", found, _COLUMNS, grid=heat, clauses=clauses, notes=notes)


def _row(module: str, sides: tuple[Adapter, Adapter], changes: list[Factors | None]) -> Row:
    cells = [_cell(side, module) for side in sides]
    key, group = f"{module}.weight", modules.place(f"{module}.weight").row
    values: dict[str, Plain] = dict(measured.UNMEASURED)
    status, note = Status.NOT_COMPARABLE, "the scale of the change is not recorded"
    left, right = changes
    if cells[0] is None or cells[1] is None:
        status, note = (Status.RIGHT_ONLY if cells[0] is None else Status.LEFT_ONLY), ""
    elif left is not None and right is not None:
        if left.shape != right.shape:
            note = "the weights that they change have other shapes: they were made for different bases"
        else:
            status, note = _measure(left, right, values)
    relative = values["relative_change"]
    change = display.number(relative, 3) if isinstance(relative, float) and relative else ""
    return Row(key, status, cells[0], cells[1], display.visible(key), group, change=change, note=note, values=values)


def _measure(left: Factors, right: Factors, values: dict[str, Plain]) -> tuple[Status, str]:
    """Put the numbers of a module that both change; how it stands, and what else there is to say."""
    nonfinite = left.nonfinite, right.nonfinite
    left, right = left.finite, right.finite
    norms = left.norm, right.norm
    apart = right.minus(left).norm
    if apart <= _ROUNDING * max(norms):
        apart = 0.0
    values |= {
        "relative_change": apart / norms[0] if norms[0] else 0.0 if not apart else float("inf"),
        "cosine": left.cosine(right) if apart else 1.0,
        "norm_left": norms[0],
        "norm_right": norms[1],
        "norm_change": apart,
        "elements": left.shape[0] * left.shape[1],
        "rank_left": left.rank,
        "rank_right": right.rank,
    }
    if any(nonfinite):
        values |= {"nonfinite": sum(nonfinite), "nonfinite_left": nonfinite[0], "nonfinite_right": nonfinite[1]}
        sides = zip("AB", nonfinite, strict=True)
        told = ", ".join(f"{count:,} NaN or infinite in {side}" for side, count in sides if count)
        return Status.DIFFERS, f"{told}, left out of the numbers"
    if left.lengths is None and right.lengths is None:
        return (Status.DIFFERS if apart else Status.SAME), ""
    if left.lengths is None or right.lengths is None:
        return Status.DIFFERS, "DoRA on one side only: lengths of rows are learnt there"
    equal = bool((left.lengths == right.lengths).all())
    note = "DoRA: " + ("lengths of rows are equal" if equal else "lengths of rows differ too")
    return (Status.SAME if equal and not apart else Status.DIFFERS), note


def _cell(side: Adapter, module: str) -> Cell | None:
    thin = side.pair(module)
    if thin is None:
        return None
    scale = side.scale(module, thin.rank)
    text = f"rank {thin.rank}" + (f", scale {display.number(scale, 3)}" if scale is not None else "")
    return Cell(text, {"rank": thin.rank, "scale": scale}, Source(thin.a.file))


def _others(
    sides: tuple[Adapter, Adapter], sources: tuple[TensorSource, TensorSource], rows: dict[str, Row]
) -> Job[None]:
    """Tensors that an adapter keeps whole: biases, modules that were trained with it."""
    from diptych.tensors.difference import difference

    whole = [_whole(side) for side in sides]
    pairs: dict[tuple[str, str], Pairing] = {}
    for name in {**whole[0], **whole[1]}:
        pair = Pairing(whole[0].get(name), whole[1].get(name))
        if pair.measurable and measured.readable(pair):
            pairs[name, name] = pair
        else:
            row = measured.structural(name, pair)
            assert row is not None
            rows[name] = row
    for key, numbers in difference(*sources, list(pairs)):
        if numbers is not None:
            rows[key[0]] = measured.row(key[0], pairs[key], numbers)
        yield Tick(_SAYING)


def _whole(side: Adapter) -> dict[str, TensorInfo]:
    """The tensors that belong to no product, by name."""
    factors = {each for module in side.modules if (thin := side.pair(module)) for each in (thin.a, thin.b)}
    factors |= {learnt for module in side.modules if (learnt := side.lengths(module))}
    return {t.name: t for found in side.tensors.values() for t in found if t not in factors}


def _broken(rows: tuple[Row, ...]) -> list[Clause]:
    found = []
    for side, name in (("B", "nonfinite_right"), ("A", "nonfinite_left")):
        if bad := [row for row in rows if row.values.get(name)]:
            text = f"NaN or infinite values in {display.plural(len(bad), 'module')} of {side}"
            found.append(Clause(text, "weights", bad[0].key, 2))
    return found


def _strength(rows: Sequence[Row]) -> str:
    """By how much B's changes are larger than A's in the middle, where that is not about the same."""
    pairs = [(row.values.get("norm_left"), row.values.get("norm_right")) for row in rows]
    ratios = sorted(b / a for a, b in pairs if isinstance(a, float) and isinstance(b, float) and a and b)
    middle = ratios[len(ratios) // 2] if ratios else 1.0
    return "" if abs(math.log(middle)) < _ALIKE else f", B's {display.number(middle, 2)} times as large as A's"


def _said(rows: tuple[Row, ...]) -> list[Clause]:
    both = [row for row in rows if row.status in (Status.SAME, Status.DIFFERS)]
    moved = [row for row in both if row.status is Status.DIFFERS]
    found = []
    if both and not moved:
        found.append(Clause(f"the adapters change all {len(both):,} common modules alike", "weights", weight=2))
    elif moved:
        cosines = sorted(value for row in moved if isinstance(value := row.values.get("cosine"), float))
        alike = f", cosine {display.number(cosines[len(cosines) // 2], 2)} in the middle" if cosines else ""
        text = (
            f"the adapters change {len(moved):,} of {len(both):,} common modules differently{alike}{_strength(moved)}"
        )
        found.append(Clause(text, "weights", moved[0].key, 2))
    for side, status in (("A", Status.LEFT_ONLY), ("B", Status.RIGHT_ONLY)):
        only = [row for row in rows if row.status is status]
        if only:
            text = f"{display.plural(len(only), 'module')} changed only by {side}"
            found.append(Clause(text, "weights", only[0].key, 1))
    apart = [row for row in rows if row.status is Status.NOT_COMPARABLE]
    if apart:
        text = f"{display.plural(len(apart), 'module')} not compared: {apart[0].note}"
        found.append(Clause(text, "weights", apart[0].key, 1))
    return found
