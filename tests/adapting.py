"""Adapters and models of a few small matrices, and what is said when they are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.compare.weights import Weights
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet
from diptych.domain.version import Kind
from diptych.job import finish
from dossiers import Bytes, dossier, version
from making import bfloat16

Arrays = dict[str, NDArray[np.float32]]
Q, UP = "model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj"
HEAD, NORM, BIAS = "lm_head.weight", "model.norm.weight", f"{Q}.bias"
SHAPES = {Q: (8, 8), UP: (12, 8)}


def stored(arrays: Arrays, dtype: str = "F32") -> Bytes:
    raw = {name: (bfloat16(a) if dtype == "BF16" else np.ascontiguousarray(a)).tobytes() for name, a in arrays.items()}
    return Bytes({name: (dtype, array.shape, raw[name]) for name, array in arrays.items()})


def model(arrays: Arrays, name: str = "base/1", dtype: str = "F32") -> Dossier:
    source = stored(arrays, dtype)
    return dossier({}, name=name, tensors=tuple(source.tensors()), weights=lambda: source)


def adapter(arrays: Arrays, settings: Mapping[str, Any] | None = None, base: Dossier | None = None) -> Dossier:
    source = stored(arrays)
    return dossier(
        {"adapter.lora_alpha": 8} | dict(settings or {}),
        version=version("lora/1", kind=Kind.ADAPTER),
        tensors=tuple(source.tensors()),
        weights=lambda: source,
        base=None if base is None else lambda: base,
    )


def weights(seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    found = {f"{module}.weight": random.standard_normal(shape).astype(np.float32) for module, shape in SHAPES.items()}
    return found | {"model.norm.weight": random.standard_normal(8).astype(np.float32)}


def thin(rank: int = 4, seed: int = 1) -> Arrays:
    random = np.random.default_rng(seed)
    found: Arrays = {}
    for module, (rows, columns) in SHAPES.items():
        found[f"base_model.model.{module}.lora_A.weight"] = random.standard_normal((rank, columns)).astype(np.float32)
        found[f"base_model.model.{module}.lora_B.weight"] = random.standard_normal((rows, rank)).astype(np.float32)
    return found


def product(arrays: Arrays, module: str) -> NDArray[np.float64]:
    ends = [arrays[f"base_model.model.{module}.lora_{end}.weight"].astype(np.float64) for end in "BA"]
    found: NDArray[np.float64] = ends[0] @ ends[1]
    return found


def compared(left: Dossier, right: Dossier) -> Sheet:
    return finish(Weights().compare(left, right, Rules()))


def rows(sheet: Sheet) -> dict[str, Row]:
    return {row.key: row for row in sheet.rows}


def said(sheet: Sheet) -> list[str]:
    return [clause.text for clause in sheet.clauses]


def dora(base: Arrays, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """An adapter with learnt lengths, and what its base becomes with it."""
    merged, lengths = dict(base), dict(arrays)
    for at, module in enumerate(SHAPES):
        sum_ = base[f"{module}.weight"].astype(np.float64) + 2 * product(arrays, module)
        learnt = np.linspace(1, 2 + at, len(sum_)).astype(np.float32)
        lengths[f"base_model.model.{module}.lora_magnitude_vector.weight"] = learnt
        scaled = sum_ * (learnt / np.linalg.norm(sum_, axis=1))[:, None]
        merged[f"{module}.weight"] = scaled.astype(np.float32)
    return lengths, merged


def turned(arrays: Arrays) -> Arrays:
    return {name: array.T.copy() for name, array in arrays.items()}


def merged_of(base: Arrays, arrays: Arrays) -> Arrays:
    found = dict(base)
    for module in SHAPES:
        found[f"{module}.weight"] = (base[f"{module}.weight"] + 2 * product(arrays, module)).astype(np.float32)
    return found


def with_whole(base: Arrays) -> tuple[Arrays, Arrays]:
    """An adapter with a head, a norm and a bias of its own, and what its base becomes with it."""
    random = np.random.default_rng(9)
    kept = {name: base[name] + random.standard_normal(base[name].shape).astype(np.float32) for name in
            (HEAD, NORM, BIAS)}  # fmt: skip
    named = {f"base_model.model.{name}": array for name, array in kept.items()}
    return thin() | named, merged_of(base, thin()) | kept


def wide() -> Arrays:
    random = np.random.default_rng(8)
    shapes = {HEAD: (16, 8), BIAS: (8,), f"{UP}.bias": (12,)}
    return weights() | {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
