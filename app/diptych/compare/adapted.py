"""An adapter beside the model it was made for: what it adds to each tensor of the base.

`tensors.effective` says what that is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from diptych import display
from diptych.compare import measured, merging, modules
from diptych.compare.effective import Adapter, module_of
from diptych.compare.grid import grid
from diptych.compare.structure import Pairing, on_common_rows, ties
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Cell, Clause, Column, Row, Sheet, Status
from diptych.domain.tensor import TensorInfo, TensorSource
from diptych.domain.version import Kind, Source
from diptych.errors import DiptychError
from diptych.job import Job, Tick

_COLUMNS = (
    Column("relative_change", "‖s·BA‖ ∕ ‖W‖", format="g3"),
    Column("rank", "rank"),
    Column("scale", "scale", format="g3"),
    Column("effective_rank", "effective rank", format="g3"),
    Column("elements", "elements", format="count"),
)
_SAYING = "Comparing the adapter with its base"
_UNTIED = "kept whole, where the base ties it to its embedding"
_STRAY = "changes nothing that the base has"


def applies(left: Dossier, right: Dossier) -> bool:
    """Whether one side is an adapter and the other a whole model, so that tensors cannot be paired by name."""
    kinds = [side.version.kind is Kind.ADAPTER for side in (left, right)]
    return kinds[0] != kinds[1] and bool(left.tensors) and bool(right.tensors)


@dataclass(slots=True)
class _Comparison:
    """Rows by tensor of the base, filling."""

    base: Dossier
    adapter: Adapter
    flipped: bool
    """The adapter is A."""
    rows: dict[str, Row] = field(default_factory=dict)

    def put(self, tensor: TensorInfo, status: Status, note: str, values: dict[str, Plain] | None = None) -> None:
        """A row for a tensor of the base, with the adapter's tensors on the other side."""
        found = self.adapter.tensors.get(module_of(tensor.name), ())
        mine = Cell(_shape(tensor), _shape(tensor), Source(tensor.file, f"bytes {tensor.begin} to {tensor.end}"))
        text = " · ".join(_shape(each) for each in found) or "as in the base"
        other = Cell(text, text, Source(found[0].file) if found else None)
        change = values.get("relative_change") if values else None
        self.rows[tensor.name] = Row(
            tensor.name,
            status,
            other if self.flipped else mine,
            mine if self.flipped else other,
            display.visible(tensor.name),
            modules.place(tensor.name).row,
            change=display.number(change, 3) if isinstance(change, float) and change else "",
            note=note,
            values={"elements": tensor.elements, **measured.UNMEASURED, **(values or {})},
        )

    def keep(self, row: Row) -> None:
        """Take in the row of a tensor that the adapter keeps whole, the base's on its left."""
        sides = (row.right, row.left) if self.flipped else (row.left, row.right)
        note = "; ".join(filter(None, ("kept whole by the adapter", row.note)))
        values = {**row.values, "kept": True}
        self.rows[row.key] = replace(row, left=sides[0], right=sides[1], note=note, values=values)


def compare(left: Dossier, right: Dossier) -> Job[Sheet]:
    """A row for each tensor of the base: left as it is, or changed by so much."""
    flipped = left.version.kind is Kind.ADAPTER
    base, side = (right, left) if flipped else (left, right)
    found = _Comparison(base, Adapter.of(side), flipped)
    ordered = sorted({t.name: t for t in base.tensors}.values(), key=lambda t: modules.place(t.name).order)
    known = {module_of(tensor.name) for tensor in ordered}
    adapted: list[TensorInfo] = []
    kept: list[Pairing] = []
    for tensor in ordered:
        if (whole := found.adapter.whole(tensor.name)) is not None:
            kept.append(on_common_rows(Pairing(tensor, whole)))
        elif found.adapter.adds_bias(tensor.name):
            found.put(tensor, Status.DIFFERS, "the adapter adds a bias of its own; how much that is is not known")
        elif len(tensor.shape) < 2 or not found.adapter.changes(module_of(tensor.name)):
            found.put(tensor, Status.SAME, "left as it is by the adapter")
        else:
            adapted.append(tensor)
    merged = yield from merging.compare(found.adapter, base, ordered, flipped)
    if isinstance(merged, Sheet):
        return merged
    note = yield from _measure(found, adapted, kept)
    stray = [tensor for name, each in found.adapter.tensors.items() if name not in known for tensor in each]
    sheet = _sheet(found, ordered, stray, note)
    return replace(sheet, clauses=(*sheet.clauses, merged)) if merged else sheet


def _measure(found: _Comparison, adapted: Sequence[TensorInfo], kept: Sequence[Pairing]) -> Job[str]:
    """Size what is added or replaced; the result says in one line why some of it could not be read."""
    base, side = found.base.weights, found.adapter.dossier.weights
    fault = "" if base and side else "sizes unknown: the weights of both sides are needed"
    if base and side:
        try:
            with base() as weights, side() as thin:
                for place, tensor in enumerate(adapted):
                    yield Tick(_SAYING, place, len(adapted), "tensors")
                    yield from _size(found, tensor, weights, thin)
                yield from _replaced(found, kept, weights, thin)
        except DiptychError as error:
            fault = f"sizes unknown: {display.visible(error.message)}"
    for tensor in (*adapted, *(pair.left for pair in kept if pair.left is not None)):
        if tensor.name not in found.rows:
            found.put(tensor, Status.DIFFERS, "changed by the adapter; by how much is not known")
    yield Tick(_SAYING, len(adapted), len(adapted), "tensors")
    return fault


