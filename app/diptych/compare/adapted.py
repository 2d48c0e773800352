"""An adapter beside the model it was made for: what it adds to each tensor of the base.

A LoRA of rank r holds two thin matrices for a weight W and adds s·B·A to it, with s = alpha ∕ r (alpha ∕ √r with
rank-stabilised scaling). Its size follows without that product: ‖B·A‖² = trace((BᵀB)(A·Aᵀ)), two matrices of r × r.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diptych import display
from diptych.compare import modules
from diptych.compare.grid import grid
from diptych.compare.measured import UNMEASURED
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
    Column("elements", "elements", format="count"),
)
_STRAY = "changes nothing that the base has"
_LARGEST = 1 << 26
"""Elements of a thin matrix beyond which it is not one."""


def applies(left: Dossier, right: Dossier) -> bool:
    """Whether one side is an adapter and the other a whole model, so that tensors cannot be paired by name."""
    kinds = [side.version.kind is Kind.ADAPTER for side in (left, right)]
    return kinds[0] != kinds[1] and bool(left.tensors) and bool(right.tensors)


@dataclass(slots=True)
class _Adapter:
    """An adapter's tensors by the module that they change, under the base's name for it."""

    dossier: Dossier
    tensors: Mapping[str, Sequence[TensorInfo]]

    @classmethod
    def of(cls, dossier: Dossier) -> _Adapter:
        found: dict[str, list[TensorInfo]] = defaultdict(list)
        for tensor in dossier.tensors:
            found[modules.module(modules.common(tensor.name))].append(tensor)
        return cls(dossier, found)

    def pair(self, module: str) -> tuple[TensorInfo, TensorInfo] | None:
        """The thin matrices A (r × in) and B (out × r) of a module; None where it is adapted in another way."""
        ends = {end: [t for t in self.tensors.get(module, ()) if f"lora_{end}" in t.name] for end in "AB"}
        if any(len(found) != 1 or len(found[0].shape) != 2 for found in ends.values()):
            return None
        a, b = ends["A"][0], ends["B"][0]
        return (a, b) if a.shape[0] == b.shape[1] and max(a.elements, b.elements) <= _LARGEST else None

    def scale(self, rank: int) -> float | None:
        """What the product is multiplied by; None where the configuration does not say, or says it by module."""
        said = {setting.key: setting.value for setting in self.dossier.hyperparameters}
        alpha = said.get("adapter.lora_alpha")
        if not isinstance(alpha, int | float) or isinstance(alpha, bool) or said.get("adapter.alpha_pattern"):
            return None
        return alpha / (math.sqrt(rank) if said.get("adapter.use_rslora") is True else rank)


@dataclass(slots=True)
class _Comparison:
    """Rows by tensor of the base, filling."""

    base: Dossier
    adapter: _Adapter
    flipped: bool
    """The adapter is A."""
    rows: dict[str, Row] = field(default_factory=dict)

    def put(self, tensor: TensorInfo, status: Status, note: str, values: dict[str, Plain] | None = None) -> None:
        """A row for a tensor of the base, with the adapter's tensors on the other side."""
        found = self.adapter.tensors.get(modules.module(modules.common(tensor.name)), ())
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
            values={"elements": tensor.elements, **UNMEASURED, **(values or {})},
        )


def compare(left: Dossier, right: Dossier) -> Job[Sheet]:
    """A row for each tensor of the base: left as it is, or changed by so much."""
    flipped = left.version.kind is Kind.ADAPTER
    base, side = (right, left) if flipped else (left, right)
    found = _Comparison(base, _Adapter.of(side), flipped)
    ordered = sorted({t.name: t for t in base.tensors}.values(), key=lambda t: modules.place(t.name).order)
    known = {modules.module(modules.common(tensor.name)) for tensor in ordered}
    adapted = []
    for tensor in ordered:
        if modules.module(modules.common(tensor.name)) not in found.adapter.tensors or len(tensor.shape) < 2:
            found.put(tensor, Status.SAME, "left as it is by the adapter")
        else:
            adapted.append(tensor)
    note = yield from _measure(found, adapted)
    stray = [tensor for name, each in found.adapter.tensors.items() if name not in known for tensor in each]
    return _sheet(found, ordered, stray, note)


