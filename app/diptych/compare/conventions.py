"""What the conventions call the parts of a network, and how they keep them; for `mapping`."""

from __future__ import annotations

import re

LAYER = re.compile(r"^(?P<stack>.*?)(?:^|\.)(?:layers|blocks|blk|h)\.(?P<number>\d{1,6})\.(?P<rest>.+)$")

WITHIN = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj", "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj", "feed_forward.w1": "mlp.gate_proj", "feed_forward.w3": "mlp.up_proj",
    "feed_forward.w2": "mlp.down_proj", "attention_norm": "input_layernorm",
    "attn.c_proj": "self_attn.o_proj", "attn.out_proj": "self_attn.o_proj", "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm", "mlp.c_fc": "mlp.up_proj", "mlp.c_proj": "mlp.down_proj",
    "norm_1": "input_layernorm", "norm_2": "post_attention_layernorm", "attention.dense": "self_attn.o_proj",
    "self_attention.dense": "self_attn.o_proj", "self_attn.dense": "self_attn.o_proj",
    "mlp.dense_h_to_4h": "mlp.up_proj", "mlp.dense_4h_to_h": "mlp.down_proj", "mlp.fc1": "mlp.up_proj",
    "mlp.fc2": "mlp.down_proj", "ffn.up_proj": "mlp.up_proj", "ffn.down_proj": "mlp.down_proj",
    "ln_mlp": "input_layernorm", "ln_attn": "attn_norm_2",
    "ffn_gate_inp": "mlp.gate", "block_sparse_moe.gate": "mlp.gate",
    "ffn_gate_inp_shexp": "mlp.shared_expert_gate", "ffn_gate_shexp": "mlp.shared_expert.gate_proj",
    "ffn_up_shexp": "mlp.shared_expert.up_proj", "ffn_down_shexp": "mlp.shared_expert.down_proj",
    "mlp.shared_experts.gate_proj": "mlp.shared_expert.gate_proj",
    "mlp.shared_experts.up_proj": "mlp.shared_expert.up_proj",
    "mlp.shared_experts.down_proj": "mlp.shared_expert.down_proj",
}  # fmt: skip
"""Modules within a layer whose names are not the canonical ones."""
FOUR_NORMS = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
"""What a layer of a GGUF with four norms calls them."""
GLM_NORMS = {
    "post_self_attn_layernorm": "post_attention_layernorm",
    "post_attention_layernorm": "pre_feedforward_layernorm",
    "post_mlp_layernorm": "post_feedforward_layernorm",
}
"""What GLM-4 calls the same four, against Gemma's names."""
OUTSIDE = {
    "token_embd": "embed_tokens", "tok_embeddings": "embed_tokens", "wte": "embed_tokens",
    "position_embd": "wpe", "output_norm": "norm", "ln_f": "norm", "norm_f": "norm", "output": "lm_head",
    "embed_in": "embed_tokens", "word_embeddings": "embed_tokens", "embed_out": "lm_head", "final_layer_norm": "norm",
    "final_layernorm": "norm", "token_embd_norm": "word_embeddings_layernorm",
}  # fmt: skip
QKV = frozenset(
    {"self_attn.qkv_proj", "attn.c_attn", "attn_qkv", "attn.Wqkv", "self_attn.Wqkv", "attention.Wqkv", "mixer.Wqkv"}
)
QKV_BY_HEAD = frozenset({"attention.query_key_value", "self_attention.query_key_value"})
"""The same of GPT-NeoX, BLOOM and Falcon, which keep Q, K and V of each head, or group of heads, together …"""
QKV_PARTS = frozenset({"chatglm"})
"""… and of an architecture that calls it so and does not."""
GATE_UP = frozenset({"mlp.gate_up_proj"})
TURNED = frozenset({"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"})
"""Modules that GPT-2 stores as in × out."""
PAIRED = frozenset({"attn_q", "attn_k", "attention.wq", "attention.wk"})
"""Projections that GGUF of a Llama and Meta's own files keep as rotary pairs."""
PAIRING = frozenset(
    {"llama", "mistral", "mistral3", "mixtral", "granite", "granitemoe", "granitehybrid", "smollm3", "arcee", "minicpm",
     "deci", "xverse", "olmo"}
)  # fmt: skip
"""Architectures whose converter to GGUF reorders the rows of Q and K."""
EXPERT_PARTS = {
    "gate": "gate_proj", "up": "up_proj", "down": "down_proj", "w1": "gate_proj", "w3": "up_proj", "w2": "down_proj",
    "gate_proj": "gate_proj", "up_proj": "up_proj", "down_proj": "down_proj",
}  # fmt: skip
"""The three matrices of an expert."""
EXPERTS = re.compile(r"^(?:ffn_(?P<ggml>gate|up|down)_exps|(?:mlp|block_sparse_moe)\.switch_mlp\.(?P<mlx>\w+_proj))$")
"""All experts of a layer in one tensor, by GGUF and MLX."""
EXPERT = re.compile(
    r"^(?:(?:mlp|block_sparse_moe)\.experts\.(?P<number>\d{1,6})\.(?P<part>w[123]|gate_proj|up_proj|down_proj)"
    r"|ffn_(?P<ggml>gate|up|down)\.(?P<at>\d{1,6}))$"
)
"""One expert, by Hugging Face and by GGUF of the time before it stacked them."""
