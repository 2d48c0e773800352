"""Which record to believe where two give one setting differently."""

from __future__ import annotations

ORDER = (
    "config",
    "gguf_metadata",
    "generation_config",
    "adapter_config",
    "training_args",
    "training_args_text",
    "checkpoint",
    "trainer_state",
    "lm_eval",
    "trainer_results",
    "card",
    "eval_results",
    "download",
)
"""Names of the readers of records: the earlier is nearer to what was meant."""
_RANKS = {name: rank for rank, name in enumerate(ORDER)}


def rank(reader: str) -> int:
    """The place of a reader (`trainer_state/1`) in `ORDER`; unknown ones come last."""
    return _RANKS.get(reader.partition("/")[0], len(ORDER))
