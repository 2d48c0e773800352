"""A merged model beside its adapter: whether it is the base with the adapter's change, and to how many digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from diptych import display
from diptych.compare import measured, modules
from diptych.compare.effective import Adapter, module_of
from diptych.compare.grid import grid
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Cell, Clause, Column, Row, Sheet, Status
from diptych.domain.tensor import TensorInfo, TensorSource
from diptych.domain.version import Source
from diptych.errors import DiptychError
from diptych.job import Job, Tick

if TYPE_CHECKING:
    from diptych.tensors.effective import Merge

Pair: TypeAlias = tuple[str, str]

_COLUMNS = (
    Column("relative_change", "‖W−W′‖ ∕ ‖W′‖", format="g3"),
    Column("max_abs", "max |W−W′|", format="g3"),
    Column("added", "‖s·BA‖", format="g3"),
    Column("beyond_rounding", "beyond rounding", format="count"),
    Column("elements", "elements", format="count"),
)
_NEAR = 0.1
"""Not farther from the merge than this share of what the adapter adds, or within rounding: it was merged."""


def compare(
    adapter: Adapter, model: Dossier, ordered: Sequence[TensorInfo], flipped: bool
) -> Job[Sheet | Clause | None]:
    """The sheet where `model` is the adapter's base with the adapter merged; else a sentence that says why it is not.

    None where nobody can say. The base must be known and here, and another one than `model`.
    """
    base = _base(adapter, model)
    if base is None or base.weights is None or model.weights is None or adapter.dossier.weights is None:
        return None
    before = {tensor.name: tensor for tensor in base.tensors}
    found: dict[str, tuple[TensorInfo, Merge]] = {}
    fitting = [t for t in ordered if _fits(t, before.get(t.name), adapter)]
    from diptych.tensors.effective import merge

    try:
        with base.weights() as theirs, model.weights() as ours, adapter.dossier.weights() as thin:
            for place, tensor in enumerate(fitting):
                yield Tick("Holding the merge against base and adapter", place, len(fitting), "tensors")
                factors = adapter.factors(module_of(tensor.name), thin)
                if factors is None:
                    return None
                if factors.shape != tensor.shape:
                    factors = factors.turned
                numbers = yield from merge(factors, theirs, before[tensor.name], ours, tensor)
                if numbers.deviation > _NEAR * numbers.added and numbers.beyond:
                    return _no_merge(base, tensor, numbers, flipped)
                found[tensor.name] = tensor, numbers
            rows = yield from _rest(adapter, ordered, found, before, (theirs, thin, ours), flipped)
    except DiptychError:
        # the usual comparison says what cannot be read
        return None
    return _sheet(adapter, base, ordered, found, rows, flipped) if found else None


def _no_merge(base: Dossier, tensor: TensorInfo, numbers: Merge, flipped: bool) -> Clause:
    model, side = ("B", "A") if flipped else ("A", "B")
    away = f"{display.number(numbers.deviation / numbers.added, 2)} times" if numbers.added else "much more than"
    text = (
        f"{model} is not {display.visible(base.version.name)} with the adapter {side} merged: "
        f"{display.visible(tensor.name)} lies {away} what the adapter adds away from that"
    )
    return Clause(text, "weights", tensor.name, 1)


def _base(adapter: Adapter, model: Dossier) -> Dossier | None:
    known = adapter.dossier.base() if adapter.dossier.base is not None else None
    if known is None or (known.version.id and known.version.id == model.version.id):
        return None
    return None if known.version.path == model.version.path else known


def _fits(tensor: TensorInfo, before: TensorInfo | None, adapter: Adapter) -> bool:
    """Whether the adapter changes this tensor, and the base has it in the same shape."""
    thin = adapter.pair(module_of(tensor.name)) if tensor.name.endswith("weight") else None
    return thin is not None and before is not None and before.shape == tensor.shape and (
        tensor.shape in (thin.shape, thin.shape[::-1])
    )  # fmt: skip


def _rest(
    adapter: Adapter,
    ordered: Sequence[TensorInfo],
    found: dict[str, tuple[TensorInfo, Merge]],
    before: dict[str, TensorInfo],
    sources: tuple[TensorSource, TensorSource, TensorSource],
    flipped: bool,
) -> Job[dict[str, Row]]:
    """Rows for all tensors: the merged by their deviation from the merge, the others by theirs from what is kept.

    That is the adapter's own tensor where it has one, else the base's; `sources` are base, adapter and model.
    """
    rows = {name: _row(tensor, numbers, flipped) for name, (tensor, numbers) in found.items()}
    base: dict[Pair, TensorInfo] = {}
    kept: dict[Pair, TensorInfo] = {}
    for tensor in ordered:
        if tensor.name in found or adapter.adds_bias(tensor.name):
            continue
        whole = adapter.whole(tensor.name)
        other = whole or before.get(tensor.name)
        if other is not None and other.shape == tensor.shape:
            (kept if whole else base)[other.name, tensor.name] = tensor
    for pairs, source, owner in ((base, sources[0], "base"), (kept, sources[1], "adapter")):
        yield from _beside(pairs, source, sources[2], owner, rows, flipped)
    for tensor in ordered:
        if tensor.name not in rows:
            adds = adapter.adds_bias(tensor.name)
            note = "the adapter adds a bias of its own: not held against it" if adds else "the base has no such tensor"
            rows[tensor.name] = _told(tensor, Status.NOT_COMPARABLE, note, {}, flipped)
    return rows


def _beside(
    pairs: dict[Pair, TensorInfo],
    source: TensorSource,
    model: TensorSource,
    owner: str,
    rows: dict[str, Row],
    flipped: bool,
) -> Job[None]:
    """Rows for tensors that ought to be as in `owner`, the base or the adapter."""
    from diptych.tensors.difference import difference

    for pair, numbers in difference(source, model, list(pairs)):
        yield Tick("Holding the merge against base and adapter")
        if numbers is None:
            continue
        rounded = numbers.identical or numbers.beyond_rounding == 0
        status = Status.SAME if rounded else Status.DIFFERS
        note = f"as in the {owner}" if numbers.identical else f"as in the {owner}, but for rounding" if rounded else (
            f"not as in the {owner}" if owner == "adapter" else "neither the adapter's nor as in the base"
        )  # fmt: skip
        values: dict[str, Plain] = {
            "relative_change": numbers.relative_change,
            "max_abs": numbers.max_abs,
            "beyond_rounding": numbers.beyond_rounding,
            "merged": False,
            "kept": owner == "adapter",
        }
        rows[pair[1]] = _told(pairs[pair], status, note, values, flipped)


def _row(tensor: TensorInfo, numbers: Merge, flipped: bool) -> Row:
    values: dict[str, Plain] = {
        "relative_change": numbers.relative,
        "max_abs": numbers.largest,
        "norm_change": numbers.deviation,
        "norm_left": numbers.merged,
        "added": numbers.added,
        "beyond_rounding": numbers.beyond,
        "merged": True,
    }
    note = f"{display.plural(numbers.beyond, 'element')} beyond rounding to {tensor.dtype}" if numbers.beyond else (
        f"merged: every deviation is rounding to {tensor.dtype}"
    )  # fmt: skip
    status = Status.DIFFERS if numbers.beyond else Status.SAME
    return _told(tensor, status, note, values, flipped)


def _told(tensor: TensorInfo, status: Status, note: str, values: dict[str, Plain], flipped: bool) -> Row:
    shape = f"{display.visible(tensor.dtype)} {' × '.join(str(length) for length in tensor.shape) or 'scalar'}"
    mine = Cell(shape, shape, Source(tensor.file, f"bytes {tensor.begin} to {tensor.end}"))
    where = "base + adapter" if values.get("merged") else "adapter" if values.get("kept") else "base"
    other = Cell(where, where.split()[0])
    relative = values.get("relative_change")
    return Row(
        tensor.name,
        status,
        other if flipped else mine,
        mine if flipped else other,
        display.visible(tensor.name),
        modules.place(tensor.name).row,
        change=display.number(relative, 3) if isinstance(relative, float) and 0 < relative < math.inf else "",
        note=note,
        values={"elements": tensor.elements, **measured.UNMEASURED, **values},
    )


def _sheet(
    adapter: Adapter,
    base: Dossier,
    ordered: Sequence[TensorInfo],
    found: dict[str, tuple[TensorInfo, Merge]],
    rows: dict[str, Row],
    flipped: bool,
) -> Sheet:
    keys = [tensor.name for tensor in ordered]
    listed = tuple(rows[key] for key in keys)
    model, side = ("B", "A") if flipped else ("A", "B")
    worst = max(found, key=lambda name: found[name][1].relative)
    most = found[worst][1]
    largest = max(numbers.largest for _, numbers in found.values())
    beyond = sum(numbers.beyond for _, numbers in found.values())
    why = (
        f"{display.plural(beyond, 'element')} beyond rounding"
        if beyond
        else f"all of it rounding to {found[worst][0].dtype}"
    )
    text = (
        f"{model} is {display.visible(base.version.name)} with the adapter {side} merged, exact to "
        f"{display.number(most.relative, 2)} (largest deviation {display.number(largest, 2)}; {why})"
    )
    clauses = [Clause(text, "weights", worst, 2)]
    missing = [module for module in adapter.modules if not any(module_of(name) == module for name in found)]
    if missing:
        text = f"{display.plural(len(missing), 'module')} of the adapter {side} not in the merge"
        clauses.append(Clause(text, "weights", weight=2))
    stray = [row for row in listed if row.status is Status.DIFFERS and not row.values.get("merged")]
    for kept, words in (
        (False, "changed that the adapter leaves alone"),
        (True, f"not as kept whole by the adapter {side}"),
    ):
        if some := [row for row in stray if bool(row.values.get("kept")) is kept]:
            clauses.append(Clause(f"{display.plural(len(some), 'tensor')} {words}", "weights", some[0].key, 2))
    notes = (f"rows are the tensors of {model}, held against {display.visible(base.version.name)} with {side} merged",)
    return Sheet("weights", "Weights", "tensors", listed, _COLUMNS, grid=grid(keys, rows), clauses=tuple(clauses),
                 notes=notes)  # fmt: skip
