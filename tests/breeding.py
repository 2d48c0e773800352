"""Families of models of known descent, written to disk with everything that lineage is inferred from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from diptych.domain.version import Relation
from making import MOMENT, make_model, make_tokenizer, weights, write_json, write_safetensors

Tensors = Mapping[str, np.ndarray]
TARGETS = (("q_proj", "v_proj"), ("q_proj", "k_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj", "v_proj"))
Told = tuple[str, frozenset[str], Relation]


def network(seed: int) -> dict[str, np.ndarray]:
    return dict(weights(2, seed, hidden=32, vocabulary=64))


def moved(tensors: Tensors, by: float, seed: int, only: str = "") -> dict[str, np.ndarray]:
    """Every matrix (or those that `only` names) moved by a relative `by` in a direction of its own."""
    chance = np.random.default_rng(seed)
    found = {}
    for name, values in tensors.items():
        size = by * np.linalg.norm(values) / np.sqrt(values.size) if values.ndim > 1 and only in name else 0.0
        found[name] = (values + size * chance.standard_normal(values.shape)).astype(np.float32)
    return found


def mixed(*parts: tuple[float, Tensors]) -> dict[str, np.ndarray]:
    return {name: sum(share * tensors[name] for share, tensors in parts).astype(np.float32) for name in parts[0][1]}


class Farm:
    """Writes models into one folder, each an hour after the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hour = 0

    def model(self, name: str, tensors: Tensors, dtype: str = "F32") -> None:
        self.date(make_model(self.folder / name, tensors=tensors, dtype=dtype, config={"hidden_size": 32}))

    def checkpoint(self, run: str, step: int, tensors: Tensors) -> None:
        folder = make_model(self.folder / run / f"checkpoint-{step}", tensors=tensors)
        write_json(folder / "trainer_state.json", {"global_step": step, "log_history": []})
        self.date(folder)

    def adapter(self, name: str, seed: int, base: Tensors, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Write an adapter that declares no base that is here, and return its effective change."""
        chance, rank = np.random.default_rng(seed), 4
        change, tensors = {}, {}
        for module in (name for name in base if name.endswith(tuple(f"{one}.weight" for one in names))):
            out, width = base[module].shape
            down = chance.standard_normal((rank, width), np.float32) * np.float32(0.1)
            up = chance.standard_normal((out, rank), np.float32) * np.float32(0.1)
            stem = "base_model.model." + module.removesuffix(".weight")
            tensors |= {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}
            change[module] = up @ down
        folder = self.folder / name
        write_safetensors(folder / "adapter_model.safetensors", tensors)
        settings = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "base_model_name_or_path": "org/not-here",
                    "target_modules": list(names)}  # fmt: skip
        write_json(folder / "adapter_config.json", settings)
        make_tokenizer(folder)
        self.date(folder)
        return change

    def date(self, folder: Path) -> None:
        self._hour += 1
        for file in folder.iterdir():
            os.utime(file, (MOMENT + 3600 * self._hour,) * 2)


def breed(folder: Path, seed: int) -> set[Told]:
    """A family with everything in it, and strangers; returns the truth."""
    farm = Farm(folder)
    stem = f"f{seed}-"
    base = network(seed)
    farm.model(f"{stem}base", base)
    one, two = moved(base, 0.05, seed + 1), moved(base, 0.08, seed + 2)
    farm.model(f"{stem}chat", one)
    farm.model(f"{stem}code", two)
    farm.model(f"{stem}stranger", network(seed + 50))
    truth = {
        (f"{stem}chat", frozenset({f"{stem}base"}), Relation.FINE_TUNE),
        (f"{stem}code", frozenset({f"{stem}base"}), Relation.FINE_TUNE),
    }
    here, before = moved(one, 0.03, seed + 3), f"{stem}chat"
    for step in (100, 200, 300):
        farm.checkpoint(f"{stem}run", step, here)
        name = f"{stem}run/checkpoint-{step}"
        truth.add((name, frozenset({before}), Relation.RESUMED if step > 100 else Relation.FINE_TUNE))
        here, before = moved(here, 0.02, seed + step), name
    farm.model(f"{stem}mix", mixed((0.3, one), (0.7, two)))
    truth.add((f"{stem}mix", frozenset({f"{stem}chat", f"{stem}code"}), Relation.MERGE))
    farm.model(f"{stem}half", two, "BF16")
    truth.add((f"{stem}half", frozenset({f"{stem}code"}), Relation.CONVERTED))
    change = farm.adapter(f"{stem}lora", seed + 4, base, TARGETS[seed // 1000 % len(TARGETS)])
    farm.model(f"{stem}merged", {name: values + change.get(name, 0) for name, values in base.items()})
    truth.add((f"{stem}merged", frozenset({f"{stem}base", f"{stem}lora"}), Relation.MERGE))
    farm.model(f"{stem}copy", one)
    write_json(folder / f"{stem}copy" / "config.json", {"model_type": "llama", "note": "a copy"})
    farm.date(folder / f"{stem}copy")
    truth.add((f"{stem}copy", frozenset({f"{stem}chat"}), Relation.IDENTICAL))
    return truth
