"""Where a tensor stands in its network, read from its name: which layer, which module.

The names of Llama, Mistral, Qwen, Gemma, GPT-2, GPT-NeoX, BERT, T5 and mixtures of experts are known, bare or within a
PEFT adapter. A name that fits none of them stands in the row `other`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

WHOLE = "weight"
"""Column of what is not part of a layer."""

OTHER = "other"

_LAYER = re.compile(r"^(?:(?P<stack>.*?)\.)?(?:layers|layer|h|blocks|block|blk)\.(?P<number>\d{1,6})\.(?P<rest>.+)$")
_EXPERT = re.compile(
    r"(?:^|\.)(?:experts\.(?:(?:expert_)?(?P<number>\d{1,6})(?:\.|$))?|(?P<ggml>ffn_\w+)\.(?P<at>\d{1,6})$)"
)
"""One expert of a mixture: Mixtral, Qwen, DeepSeek, OLMoE, Switch, and GGUF's of the time before it stacked them."""
_STACKED = re.compile(r"(?P<module>ffn_\w+)_exps$")
"""All experts of a layer in one tensor, as GGUF keeps them."""
_SHARED = re.compile(r"(?:^|\.)shared_experts?\.|_shexp$")
"""The expert that sees every token, beside the others."""
_NUMBERS = re.compile(r"(\d{1,18})")
_SILENT = {"model", "transformer", "gpt_neox", "base_model", "language_model", "bert", "roberta", "module", "_orig_mod"}
"""Words that wrap every name of a network and tell nothing."""

_ENDS = re.compile(
    r"(?:^|\.)(?:weight|bias|lora_[ABab]|lora_embedding_[AB]|lora_magnitude_vector|default|base_layer|original_module"
    r"|hada_[wt]\d(?:_[ab])?|lokr_[wt]\d(?:_[ab])?|ia3_l|vera_lambda_[bd]|b?oft_[RrSs]"
    r"|modules_to_save|weight_scale(?:_inv)?|input_scale|scales|qweight|qzeros|g_idx)(?=\.|$)"
)
"""What a name says about a tensor beyond its module; an adapter's own name is taken off when it is saved."""

_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("q", ("q_proj", "query", "wq", "q_lin", "SelfAttention.q", "q_a_proj", "q_b_proj", "attn_q", "attn_q_a",
           "attn_q_b")),
    ("k", ("k_proj", "key", "wk", "k_lin", "SelfAttention.k", "attn_k", "attn_k_b")),
    ("v", ("v_proj", "value", "wv", "v_lin", "SelfAttention.v", "attn_v", "attn_v_b")),
    ("qkv", ("qkv_proj", "c_attn", "query_key_value", "Wqkv", "in_proj", "kv_a_proj_with_mqa", "kv_b_proj",
             "attn_qkv", "attn_kv_a_mqa", "attn_kv_b")),
    ("o", ("o_proj", "attn.c_proj", "attention.dense", "attention.output.dense", "attn.out_proj", "self_attn.out_proj",
           "attention.wo", "attn.wo", "out_lin", "SelfAttention.o", "attn_output")),
    ("q norm", ("q_norm", "q_layernorm", "q_a_layernorm", "attn_q_norm", "attn_q_a_norm")),
    ("k norm", ("k_norm", "k_layernorm", "kv_a_layernorm", "attn_k_norm", "attn_kv_a_norm")),
    ("router", ("mlp.gate", "block_sparse_moe.gate", "router", "feed_forward.gate", "ffn_gate_inp", "exp_probs_b",
                "gate.e_score_correction_bias", "router.classifier", "router.layer", "shared_expert_gate")),
    ("gate", ("gate_proj", "w1", "wi_0", "ffn_gate")),
    ("gate up", ("gate_up_proj", "gate_up_proj_blocks", "gate_up_proj_scales", "gate_up_proj_bias", "ffn_gate_up")),
    ("up", ("up_proj", "w3", "wi_1", "fc1", "c_fc", "dense_h_to_4h", "intermediate.dense", "wi", "lin1", "ffn_up")),
    ("down", ("down_proj", "w2", "fc2", "mlp.c_proj", "dense_4h_to_h", "output.dense", "DenseReluDense.wo", "lin2",
              "ffn_down", "wo", "down_proj_blocks", "down_proj_scales", "down_proj_bias")),
    ("norm₁", ("input_layernorm", "ln_1", "attention_norm", "attn_norm", "self_attn_layer_norm",
               "attention.output.LayerNorm",
               "sa_layer_norm", "layer.0.layer_norm")),
    ("norm₂", ("post_attention_layernorm", "ln_2", "ffn_norm", "final_layer_norm", "output.LayerNorm",
               "output_layer_norm", "layer.1.layer_norm")),
    ("norm₃", ("pre_feedforward_layernorm", "layer.2.layer_norm")),
    ("norm₄", ("post_feedforward_layernorm",)),
)  # fmt: skip

