"""Rows for tensors: what the headers say, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from diptych import display
from diptych.compare import modules
from diptych.compare.structure import Pairing
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain
from diptych.domain.sheet import Cell, Row, Status
from diptych.domain.tensor import DTYPE_BITS, ROUNDING, TensorInfo, narrower
from diptych.domain.version import Source

if TYPE_CHECKING:
    from diptych.domain.fingerprint import Estimate, TensorPrint
    from diptych.tensors.difference import TensorDifference

UNMEASURED: Mapping[str, Plain] = {
    "relative_change": None,
    "cosine": None,
    "max_abs": None,
    "changed_fraction": None,
}
"""What every row of weights carries, so that whoever reads them need not ask first."""

QUANTISED_ERROR: Mapping[str, float] = {
    "Q8_0": 0.015, "Q6_K": 0.04, "Q5_0": 0.08, "Q5_1": 0.08, "Q5_K": 0.08, "Q4_0": 0.16, "Q4_1": 0.16, "Q4_K": 0.16,
    "IQ4_NL": 0.16, "IQ4_XS": 0.16, "MXFP4": 0.2, "Q3_K": 0.3, "IQ3_S": 0.3, "IQ3_XXS": 0.35, "Q2_K": 0.5,
    "IQ2_S": 0.5, "IQ2_XS": 0.5, "IQ2_XXS": 0.5, "IQ1_S": 0.8, "IQ1_M": 0.8, "TQ1_0": 0.8, "TQ2_0": 0.8,
}  # fmt: skip
"""The relative error of a whole tensor that block types stay below with weights as networks have them.

