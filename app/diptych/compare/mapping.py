"""One name for one tensor, whoever wrote it: Hugging Face, GGUF, Meta, GPT-2, MLX, apart or fused into one matrix.

The canonical names are those of a Llama by Hugging Face, without the wrappers before them. A fused matrix is several
names, each with a view of the rows that it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from diptych.compare import modules
from diptych.compare.conventions import (
    EXPERT,
    EXPERT_PARTS,
    EXPERTS,
    FOUR_NORMS,
    GATE_UP,
    GLM_NORMS,
    LAYER,
    OUTSIDE,
    PAIRED,
    PAIRING,
    QKV,
    QKV_BY_HEAD,
    QKV_PARTS,
    TURNED,
    WITHIN,
)
from diptych.domain.dossier import Dossier
from diptych.domain.tensor import DTYPE_BITS, TensorInfo
from diptych.domain.view import View


@dataclass(frozen=True, slots=True)
class Heads:
    """What the layout of a network's attention depends on."""

    query: int = 0
    """Nought where it is not known."""
    key: int = 0
    architecture: str = ""

    @classmethod
    def of(cls, *dossiers: Dossier) -> Heads:
        """As the first of `dossiers` says that says it."""
        query = next(filter(None, (_count(each, "num_attention_heads", "n_head", "n_heads") for each in dossiers)), 0)
        key = next(filter(None, map(_shared, dossiers)), 0)
        named = (each.version.family or _said(each, "arch.model_type") for each in dossiers)
        return cls(query, key or query, next((name for name in named if isinstance(name, str) and name), ""))


def _said(dossier: Dossier, key: str) -> object:
    return next((setting.value for setting in dossier.hyperparameters if setting.key == key), None)


def _shared(dossier: Dossier) -> int:
    """How many heads K and V have; nought where it is not said."""
    if _said(dossier, "arch.multi_query") is True and _said(dossier, "arch.new_decoder_architecture") is not True:
        return 1
    return _count(dossier, "num_key_value_heads", "num_kv_heads", "n_head_kv")


def _count(dossier: Dossier, *names: str) -> int:
    for name in names:
        value = _said(dossier, f"arch.{name}")
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1 << 20:
            return value
    return 0


@dataclass(frozen=True, slots=True)
class Named:
    """A stored tensor, or a part of it, under its canonical name."""

    name: str
    stored: TensorInfo
    view: View | None = None
    """None where the stored tensor is what is meant as it lies."""
    note: str = ""
    """How it lies there, where that is not plain."""

    @property
    def whole(self) -> bool:
        """Whether nothing but this tensor is in the stored one."""
        return self.view is None or prod(self.view.shape) == self.stored.elements

    @property
    def info(self) -> TensorInfo:
        """The tensor as people are told of it."""
        if self.view is None:
            return self.stored
        seen = self.view.seen(self.stored)
        return TensorInfo(
            self.stored.name if self.whole else self.name, seen.dtype, seen.shape, seen.file, seen.begin, seen.end
        )