def _measure(found: _Comparison, adapted: Sequence[TensorInfo]) -> Job[str]:
    """Size what is added; the result says in one line why some of it could not be read."""
    base, side = found.base.weights, found.adapter.dossier.weights
    fault = "" if base and side else "sizes unknown: the weights of both sides are needed"
    if base and side:
        try:
            with base() as weights, side() as thin:
                for place, tensor in enumerate(adapted):
                    yield Tick("Comparing the adapter with its base", place, len(adapted), "tensors")
                    yield from _size(found, tensor, weights, thin)
        except DiptychError as error:
            fault = f"sizes unknown: {display.visible(error.message)}"
    for tensor in adapted:
        if tensor.name not in found.rows:
            found.put(tensor, Status.DIFFERS, "changed by the adapter; by how much is not known")
    yield Tick("Comparing the adapter with its base", len(adapted), len(adapted), "tensors")
    return fault


def _size(found: _Comparison, tensor: TensorInfo, weights: TensorSource, thin: TensorSource) -> Job[None]:
    pair = found.adapter.pair(modules.module(modules.common(tensor.name)))
    scale = found.adapter.scale(pair[0].shape[0]) if pair else None
    if pair is None or scale is None:
        return
    if sorted((pair[0].shape[1], pair[1].shape[0])) != sorted(tensor.shape):
        found.put(tensor, Status.DIFFERS, "the adapter does not fit this tensor: it was made for another base")
        return
    a, b = (_matrix(thin, each) for each in pair)
    added = abs(scale) * math.sqrt(max(0.0, float(np.sum((b.T @ b) * (a @ a.T)))))
    squares = 0.0
    for chunk in weights.read(tensor.name):
        squares += float(np.square(chunk, dtype=np.float64).sum())
        yield Tick("Comparing the adapter with its base")
    norm = math.sqrt(squares) if squares >= 0 else math.nan
    relative = added / norm if norm else math.inf if added else 0.0
    nothing = added == 0
    found.put(
        tensor,
        Status.SAME if nothing else Status.DIFFERS,
        f"LoRA of rank {a.shape[0]}" + (" that adds nothing" if nothing else ""),
        {"relative_change": relative, "norm_change": added, "norm_left": norm, "rank": a.shape[0], "scale": scale},
    )


def _matrix(source: TensorSource, tensor: TensorInfo) -> NDArray[np.float64]:
    return np.concatenate([chunk.astype(np.float64) for chunk in source.read(tensor.name)]).reshape(tensor.shape)


def _sheet(found: _Comparison, ordered: Sequence[TensorInfo], stray: Sequence[TensorInfo], note: str) -> Sheet:
    only = Status.LEFT_ONLY if found.flipped else Status.RIGHT_ONLY
    for tensor in stray:
        key = tensor.name if tensor.name not in found.rows else f"{tensor.name} (adapter)"
        cell = Cell(_shape(tensor), _shape(tensor), Source(tensor.file))
        left, right = (cell, None) if found.flipped else (None, cell)
        group = modules.place(tensor.name).row
        found.rows[key] = Row(key, only, left, right, display.visible(key), group, note=_STRAY, values=UNMEASURED)
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
    measured = [row for row in rows if "rank" in row.values]
    if measured and not changed:
        return [Clause(f"the adapter {side} changes nothing: every product is zero", "weights", measured[0].key, 2)]
    if not changed:
        return [Clause(f"the adapter {side} changes no tensor of the other side", "weights", weight=2)]
    ranks = sorted({str(row.values["rank"]) for row in measured})
    rank = f", rank {display.listing(ranks)}" if ranks else ""
    text = f"the adapter changes {len(changed):,} of {len(rows):,} tensors{rank}"
    return [Clause(text, "weights", changed[0].key, 2)]


def _shape(tensor: TensorInfo) -> str:
    return f"{display.visible(tensor.dtype)} {' × '.join(str(length) for length in tensor.shape) or 'scalar'}"