def _replaced(found: _Comparison, kept: Sequence[Pairing], weights: TensorSource, thin: TensorSource) -> Job[None]:
    """Rows for what the adapter keeps whole, against what the base has in its place."""
    from diptych.tensors.difference import difference
    from diptych.tensors.viewed import Viewed

    ours, theirs = (
        Viewed(source, [view for pair in kept if (view := pair.views[side])])
        for side, source in enumerate((weights, thin))
    )
    readable = {pair.read: pair for pair in kept if pair.measurable and measured.readable(pair)}
    for pair in kept:
        if pair.read not in readable and (row := measured.structural(pair.name, pair)) is not None:
            found.keep(row)
    for read, numbers in difference(ours, theirs, list(readable)):
        yield Tick(_SAYING)
        if numbers is not None:
            found.keep(measured.row(readable[read].name, readable[read], numbers))


def _size(found: _Comparison, tensor: TensorInfo, weights: TensorSource, thin: TensorSource) -> Job[None]:
    from diptych.tensors.effective import added

    pair = found.adapter.pair(module_of(tensor.name))
    factors = found.adapter.factors(module_of(tensor.name), thin)
    if pair is None or factors is None:
        return
    if factors.shape != tensor.shape and factors.shape == tensor.shape[::-1]:
        factors = factors.turned
    if factors.shape != tensor.shape:
        found.put(tensor, Status.DIFFERS, "the adapter does not fit this tensor: it was made for another base")
        return
    size = yield from added(factors, weights, tensor)
    change = size.norm if factors.lengths is not None else factors.norm
    relative = change / size.weight if size.weight else math.inf if change else 0.0
    nothing = change == 0
    kind = "DoRA" if factors.lengths is not None else "LoRA"
    found.put(
        tensor,
        Status.SAME if nothing else Status.DIFFERS,
        f"{kind} of rank {pair.rank}" + (" that adds nothing" if nothing else ""),
        {
            "relative_change": relative,
            "max_abs": size.largest,
            "norm_change": change,
            "norm_left": size.weight,
            "rank": pair.rank,
            "scale": found.adapter.scale(module_of(tensor.name), pair.rank),
            "effective_rank": factors.spectrum().stable_rank,
        },
    )


def _sheet(found: _Comparison, ordered: Sequence[TensorInfo], stray: Sequence[TensorInfo], note: str) -> Sheet:
    only = Status.LEFT_ONLY if found.flipped else Status.RIGHT_ONLY
    for tensor in stray:
        key = tensor.name if tensor.name not in found.rows else f"{tensor.name} (adapter)"
        cell = Cell(_shape(tensor), _shape(tensor), Source(tensor.file))
        left, right = (cell, None) if found.flipped else (None, cell)
        group = modules.place(tensor.name).row
        note = _UNTIED if group == "head" and ties(found.base) else _STRAY
        found.rows[key] = Row(
            key, only, left, right, display.visible(key), group, note=note, values=measured.UNMEASURED
        )
    names = [tensor.name for tensor in ordered]
    rows = tuple(found.rows[name] for name in dict.fromkeys([*names, *found.rows]))
    keys = [row.key for row in rows]
    side = "A" if found.flipped else "B"
    notes = [
        f"{side} is an adapter: rows are the tensors of the base, changed by what it adds",
        *([note] if note else []),
    ]
    return Sheet("weights", "Weights", "tensors", rows, _COLUMNS, grid=grid(keys, found.rows),
                 clauses=tuple(_clauses(rows, side)), notes=tuple(notes))  # fmt: skip


def _clauses(rows: Sequence[Row], side: str) -> list[Clause]:
    changed = [row for row in rows if row.status is Status.DIFFERS]
    sized = [row for row in rows if "rank" in row.values]
    if sized and not changed:
        return [Clause(f"the adapter {side} changes nothing: every product is zero", "weights", sized[0].key, 2)]
    if not changed:
        return [Clause(f"the adapter {side} changes no tensor of the other side", "weights", weight=2)]
    ranks = sorted({str(row.values["rank"]) for row in sized})
    rank = f", rank {display.listing(ranks)}" if ranks else ""
    kept = sum(row.values.get("kept") is True for row in changed)
    whole = f", {kept:,} of them kept whole" if kept else ""
    text = f"the adapter changes {len(changed):,} of {len(rows):,} tensors{rank}{whole}"
    return [Clause(text, "weights", changed[0].key, 2)]


def _shape(tensor: TensorInfo) -> str:
    return f"{display.visible(tensor.dtype)} {' × '.join(str(length) for length in tensor.shape) or 'scalar'}"