def canonical(tensors: Sequence[TensorInfo], heads: Heads) -> dict[str, Named]:
    """The tensors by canonical name; what two tensors claim is left out, since neither is it for certain."""
    layout = _Layout.of(tensors, heads)
    found: dict[str, Named] = {}
    twice = set()
    for tensor in tensors:
        for named in _named(tensor, layout):
            if named.name in found:
                twice.add(named.name)
            found[named.name] = named
    return {name: named for name, named in found.items() if name not in twice}


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the names and shapes of a whole network tell about each of its tensors."""

    heads: Heads
    gguf: bool
    conv: bool
    """Its matrices are in × out."""
    norms: Mapping[str, str]
    """What the four norms of a layer are called, where the names are not the usual ones."""
    paired: bool
    """The rows of Q and K lie as rotary pairs."""
    gated: bool
    """Its `ffn_up` is gate and up in one."""

    @classmethod
    def of(cls, tensors: Sequence[TensorInfo], heads: Heads) -> _Layout:
        names = {tensor.name for tensor in tensors}
        gguf = any(name.startswith("blk.") for name in names)
        fused = [t.shape for t in tensors if t.name.endswith("attn.c_attn.weight") and len(t.shape) == 2]
        plain = not any(name.endswith((".attn_q.bias", ".attn_q_norm.weight")) for name in names)
        known = heads.architecture.lower().removesuffix("forcausallm")
        ups = [t.shape for t in tensors if t.name.endswith(".ffn_up.weight") and len(t.shape) == 2]
        downs = [t.shape for t in tensors if t.name.endswith(".ffn_down.weight") and len(t.shape) == 2]
        return cls(
            heads,
            gguf,
            conv=bool(fused) and all(shape[1] == 3 * shape[0] for shape in fused),
            norms=_norms(names),
            paired=(known in PAIRING if known else plain) if gguf else True,
            gated=bool(ups) and bool(downs) and ups[0][0] == 2 * downs[0][1],
        )


def _norms(names: Collection[str]) -> Mapping[str, str]:
    if any(name.endswith(".post_ffw_norm.weight") for name in names):
        return FOUR_NORMS
    return GLM_NORMS if any(name.endswith(".post_self_attn_layernorm.weight") for name in names) else {}


def _named(tensor: TensorInfo, layout: _Layout) -> Iterator[Named]:
    stem, _, end = tensor.name.rpartition(".")
    if end not in ("weight", "bias"):
        return
    match = LAYER.match(stem)
    if match is None:
        words = modules.common(stem)
        yield Named(f"{OUTSIDE.get(words, words)}.{end}", tensor)
        return
    stack = modules.common(match["stack"]) if match["stack"] else ""
    outer = "" if not stack or modules.wraps(stack) else f"{stack}."
    prefix, rest = f"{outer}layers.{int(match['number'])}.", match["rest"]
    transposed = layout.conv and rest in TURNED and len(tensor.shape) == 2 and tensor.dtype in DTYPE_BITS
    if rest in QKV or rest in QKV_BY_HEAD:
        yield from _split(tensor, prefix, "self_attn", ("q_proj", "k_proj", "v_proj"), end, transposed, layout,
                          rest in QKV_BY_HEAD and layout.heads.architecture.lower() not in QKV_PARTS)  # fmt: skip
    elif rest in GATE_UP or (layout.gated and rest == "ffn_up"):
        yield from _split(tensor, prefix, "mlp", ("gate_proj", "up_proj"), end, False, layout)
    elif (stacked := EXPERTS.match(rest)) and len(tensor.shape) == 3:
        yield from _unstacked(tensor, prefix, EXPERT_PARTS[stacked["ggml"] or stacked["mlx"]], end)
    elif one := EXPERT.match(rest):
        part, number = EXPERT_PARTS[one["part"] or one["ggml"]], int(one["number"] or one["at"])
        yield Named(f"{prefix}mlp.experts.{number}.{part}.{end}", tensor)
    else:
        name = f"{prefix}{layout.norms.get(rest) or WITHIN.get(rest, rest)}.{end}"
        heads = layout.heads.query if rest in ("attn_q", "attention.wq") else layout.heads.key
        paired = layout.paired and rest in PAIRED and heads > 0 and tensor.shape[0] % (2 * heads) == 0
        if paired:
            view = View(tensor.name, tensor.shape, heads=heads)
            yield Named(name, tensor, view, f"rows of {heads} heads put back in order")
        elif transposed:
            yield Named(name, tensor, View(tensor.name, tensor.shape[::-1], transposed=True), "turned")
        else:
            yield Named(name, tensor)


def _split(
    tensor: TensorInfo,
    prefix: str,
    outer: str,
    parts: Sequence[str],
    end: str,
    transposed: bool,
    layout: _Layout,
    by_head: bool = False,
) -> Iterator[Named]:
    """A fused matrix as its parts, one below the other, or side by side for each head of K and V."""
    shape = tensor.shape[::-1] if transposed else tensor.shape
    sizes = _sizes(shape[0] if shape else 0, len(parts), layout.heads)
    groups = layout.heads.key if by_head else 0
    if by_head and not (groups and sizes and layout.heads.query % groups == 0):
        return
    first, whole = 0, modules.module(tensor.name).rpartition(".")[2]
    for part, size in zip(parts, sizes, strict=False):
        view = View(tensor.name, (size, *shape[1:]), first, transposed, groups=groups if groups > 1 else 0)
        lies = "columns" if transposed else "rows"
        share = size // max(groups, 1)
        note = f"{lies} {first:,}–{first + share - 1:,} of {whole}"
        yield Named(f"{prefix}{outer}.{part}.{end}", tensor, view, f"{note}, by head" if groups > 1 else note)
        first += share


def _unstacked(tensor: TensorInfo, prefix: str, part: str, end: str) -> Iterator[Named]:
    """The experts of a layer, one below the other."""
    experts, *shape = tensor.shape
    for number in range(experts):
        view = View(tensor.name, tuple(shape), number * shape[0])
        yield Named(f"{prefix}mlp.experts.{number}.{part}.{end}", tensor, view, f"expert {number} of the stack")


def _sizes(rows: int, parts: int, heads: Heads) -> Sequence[int]:
    """The rows of each part; nothing where they do not come out even."""
    if parts == 3 and heads.query:
        width, left = divmod(rows, heads.query + 2 * heads.key)
        return () if left or not width else (width * heads.query, width * heads.key, width * heads.key)
    return () if rows % parts or not rows else (rows // parts,) * parts


def views_of(named: Mapping[str, Named]) -> list[View]:
    """Every view that these names need."""
    return [each.view for each in named.values() if each.view is not None]
