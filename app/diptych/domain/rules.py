"""Rules for comparing: which differences do not matter, which names mean the same, which lists are sets."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

IGNORED: tuple[str, ...] = (
    # where files lie, and what a run is called
    "*output_dir", "*logging_dir", "*cache_dir", "*_path_or_dir", "*._name_or_path", "*.model_name_or_path",
    "*tokenizer_name_or_path", "*.name_or_path", "*resume_from_checkpoint", "*best_model_checkpoint", "*run_name",
    "*hub_model_id", "*.project", "*trackio_space_id", "*trial_name",
    # what a run left to its surroundings
    "*hostname", "*local_rank", "*overwrite_output_dir", "*report_to", "*push_to_hub*", "*disable_tqdm", "*log_level*",
    # when and how fast it ran
    "*timestamp", "*_time", "*.date", "*_date", "*_runtime", "*_per_second", "*total_flos",
    # which program wrote the file
    "*transformers_version", "*peft_version", "*trl_version", "*._commit_hash", "*.commit_hash",
)  # fmt: skip
"""Globs over keys of settings and metrics: paths, names and times differ in every run and explain nothing.

The base model of an adapter is no such path: which one it was decides everything.
"""

ALIASES: Mapping[str, str] = {
    "lr": "learning_rate",
    "optimizer.lr": "learning_rate",
    "train.lr": "train.learning_rate",
    "train.optimizer.lr": "train.learning_rate",
    "train.batch_size": "train.per_device_train_batch_size",
    "train.micro_batch_size": "train.per_device_train_batch_size",
    "train.epochs": "train.num_train_epochs",
    "train.num_epochs": "train.num_train_epochs",
    "train.lr_scheduler": "train.lr_scheduler_type",
    "train.lr_schedule": "train.lr_scheduler_type",
    "train.optimizer": "train.optim",
    "train.grad_accum_steps": "train.gradient_accumulation_steps",
    "train.grad_accumulation_steps": "train.gradient_accumulation_steps",
    "train.max_sequence_length": "train.max_length",
    "train.max_seq_length": "train.max_length",
    "train.epoch": "train.epochs_seen",
    "arch.torch_dtype": "arch.dtype",
    "adapter.lora_r": "adapter.r",
    "adapter.rank": "adapter.r",
    "adapter.alpha": "adapter.lora_alpha",
    "adapter.dropout": "adapter.lora_dropout",
}
"""Another spelling to the common one."""

SETS: frozenset[str] = frozenset(
    {
        "target_modules",
        "modules_to_save",
        "exclude_modules",
        "tags",
        "language",
        "report_to",
        "eos_token_id",
        "datasets",
    }
)
"""Last parts of keys whose lists are written in arbitrary order."""


class Rules(NamedTuple):
    """How strictly to compare."""

    ignored: tuple[str, ...] = IGNORED
    aliases: Mapping[str, str] = ALIASES
    sets: frozenset[str] = SETS
    tolerance: float = 0.0
    """Relative difference up to which two numbers count as equal."""
    exact: bool = True
    """Read weights even where fingerprints tell about how far they lie apart."""

    def ignores(self, key: str) -> bool:
        """Whether a difference at `key` does not matter."""
        return bool(self.ignored) and _globs(self.ignored).match(key) is not None

    def ignoring(self, key: str) -> Rules:
        """These rules, and what stands at `key` does not matter."""
        return self if self.ignores(key) else self._replace(ignored=(*self.ignored, _literally(key)))

    def counting(self, key: str) -> Rules:
        """These rules without the patterns that make `key` not matter."""
        return self._replace(ignored=tuple(glob for glob in self.ignored if not _globs((glob,)).match(key)))


def _literally(key: str) -> str:
    """The glob that matches `key` and nothing else."""
    return re.sub(r"([*?[])", r"[\1]", key)


@lru_cache(maxsize=64)
def _globs(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))
