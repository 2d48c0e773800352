"""What files are for, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from diptych.domain.version import Role
from diptych.formats.sets import format_of, is_index

CHECKPOINT = re.compile(r"checkpoint-(\d+)")
"""A folder that the Trainer writes, with its step."""
CONFIGS = ("config.json", "adapter_config.json")
"""Files that make a folder one model, whatever weights lie in it."""
_RESUME = re.compile(r"(optimizer|scheduler|scaler|rng_state)[^/]*\.(pt|pth|bin|safetensors)|[^/]*\.distcp")
_RESUMING = (".pt", ".pth", ".bin", ".safetensors", ".distcp")
_UNREAD = re.compile(r"(model|decoder|encoder)[^/]*\.onnx|flax_model[^/]*\.msgpack|tf_model[^/]*\.h5")
_FORMATS = {"onnx": "onnx", "msgpack": "flax", "h5": "tensorflow"}
"""What endings of unread files stand for."""
_NOT_READ = tuple(f".{ending}" for ending in _FORMATS)
_TOKENIZER = re.compile(
    r"(tokenizer|special_tokens|added_tokens|vocab|merges|spiece|sentencepiece|chat_template)[^/]*|[^/]*\.(jinja|tiktoken)"
)
_CONFIGURING = frozenset(
    {*CONFIGS, "generation_config.json", "preprocessor_config.json", "video_preprocessor_config.json"}
    | {"processor_config.json", "quantize_config.json"}
)
_RECORDS = (".json", ".jsonl", ".yaml", ".yml")
_DOWNLOADER = (".metadata", ".lock")
"""Endings of what the Hub's client notes of a download: it differs from one download to the next."""
_TEMPORARY = (".incomplete", ".tmp", ".part")


def role(name: str, weights: Collection[str]) -> Role:
    """The role of a file within its version; `weights` are the names of the set that the version is made of."""
    return Role.WEIGHTS if name in weights else _by_name(name)


@lru_cache(maxsize=4096)
def _by_name(name: str) -> Role:
    """The role of a file by its name alone; folder after folder brings the same names."""
    last = name.rpartition("/")[2]
    if name.startswith(".cache/") or last.endswith(_DOWNLOADER):
        return Role.OTHER
    if unread(last) or (format_of(last) and not last.endswith(".safetensors")):
        return Role.WEIGHTS
    if resumes(last):
        return Role.RESUME
    if last.lower() == "readme.md":
        return Role.CARD
    if last in _CONFIGURING or is_index(last) or ".safetensors.index" in last:
        return Role.CONFIG
    if _TOKENIZER.fullmatch(last):
        return Role.TOKENIZER
    if last.endswith(".py"):
        return Role.CODE
    return Role.RECORD if last.endswith(_RECORDS) or last == "training_args.bin" else Role.OTHER


def resumes(name: str) -> bool:
    """Whether the file only continues a training."""
    return name.endswith(_RESUMING) and bool(_RESUME.fullmatch(name))


def unread(name: str) -> bool:
    """Whether the file holds weights in a format that is not read yet."""
    return name.endswith(_NOT_READ) and bool(_UNREAD.fullmatch(name)) and not resumes(name)


def unread_format(name: str) -> str:
    """The format of a file that is `unread`, by its ending."""
    return _FORMATS[name.rpartition(".")[2]]


def temporary(name: str) -> bool:
    """Whether the file is one that its writer has not finished and named yet."""
    return name.endswith(_TEMPORARY)
