"""How the two versions were trained: optimizer, schedule, data, adapter."""

from __future__ import annotations

from diptych import display
from diptych.compare import derived, settings
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter
from diptych.domain.rules import Rules
from diptych.domain.sheet import Clause, Row, Sheet, Status
from diptych.job import Job, Tick

_GROUPS = {"train": "Training", "adapter": "Adapter", "data": "Data", "eval": "Evaluation"}

_FIRST = (
    "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "effective_batch_size", "per_device_train_batch_size",
    "gradient_accumulation_steps", "world_size", "num_train_epochs", "epochs_seen", "max_steps", "tokens_seen",
    "warmup_steps", "warmup_ratio", "warmup_steps_from_ratio", "optim", "optim_args", "weight_decay", "adam_beta1",
    "adam_beta2", "adam_epsilon", "max_grad_norm", "loss_type", "beta", "max_length", "max_seq_length", "packing",
    "neftune_noise_alpha", "label_smoothing_factor", "bf16", "fp16", "seed", "data_seed",
    "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "use_rslora", "use_dora",
    "base_model_name_or_path", "train_samples",
)  # fmt: skip
"""What changes a model most, in the order in which people look for it; the rest follows by name."""

_RANK = {name: place for place, name in enumerate(_FIRST)}


class Hyperparameters:
    """Settings of training, adapter and data; those of the architecture are another facet."""

    key = "hyperparameters"
    title = "Hyperparameters"
    heavy = False

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """Every setting of either side by value, and what follows from them."""
        yield Tick("Comparing hyperparameters")
        ours = settings.by_key(filter(_belongs, left.hyperparameters), rules)
        theirs = settings.by_key(filter(_belongs, right.hyperparameters), rules)
        rows = [
            *settings.rows(ours, theirs, rules, group_of, order_of),
            *derived.rows(left, right, ours, theirs, rules),
        ]
        rows.sort(key=lambda row: order_of(row.key))
        return Sheet(self.key, self.title, self.key, tuple(rows), clauses=tuple(_clauses(rows)), notes=_notes(rows))


def _belongs(setting: HyperParameter) -> bool:
    return not setting.key.startswith(("arch.", "gen.", "proc."))


def group_of(key: str) -> str:
    """The heading under which `key` stands: its first part, in words."""
    first = key.partition(".")[0] if "." in key else ""
    return _GROUPS.get(first, display.visible(first).capitalize() or "Other")


def order_of(key: str) -> tuple[object, ...]:
    """Where `key` stands: by group, then by how much it usually matters, then by name."""
    first, _, rest = key.partition(".")
    groups = list(_GROUPS)
    place = groups.index(first) if first in groups else len(groups)
    return place, first, _RANK.get(rest, len(_RANK)), key


def _clauses(rows: list[Row]) -> list[Clause]:
    """The few settings that people ask about first, by name; the counts are written elsewhere."""
    told = [row for row in rows if row.differs and row.key.partition(".")[2] in _RANK and not row.derived]
    return [Clause(sentence(row), "hyperparameters", row.key, 1) for row in told[:3]]


def sentence(row: Row) -> str:
    """One differing setting in words: `learning_rate 0.00002 → 5e-07 (÷40)`."""
    name = row.label or row.key
    if row.left is None or row.right is None:
        side = "B" if row.status is Status.RIGHT_ONLY else "A"
        cell = row.right if row.left is None else row.left
        text = f" = {display.elide(cell.text, 40)}" if cell else ""
        return f"{name}{text} only in {side}"
    change = f" ({row.change})" if row.change else ""
    return f"{name} {display.elide(row.left.text, 40)} → {display.elide(row.right.text, 40)}{change}"


def _notes(rows: list[Row]) -> tuple[str, ...]:
    """Why a side is empty, since that makes every row a difference."""
    real = [row for row in rows if not row.derived]
    for side, status in (("A", Status.RIGHT_ONLY), ("B", Status.LEFT_ONLY)):
        if real and all(row.status is status for row in real):
            return (f"no record says how {side} was trained",)
    return ()