About one and a half times what half a step of so many bits leaves of normally distributed values in blocks; tests hold
types of 8, 5 and 4 bits against GGML's own converter.
"""

_DECADES = 6
"""A bar reaches from a relative change of one millionth to one."""


def structural(name: str, pair: Pairing) -> Row | None:
    """The row that the headers alone decide; None where the values must be read first."""
    if pair.left is None or pair.right is None:
        return _row(name, pair, Status.LEFT_ONLY if pair.right is None else Status.RIGHT_ONLY)
    if packed := _packed(pair):
        return _row(name, pair, Status.NOT_COMPARABLE, note=packed)
    if pair.left.shape != pair.right.shape:
        return _row(name, pair, Status.DIFFERS, note=_sizes(pair))
    if not readable(pair):
        unknown = next(each.dtype for each in (pair.left, pair.right) if not _known(each.dtype))
        return _row(name, pair, Status.NOT_COMPARABLE, note=f"values of {unknown} are not read")
    if pair.left.dtype != pair.right.dtype:
        return _row(name, pair, Status.DIFFERS, note=_dtypes(pair))
    return None


def readable(pair: Pairing) -> bool:
    """Whether the values of both sides are of types that are known."""
    return all(side is not None and _known(side.dtype) for side in (pair.left, pair.right))


def _known(dtype: str) -> bool:
    return dtype in DTYPE_BITS or dtype in QUANTISED_ERROR


def row(name: str, pair: Pairing, numbers: TensorDifference) -> Row:
    """The row of a measured tensor. It is the same only where every element is equal and the dtype too."""
    values: dict[str, Plain] = {
        "relative_change": numbers.relative_change,
        "cosine": numbers.cosine,
        "max_abs": numbers.max_abs,
        "changed_fraction": numbers.changed_fraction,
        "nonfinite": numbers.nonfinite_left + numbers.nonfinite_right,
        "nonfinite_left": numbers.nonfinite_left,
        "nonfinite_right": numbers.nonfinite_right,
        "norm_left": float(numbers.norm_left),
        "norm_right": float(numbers.norm_right),
        "norm_change": float(numbers.norm_change),
    }
    assert pair.left is not None
    assert pair.right is not None
    recast = pair.left.dtype != pair.right.dtype
    if cast := _cast(pair, numbers):
        values["cast"] = cast
    if pair.left.shape != pair.right.shape:
        values["grown"] = pair.grown
        rows = min(pair.left.shape[0], pair.right.shape[0])
        equal = " and equal" if numbers.identical else ""
        note = f"{_sizes(pair)}; {rows:,} common rows compared{equal}"
        return _row(name, pair, Status.DIFFERS, change=change(values), note=note, values=values)
    if numbers.identical:
        if recast:
            return _row(name, pair, Status.DIFFERS, note=f"{_dtypes(pair)}, every value equal", values=values)
        return _row(name, pair, Status.SAME, note=_nonfinite(numbers), values=values)
    if cast:
        why = ", every change is rounding"
        if cast == "quantised":
            why = f": {_quantised(pair, numbers)} keeps it to {display.number(100 * numbers.relative_change, 2)} %"
        return _row(name, pair, Status.DIFFERS, change=change(values), note=f"{_dtypes(pair)}{why}", values=values)
    note = "; ".join(text for text in (_dtypes(pair) if recast else "", _nonfinite(numbers)) if text)
    return _row(
        name,
        pair,
        Status.DIFFERS,
        change=change(values),
        magnitude=1.0 if numbers.nonfinite_left != numbers.nonfinite_right else _magnitude(numbers.relative_change),
        note=note,
        values=values,
    )


def _cast(pair: Pairing, numbers: TensorDifference) -> str:
    """`exact`, `rounded` or `quantised` where the dtype is all that changed the values; else empty."""
    assert pair.left is not None
    assert pair.right is not None
    recast = pair.left.dtype != pair.right.dtype
    if numbers.identical:
        return "exact" if recast else ""
    if numbers.beyond_rounding == 0 and numbers.nonfinite_left == numbers.nonfinite_right:
        return "rounded"
    return "quantised" if recast and _quantised(pair, numbers) else ""


def _cast_at_most(pair: Pairing, relative: float) -> str:
    """`rounded` or `quantised` where what is estimated is no more than the narrower dtype costs."""
    assert pair.left is not None
    assert pair.right is not None
    kinds = pair.left.dtype, pair.right.dtype
    if kinds[0] == kinds[1]:
        return ""
    lossy = max((QUANTISED_ERROR[kind] for kind in kinds if kind in QUANTISED_ERROR), default=0.0)
    if lossy:
        return "quantised" if relative <= lossy else ""
    narrow = narrower(*kinds)
    return "rounded" if narrow and relative <= 2.0 ** -ROUNDING[narrow][0] else ""


def estimated(name: str, pair: Pairing, found: Estimate, a: TensorPrint, b: TensorPrint) -> Row:
    """The row of a tensor of which fingerprints tell how far it moved; equal bytes are certain."""
    assert pair.left is not None
    assert pair.right is not None
    before, after = a.nans + a.infs, b.nans + b.infs
    values: dict[str, Plain] = {"nonfinite": before + after, "nonfinite_left": before, "nonfinite_right": after}
    values |= {"norm_left": a.norm, "norm_right": b.norm}
    if found.identical:
        values |= {"relative_change": 0.0, "cosine": 1.0, "max_abs": 0.0, "changed_fraction": 0.0, "norm_change": 0.0}
        return _row(name, pair, Status.SAME, note=_counted(before, after), values=values)
    relative = found.relative_change if a.norm else math.inf if b.norm else 0.0
    values |= {
        "relative_change": relative,
        "cosine": found.cosine,
        "norm_change": relative * a.norm if a.norm else b.norm,
    }
    values |= {"estimated": True, "low": found.low, "high": found.high}
    if cast := _cast_at_most(pair, relative):
        values["cast"] = cast
    recast = _dtypes(pair) if pair.left.dtype != pair.right.dtype else ""
    return _row(
        name,
        pair,
        Status.DIFFERS,
        change=change(values),
        magnitude=1.0 if before != after else _magnitude(relative),
        note="; ".join(filter(None, (recast, _counted(before, after)))),
        values=values,
    )


def change(values: Mapping[str, Plain]) -> str:
    """The change of a measured tensor as shown: its relative size, unless NaN or infinities came or went.

    An estimate stands with its bounds: `≈ 0.013 (0.012–0.014)`.
    """
    before, after = values.get("nonfinite_left"), values.get("nonfinite_right")
    if before != after and isinstance(before, int) and isinstance(after, int):
        return "NaN or ∞ appeared" if after > before else "NaN or ∞ gone"
    relative = values.get("relative_change")
    if not isinstance(relative, float) or not 0 < relative < math.inf:
        return ""
    low, high = values.get("low"), values.get("high")
    if not isinstance(low, float) or not isinstance(high, float):
        return display.number(relative, 3)
    return f"≈ {display.number(relative, 3)} ({display.number(low, 3)}–{display.number(high, 3)})"


def unread(name: str, pair: Pairing, left: Dossier, right: Dossier, why: str) -> Row:
    """The row of a tensor whose values could not be read. The digests of whole files may still prove it equal."""
    assert pair.left is not None
    assert pair.right is not None
    if pair.left.shape != pair.right.shape:
        grown: dict[str, Plain] = {"grown": pair.grown} if pair.grown else {}
        return _row(name, pair, Status.DIFFERS, note=f"{_sizes(pair)}; {why}", values=grown)
    if pair.left.dtype != pair.right.dtype:
        return _row(name, pair, Status.DIFFERS, note=f"{_dtypes(pair)}; {why}")
    if not any(pair.views) and _same_file(pair.left, pair.right, left, right):
        values: dict[str, Plain] = {"relative_change": 0.0, "max_abs": 0.0, "changed_fraction": 0.0}
        return _row(name, pair, Status.SAME, note="equal by the digest of its file", values=values)
    return _row(name, pair, Status.NOT_COMPARABLE, note=why)


def _same_file(a: TensorInfo, b: TensorInfo, left: Dossier, right: Dossier) -> bool:
    digests = [
        next((file.digest for file in side.version.artifacts if file.path == tensor.file), None)
        for side, tensor in ((left, a), (right, b))
    ]
    return digests[0] is not None and digests[0] == digests[1] and (a.begin, a.end) == (b.begin, b.end)


def _row(
    name: str,
    pair: Pairing,
    status: Status,
    change: str = "",
    magnitude: float | None = None,
    note: str = "",
    values: dict[str, Plain] | None = None,
) -> Row:
    named = pair.left or pair.right
    assert named is not None
    extra: dict[str, Plain] = {"elements": named.elements, **UNMEASURED}
    for side, tensor, stored in (("left", pair.left, pair.stored[0]), ("right", pair.right, pair.stored[1])):
        extra[f"dtype_{side}"] = tensor.dtype if tensor else None
        extra[f"shape_{side}"] = list(tensor.shape) if tensor else None
        if tensor and stored != name:
            extra[f"tensor_{side}"] = stored
    if pair.tied:
        extra["tied"] = True
    place = modules.place(pair.name)
    return Row(
        name,
        status,
        _cell(pair.left),
        _cell(pair.right),
        display.visible(name),
        place.row,
        change=change,
        magnitude=magnitude,
        note="; ".join(display.visible(text) for text in (pair.note, note) if text),
        values=extra | (values or {}),
    )


def _cell(tensor: TensorInfo | None) -> Cell | None:
    if tensor is None:
        return None
    source = Source(tensor.file, f"bytes {tensor.begin} to {tensor.end}")
    return Cell(f"{display.visible(tensor.dtype)} {_shape(tensor)}", f"{tensor.dtype} {list(tensor.shape)}", source)


def _shape(tensor: TensorInfo) -> str:
    return " × ".join(str(length) for length in tensor.shape) or "scalar"


def _packed(pair: Pairing) -> str:
    """Says so where one side keeps several values in each whole number, as MLX, GPTQ and bitsandbytes do."""
    assert pair.left is not None
    assert pair.right is not None
    kinds = pair.left.dtype, pair.right.dtype
    for side, kind, other in (("B", kinds[1], kinds[0]), ("A", kinds[0], kinds[1])):
        if kind in ("U8", "I32", "U32") and other in ROUNDING and pair.left.shape != pair.right.shape:
            return f"packed as {kind} in {side}, which is not read"
    return ""


def _sizes(pair: Pairing) -> str:
    assert pair.left is not None
    assert pair.right is not None
    grown = f" ({pair.grown:+,} rows in B)".replace("-", "−") if pair.grown else ""
    return f"reshaped: {_shape(pair.left)} → {_shape(pair.right)}{grown}"


def _quantised(pair: Pairing, numbers: TensorDifference) -> str:
    """The block type that explains the change; empty where neither side is of one, or the change is larger."""
    assert pair.left is not None
    assert pair.right is not None
    kinds = [each.dtype for each in (pair.left, pair.right) if each.dtype in QUANTISED_ERROR]
    if not kinds or numbers.nonfinite_left != numbers.nonfinite_right:
        return ""
    lossy = max(kinds, key=QUANTISED_ERROR.__getitem__)
    return lossy if numbers.relative_change <= QUANTISED_ERROR[lossy] else ""


def _dtypes(pair: Pairing) -> str:
    assert pair.left is not None
    assert pair.right is not None
    return f"dtype {pair.left.dtype} → {pair.right.dtype}"


def _nonfinite(numbers: TensorDifference) -> str:
    return _counted(numbers.nonfinite_left, numbers.nonfinite_right)


def _counted(left: int, right: int) -> str:
    sides = [("A", left), ("B", right)]
    return ", ".join(f"{count:,} NaN or infinite in {side}" for side, count in sides if count)


def _magnitude(relative: float) -> float:
    """Where the change lies on a logarithmic scale of six decades; what cannot be said is a full bar."""
    if not math.isfinite(relative):
        return 1.0
    return min(1.0, max(0.02, 1 + math.log10(relative) / _DECADES)) if relative > 0 else 0.0