_EMBED = {"embed_tokens", "wte", "wpe", "word_embeddings", "position_embeddings", "token_type_embeddings", "embed_in",
          "tok_embeddings", "shared", "embeddings", "token_embd", "position_embd"}  # fmt: skip
_NORM = {"norm", "ln_f", "final_layer_norm", "final_layernorm", "final_norm", "norm_f", "output_norm"}
_HEAD = {"lm_head", "embed_out", "score", "classifier", "cls", "qa_outputs", "v_head", "output"}

_PLACES = {end: (column, name) for column, (name, ends) in enumerate(_COLUMNS) for end in ends}
_RANKS = {name: column for column, (name, _) in enumerate(_COLUMNS)}
_KINDS = ("", "expert", "shared")
"""A module as most networks have it, as one of many experts, as the expert that all share."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands."""

    row: str
    """`embed`, `layer 3`, `decoder 3`, `norm`, `head` or `other`."""
    column: str
    """The module within a layer; experts of one layer share it (`expert up`, beside `shared up`)."""
    order: tuple[int, str, int, int, tuple[tuple[int, int | str], ...]]
    """The network's own order: embedding, layers, final norm, head, others; modules within a layer."""

    @property
    def layer(self) -> bool:
        """Whether it is part of a numbered layer."""
        return self.order[0] == 1


@lru_cache(maxsize=2**18)  # every name of the largest networks: one fewer, and none is found again on the next round
def place(name: str) -> Place:
    """Where the tensor `name` stands."""
    tail = natural(name)
    match = _LAYER.match(name)
    if match:
        words = [word for word in (match["stack"] or "").split(".") if word and word not in _SILENT]
        stack, number = " ".join(words[-2:]) or "layer", int(match["number"])
        rank, column = _column(match["rest"])
        return Place(f"{stack} {number}", column, (1, stack, number, rank, tail))
    words = [word for word in module(name).split(".") if word not in _SILENT]
    for rank, row, known in ((0, "embed", _EMBED), (2, "norm", _NORM), (3, "head", _HEAD)):
        if any(word in known for word in (words[-1:] if row != "head" else words[:1])):
            return Place(row, WHOLE, (rank, "", 0, 0, tail))
    return Place(OTHER, WHOLE, (4, "", 0, 0, tail))


def _column(rest: str) -> tuple[int, str]:
    inner, kind = _within(module(rest))
    words = inner.split(".")
    for count in (3, 2, 1):
        found = _PLACES.get(".".join(words[-count:]))
        if found:
            rank, name = found
            return rank + _KINDS.index(kind) * len(_COLUMNS), f"{kind} {name}".strip()
    return len(_KINDS) * len(_COLUMNS), "experts" if kind == "expert" else OTHER


def _within(inner: str) -> tuple[str, str]:
    """The module without its expert, and whether it is one of many, the shared one, or none."""
    expert = _EXPERT.search(inner)
    if expert:
        return expert["ggml"] or inner[expert.end() :] or inner, "expert"
    if _SHARED.search(inner):
        return inner.removesuffix("_shexp"), "shared"
    stacked = _STACKED.search(inner)
    return (stacked["module"], "expert") if stacked else (inner, "")


def expert(name: str) -> int | None:
    """The number of the expert that a tensor belongs to; None where it belongs to none, or to all of its layer."""
    found = _EXPERT.search(module(name))
    number = found and (found["number"] or found["at"])
    return int(number) if number else None


def column_rank(name: str) -> int:
    """Where a column stands from left to right."""
    if name == WHOLE:
        return -1
    kind, _, rest = name.partition(" ")
    if kind in _KINDS[1:] and rest in _RANKS:
        return _KINDS.index(kind) * len(_COLUMNS) + _RANKS[rest]
    return _RANKS.get(name, len(_KINDS) * len(_COLUMNS) + (name == OTHER))


def module(name: str) -> str:
    """The module that a tensor belongs to: its name without `weight`, `lora_A` and the like."""
    return _ENDS.sub("", name)


def common(name: str) -> str:
    """A spelling that names of one tensor share: without the wrappers of PEFT, of compilers and of base classes."""
    words = name.replace(".base_layer", "").split(".")
    while len(words) > 1 and words[0] in _SILENT:
        words = words[1:]
    return ".".join(words)


def wraps(name: str) -> bool:
    """Whether `name` is made of nothing but words that wrap every name of a network."""
    return all(word in _SILENT for word in name.split("."))


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts names with their numbers by value: layer 2 before layer 10."""
    return tuple(_part(part) for part in _NUMBERS.split(name) if part)


@lru_cache(maxsize=2**14)
def _part(part: str) -> tuple[int, int | str]:
    """One for all names that share it."""
    return (0, int(part)) if part.isascii() and part.isdigit() else (1, part)
