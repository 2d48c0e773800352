"""One name for one tensor, whoever wrote it: Hugging Face, GGUF, Meta, GPT-2, MLX, apart or fused into one matrix.

The canonical names are those of a Llama by Hugging Face, without the wrappers before them. A fused matrix is several
names, each with a view of the rows that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from diptych.compare import modules
from diptych.domain.dossier import Dossier
from diptych.domain.tensor import DTYPE_BITS, TensorInfo
from diptych.domain.view import View

_LAYER = re.compile(r"^(?P<stack>.*?)(?:^|\.)(?:layers|blocks|blk|h)\.(?P<number>\d{1,6})\.(?P<rest>.+)$")

_WITHIN = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj", "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj", "feed_forward.w1": "mlp.gate_proj", "feed_forward.w3": "mlp.up_proj",
    "feed_forward.w2": "mlp.down_proj", "attention_norm": "input_layernorm",
    "attn.c_proj": "self_attn.o_proj", "attn.out_proj": "self_attn.o_proj", "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm", "mlp.c_fc": "mlp.up_proj", "mlp.c_proj": "mlp.down_proj",
    "norm_1": "input_layernorm", "norm_2": "post_attention_layernorm",
}  # fmt: skip
"""Modules within a layer whose names are not the canonical ones."""
_GEMMA = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
"""What a layer of a GGUF with four norms calls them."""
_WHOLE = {
    "token_embd": "embed_tokens", "tok_embeddings": "embed_tokens", "wte": "embed_tokens",
    "position_embd": "wpe", "output_norm": "norm", "ln_f": "norm", "norm_f": "norm", "output": "lm_head",
}  # fmt: skip
_QKV = frozenset(
    {"self_attn.qkv_proj", "attn.c_attn", "attn_qkv", "attn.Wqkv", "self_attn.Wqkv", "attention.Wqkv", "mixer.Wqkv"}
)
_GATE_UP = frozenset({"mlp.gate_up_proj"})
_CONV = frozenset({"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"})
"""Modules that GPT-2 stores as in × out."""
_PAIRED = frozenset({"attn_q", "attn_k", "attention.wq", "attention.wk"})
"""Projections that GGUF of a Llama and Meta's own files keep as rotary pairs."""
_PAIRING = frozenset({"llama", "mistral", "mixtral"})
"""Architectures whose converter to GGUF reorders the rows of Q and K."""


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
        query = next(filter(None, (_count(each, "num_attention_heads", "n_head") for each in dossiers)), 0)
        key = next(filter(None, (_count(each, "num_key_value_heads") for each in dossiers)), 0)
        named = (each.version.family or _said(each, "arch.model_type") for each in dossiers)
        return cls(query, key or query, next((name for name in named if isinstance(name, str) and name), ""))


def _said(dossier: Dossier, key: str) -> object:
    return next((setting.value for setting in dossier.hyperparameters if setting.key == key), None)


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
        return self.view is None or self.view.shape[0] == self.stored.shape[-1 if self.view.transposed else 0]

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
    four_norms: bool
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
            four_norms=any(name.endswith(".post_ffw_norm.weight") for name in names),
            paired=(known in _PAIRING if known else plain) if gguf else True,
            gated=bool(ups) and bool(downs) and ups[0][0] == 2 * downs[0][1],
        )


def _named(tensor: TensorInfo, layout: _Layout) -> Iterator[Named]:
    stem, _, end = tensor.name.rpartition(".")
    if end not in ("weight", "bias"):
        return
    match = _LAYER.match(stem)
    if match is None:
        words = modules.common(stem)
        yield Named(f"{_WHOLE.get(words, words)}.{end}", tensor)
        return
    stack = modules.common(match["stack"]) if match["stack"] else ""
    outer = "" if not stack or modules.wraps(stack) else f"{stack}."
    prefix, rest = f"{outer}layers.{int(match['number'])}.", match["rest"]
    transposed = layout.conv and rest in _CONV and len(tensor.shape) == 2 and tensor.dtype in DTYPE_BITS
    if rest in _QKV:
        yield from _split(tensor, prefix, "self_attn", ("q_proj", "k_proj", "v_proj"), end, transposed, layout)
    elif rest in _GATE_UP or (layout.gated and rest == "ffn_up"):
        yield from _split(tensor, prefix, "mlp", ("gate_proj", "up_proj"), end, False, layout)
    else:
        renamed = _GEMMA.get(rest) if layout.four_norms else None
        name = f"{prefix}{renamed or _WITHIN.get(rest, rest)}.{end}"
        heads = layout.heads.query if rest in ("attn_q", "attention.wq") else layout.heads.key
        paired = layout.paired and rest in _PAIRED and heads > 0 and tensor.shape[0] % (2 * heads) == 0
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
) -> Iterator[Named]:
    """A fused matrix as its parts, one below the other."""
    shape = tensor.shape[::-1] if transposed else tensor.shape
    sizes = _sizes(shape[0] if shape else 0, len(parts), layout.heads)
    first = 0
    for part, size in zip(parts, sizes, strict=False):
        view = View(tensor.name, (size, *shape[1:]), first, transposed)
        lies = "columns" if transposed else "rows"
        note = f"{lies} {first:,}–{first + size - 1:,} of {modules.module(tensor.name).rpartition('.')[2]}"
        yield Named(f"{prefix}{outer}.{part}.{end}", tensor, view, note)
        first += size


def _sizes(rows: int, parts: int, heads: Heads) -> Sequence[int]:
    """The rows of each part; nothing where they do not come out even."""
    if parts == 3 and heads.query:
        width, left = divmod(rows, heads.query + 2 * heads.key)
        return () if left or not width else (width * heads.query, width * heads.key, width * heads.key)
    return () if rows % parts or not rows else (rows // parts,) * parts


def views_of(named: Mapping[str, Named]) -> list[View]:
    """Every view that these names need."""
    return [each.view for each in named.values() if each.view is not None]
