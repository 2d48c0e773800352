"""Rules for comparing: which differences do not matter, which names mean the same, which lists are sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IGNORED: tuple[str, ...] = (
    "*output_dir", "*logging_dir", "*run_name", "*hub_model_id", "*_name_or_path", "*cache_dir",
    "*overwrite_output_dir",
    "*hostname", "*timestamp", "*_time", "*_runtime", "*date", "*total_flos", "*transformers_version", "*local_rank",
    "*resume_from_checkpoint", "*.commit_hash", "*best_model_checkpoint", "*report_to", "*project",
    "*trackio_space_id",
)  # fmt: skip
"""Globs over hyperparameter keys: paths, names and times differ in every run and explain nothing."""

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
    "train.optimizer": "train.optim",
    "train.grad_accum_steps": "train.gradient_accumulation_steps",
    "arch.torch_dtype": "arch.dtype",
    "adapter.lora_r": "adapter.r",
}
"""Another spelling to the common one."""

SETS: frozenset[str] = frozenset({"target_modules", "modules_to_save", "tags", "language", "report_to"})
"""Last parts of keys whose lists are written in arbitrary order."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly to compare."""

    ignored: tuple[str, ...] = IGNORED
    aliases: Mapping[str, str] = field(default_factory=lambda: dict(ALIASES))
    sets: frozenset[str] = SETS
    tolerance: float = 0.0
    """Relative difference up to which two numbers count as equal."""
