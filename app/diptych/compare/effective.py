"""An adapter as what it changes: for each module of the base, two thin matrices and what their product is scaled by."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diptych.compare import modules
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain
from diptych.domain.tensor import TensorInfo, TensorSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diptych.tensors.effective import Factors

_WRAPPED = "base_model.model."
"""What PEFT puts before the base's own names."""
_LARGEST = 1 << 26
"""Elements of a thin matrix beyond which it is not one."""
_MLX_LENGTHS = ".m"
"""How MLX calls the lengths that DoRA learns."""
_FACTORS = ("lora_", "ia3_", "hada_", "lokr_", "oft_", "boft_", "vera_")
"""Beginnings of the words by which an adapter calls what changes a weight rather than replaces it."""
_KINDS = (("lora_A", "lora_B", False), ("lora_embedding_A", "lora_embedding_B", True), ("lora_a", "lora_b", True))
"""What the thin matrices are called, and whether the product stands across the weight: PEFT's of a matrix, PEFT's of an
embedding, and MLX's, which multiplies from the other side."""


@dataclass(frozen=True, slots=True)
class Thin:
    """The two thin matrices of a module as they are stored: A is r × in and B out × r."""

    a: TensorInfo
    b: TensorInfo
    across: bool
    """Both are the other way round (MLX), or their product is (an embedding)."""
    rank: int
    shape: tuple[int, int]
    """Of the weight that they change, out × in."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's tensors by the module that they change, under the base's name for it."""

    dossier: Dossier
    tensors: Mapping[str, Sequence[TensorInfo]]
    said: Mapping[str, Plain]
    """Its settings, by key."""

    @classmethod
    def of(cls, dossier: Dossier) -> Adapter:
        """The adapter whose headers and settings `dossier` has."""
        found: dict[str, list[TensorInfo]] = defaultdict(list)
        for tensor in dossier.tensors:
            found[module_of(tensor.name.removesuffix(_MLX_LENGTHS))].append(tensor)
        return cls(dossier, found, {setting.key: setting.value for setting in dossier.hyperparameters})

    def pair(self, module: str) -> Thin | None:
        """The thin matrices of a module; None where it is adapted in another way."""
        for first, second, across in _KINDS:
            matrices = [t for t in self.tensors.get(module, ()) if len(t.shape) == 2]
            ends = [[t for t in matrices if _has(t.name, end)] for end in (first, second)]
            if any(len(found) != 1 for found in ends):
                continue
            a, b = ends[0][0], ends[1][0]
            mlx = first == "lora_a"
            rank, other = (a.shape[1], b.shape[0]) if mlx else (a.shape[0], b.shape[1])
            if rank != other or not rank or max(a.elements, b.elements) > _LARGEST:
                return None
            shape = (b.shape[1], a.shape[0]) if mlx else (b.shape[0], a.shape[1])
            return Thin(a, b, across, rank, shape[::-1] if across and not mlx else shape)
        return None

    @property
    def modules(self) -> list[str]:
        """The modules that it changes by thin matrices, in the order of the network."""
        return sorted(filter(self.pair, self.tensors), key=lambda name: modules.place(f"{name}.weight").order)

    def scale(self, module: str, rank: int) -> float | None:
        """What the product is multiplied by; None where the configuration does not say.

        PEFT takes the first entry of `alpha_pattern` that the module's full name ends with, as a regular expression.
        """
        given = _number(self.said.get("adapter.lora_parameters.scale"))
        if given is not None:
            return given
        patterns = _pattern(self.said, "adapter.alpha_pattern")
        full = modules.module(self.tensors[module][0].name.removeprefix(_WRAPPED))
        fitting = (value for pattern, value in patterns.items() if _ends_with(full, pattern))
        alpha = next(fitting, _number(self.said.get("adapter.lora_alpha")))
        if alpha is None:
            return None
        return alpha / (math.sqrt(rank) if self.said.get("adapter.use_rslora") is True else rank)

    def lengths(self, module: str) -> TensorInfo | None:
        """The learnt lengths of the rows, where the module has them (DoRA)."""
        named = (t for t in self.tensors[module] if "lora_magnitude_vector" in t.name or t.name.endswith(_MLX_LENGTHS))
        return next(named, None)

    def whole(self, name: str) -> TensorInfo | None:
        """What the adapter keeps in place of the base's tensor `name`: modules that were trained whole, biases."""
        module, end = module_of(name), name.rpartition(".")[2]
        if end == "weight" and self.pair(module) is not None:
            return None  # the base's own, beside what is added to it
        found = self.tensors.get(module, ())
        return next((t for t in found if _is_whole(t.name) and t.name.rpartition(".")[2] == end), None)

    def changes(self, module: str) -> bool:
        """Whether it has anything by which the module's weight is changed, thin matrices or another kind."""
        return not all(_is_whole(t.name) for t in self.tensors.get(module, ()))

    def adds_bias(self, name: str) -> bool:
        """Whether it adds to the base's bias `name`: B has one itself (PEFT's `lora_bias`)."""
        found = self.tensors.get(module_of(name), ())
        return name.endswith(".bias") and any(t.name.endswith(".bias") and _has(t.name, "lora_B") for t in found)

    def factors(self, module: str, source: TensorSource) -> Factors | None:
        """The change of a module's weight as it is stored in the base; None where its scale is not known."""
        from diptych.tensors.effective import Factors

        thin = self.pair(module)
        scale = self.scale(module, thin.rank) if thin else None
        if thin is None or scale is None:
            return None
        a, b = _matrix(source, thin.a), _matrix(source, thin.b)
        mlx = "lora_a" in thin.a.name
        if mlx:
            a, b = a.T, b.T
        elif thin.across:
            a, b = b.T, a.T
        learnt = self.lengths(module)
        lengths = _matrix(source, learnt).reshape(-1) if learnt is not None else None
        found = Factors(scale * b, a, lengths, upright=thin.across and not mlx)
        return found.turned if self.said.get("adapter.fan_in_fan_out") is True and not found.upright else found


def module_of(name: str) -> str:
    """The module that a tensor of an adapter or of a base belongs to, without what wraps it."""
    return modules.module(modules.common(name))


def _is_whole(name: str) -> bool:
    words = name.split(".")
    return words[-1] in ("weight", "bias") and not any(word.startswith(_FACTORS) for word in words)


def _has(name: str, end: str) -> bool:
    return end in name.split(".")


def _matrix(source: TensorSource, tensor: TensorInfo) -> NDArray[np.float64]:
    return np.concatenate([chunk.astype(np.float64) for chunk in source.read(tensor.name)]).reshape(tensor.shape)


def _number(value: Plain) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _pattern(said: Mapping[str, Plain], key: str) -> dict[str, float]:
    """The entries of a pattern, which stand as settings below its key, or as one object."""
    whole = said.get(key)
    entries = dict(whole) if isinstance(whole, dict) else {}
    entries |= {name.removeprefix(f"{key}.").replace("\\.", "."): value for name, value in said.items()
                if name.startswith(f"{key}.")}  # fmt: skip
    return {name: number for name, value in entries.items() if (number := _number(value)) is not None}


def _ends_with(module: str, pattern: str) -> bool:
    try:
        return re.match(rf"(?:.*\.)?(?:{pattern})$", module) is not None
    except re.error:
        return module.endswith(pattern)
