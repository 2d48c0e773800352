"""What weight files say about themselves beside their tensors: the metadata of GGUF, the settings in checkpoints."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path

from diptych.domain.evidence import Evidence, HyperParameter, Plain
from diptych.domain.version import Lineage, Relation, Source
from diptych.records.scrub import secret_key, secret_value
from diptych.records.values import dotted, settings, text

GGUF = "gguf_metadata/1"
CHECKPOINT = "checkpoint/1"
_SAME_AS = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.layer_norm_epsilon": "layer_norm_eps",
    "attention.sliding_window": "sliding_window",
    "context_length": "max_position_embeddings",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "rope.freq_base": "rope_theta",
    "vocab_size": "vocab_size",
}
"""Keys of GGUF that mean what a key of `config.json` means, so that the two stand side by side."""
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip
"""`general.file_type` by the names of llama.cpp's quantisations."""
_NUMBER = re.compile(r"-?\d{1,18}|-?\d+\.\d+(e[+-]?\d+)?|-?\d+(\.\d+)?e[+-]?\d+")
_HUB = re.compile(r"https?://huggingface\.co/([\w.-]+/[\w.-]+)")
_TRAINED = frozenset({"hyper_parameters", "hparams", "config", "args", "cfg"})
"""Groups of a checkpoint that tell how it was trained; the others tell how the model is made."""


def gguf_evidence(path: Path, metadata: Mapping[str, str]) -> Evidence:
    """Settings `arch.*`, the family, and what the file says that it was quantised from."""
    file = str(path)
    family = metadata.get("general.architecture", "")
    found: list[HyperParameter] = []
    for key, value in metadata.items():
        if secret_key(key) or secret_value(value):
            continue
        source = Source(file, key, GGUF)
        if family and key.startswith(f"{family}."):
            rest = key.removeprefix(f"{family}.")
            name = _SAME_AS.get(rest, ".".join(map(dotted, rest.split("."))))
            plain = _plain(value)
            found.append(HyperParameter(f"arch.{name}", plain, source, value if str(plain) != value else ""))
        elif key == "general.file_type":
            kind = _plain(value)
            said = _FILE_TYPES.get(kind, value) if isinstance(kind, int) else value
            found.append(HyperParameter("arch.quantisation", said, source, value))
    facts = {
        fact: metadata[key]
        for fact, key in (("family", "general.architecture"), ("title", "general.name"), ("license", "general.license"))
        if metadata.get(key)
    }
    return Evidence(hyperparameters=tuple(found), lineage=_bases(file, metadata), facts=facts)


def checkpoint_evidence(path: Path, said: Mapping[str, Plain]) -> Evidence:
    """Settings `train.*` and `arch.*` and the step of a checkpoint of Lightning, nanoGPT and their like."""
    file = str(path)
    found: list[HyperParameter] = []
    for group, values in said.items():
        if isinstance(values, dict):
            prefix = "train" if group in _TRAINED else "arch"
            found += settings(prefix, values, file, CHECKPOINT, pointer=f"/{group}")
    counters = {key: value for key, value in said.items() if not isinstance(value, dict)}
    steps = (counters.get(key) for key in ("global_step", "iter_num", "iteration", "step"))
    step = next((each for each in steps if isinstance(each, int) and 0 <= each < 2**63), None)
    for key, value in counters.items():
        found.append(HyperParameter(f"train.{dotted(key)}", value, Source(file, f"/{key}", CHECKPOINT)))
    return Evidence(step=step, hyperparameters=tuple({one.key: one for one in found}.values()))


def _bases(file: str, metadata: Mapping[str, str]) -> tuple[Lineage, ...]:
    count = _plain(metadata.get("general.base_model.count", "1"))
    found = []
    for number in range(min(count, 16) if isinstance(count, int) else 0):
        stem = f"general.base_model.{number}"
        hub = _HUB.match(text(metadata.get(f"{stem}.repo_url")))
        name = text(metadata.get(f"{stem}.name"))
        if hub is not None:
            name = hub[1]
        elif name and (owner := text(metadata.get(f"{stem}.organization"))):
            name = f"{owner}/{name}".replace(" ", "-")
        if name:
            found.append(Lineage(Relation.QUANTIZED, name, None, Source(file, f"{stem}.name", GGUF)))
    return tuple(found)


def _plain(value: str) -> Plain:
    """A number or a truth value from its text; a 32-bit float without the digits that it never had."""
    if value in ("true", "false"):
        return value == "true"
    if not _NUMBER.fullmatch(value):
        return value
    if value.lstrip("-").isdecimal():
        return int(value)
    number = float(value)
    short = float(f"{number:.7g}")
    try:
        same = struct.pack("<f", short) == struct.pack("<f", number)
    except OverflowError:
        return number
    return short if same else number
