"""`adapter_config.json`, which PEFT and MLX both write, each with its own content."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.evidence import Evidence, HyperParameter, Plain
from diptych.domain.version import Lineage, Relation, Source
from diptych.records.json_stream import read_object
from diptych.records.record import last_name
from diptych.records.values import mapping, settings, text

_MLX_TRAINING = frozenset(
    {
        "batch_size", "data", "grad_accumulation_steps", "grad_checkpoint", "iters", "learning_rate", "lr_schedule",
        "mask_prompt", "max_seq_length", "optimizer", "optimizer_config", "resume_adapter_file", "save_every", "seed",
        "steps_per_eval", "steps_per_report", "test", "test_batches", "train", "val_batches",
    }
)  # fmt: skip
"""Arguments of mlx-lm that say how the adapter was trained rather than what it is."""


class AdapterConfig:
    """An adapter's settings `adapter.*` and the model it belongs to."""

    key = "adapter_config/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone."""
        return last_name(name) == "adapter_config.json"

    def read(self, path: Path) -> Evidence:
        """PEFT's configuration, or the arguments of mlx-lm where there is no `peft_type`."""
        values = read_object(path)
        mlx = "peft_type" not in values and ("fine_tune_type" in values or "lora_parameters" in values)
        return self._mlx(values, str(path)) if mlx else self._peft(values, str(path))

    def _peft(self, values: dict[str, Plain], file: str) -> Evidence:
        revision = text(values.get("revision")) or None
        facts = {"library": "peft"}
        if text(values.get("peft_type")):
            facts["adapter"] = text(values["peft_type"])
        code = mapping(values.get("auto_mapping"))
        if code:
            facts["custom_code"] = ", ".join(f"{name}: {text(place)}" for name, place in code.items())
        return Evidence(
            hyperparameters=tuple(settings("adapter", values, file, self.key)),
            lineage=self._lineage(values, "base_model_name_or_path", revision, file),
            facts=facts,
        )

    def _mlx(self, values: dict[str, Plain], file: str) -> Evidence:
        adapter: list[HyperParameter] = []
        for name, value in values.items():
            prefix = "train" if name in _MLX_TRAINING else "adapter"
            adapter.extend(settings(prefix, {name: value}, file, self.key))
        return Evidence(
            hyperparameters=tuple(adapter),
            lineage=self._lineage(values, "model", None, file),
            facts={"library": "mlx", "adapter": text(values.get("fine_tune_type")) or "lora"},
        )

    def _lineage(self, values: dict[str, Plain], name: str, revision: str | None, file: str) -> tuple[Lineage, ...]:
        base = text(values.get(name))
        return (Lineage(Relation.ADAPTER, base, revision, Source(file, f"/{name}", self.key)),) if base else ()
