"""What is read from configurations, adapters and what the Trainer leaves behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from contract.hostile_records import arguments, torch_zip
from diptych.domain.evidence import Evidence
from diptych.domain.version import Relation
from diptych.errors import Damaged
from diptych.records import reader_for


def read(folder: Path, name: str, content: object) -> Evidence:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = (
        content
        if isinstance(content, bytes)
        else content.encode()
        if isinstance(content, str)
        else json.dumps(content).encode()
    )
    path.write_bytes(raw)
    record = reader_for(name, raw[:4096])
    assert record is not None
    return record.read(path)


def values(evidence: Evidence) -> dict[str, object]:
    return {each.key: each.value for each in evidence.hyperparameters}


def test_a_configuration_is_flattened_and_null_is_kept(tmp_path: Path) -> None:
    config = {
        "model_type": "qwen2_vl",
        "architectures": ["A", "B"],
        "text_config": {"hidden_size": 8, "rope": {"type": "default"}},
        "rope_scaling": None,
        "odd.key": 1,
        "eos_token_id": [1, 2],
        "id2label": {"0": "no", "1": "yes"},
        "empty": {},
        "auto_map": {"AutoModel": "modeling_x.Model"},
        "_name_or_path": "org/base",
    }
    evidence = read(tmp_path, "config.json", config)
    found = values(evidence)
    assert found["arch.text_config.hidden_size"] == 8
    assert found["arch.text_config.rope.type"] == "default"
    assert found["arch.rope_scaling"] is None
    assert "arch.absent" not in found
    assert found["arch.odd\\.key"] == 1
    assert found["arch.eos_token_id"] == [1, 2]
    assert found["arch.id2label"] == {"0": "no", "1": "yes"}
    assert found["arch.empty"] == {}
    assert evidence.facts["family"] == "qwen2_vl"
    assert evidence.facts["architectures"] == "A, B"
    assert evidence.facts["custom_code"] == "AutoModel: modeling_x.Model"
    assert [(each.name, each.relation) for each in evidence.lineage] == [("org/base", Relation.FINE_TUNE)]
    pointers = {each.key: each.source.pointer for each in evidence.hyperparameters}
    assert pointers["arch.text_config.rope.type"] == "/text_config/rope/type"


def test_an_adapter_names_its_base_and_revision(tmp_path: Path) -> None:
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": "org/base",
        "revision": "abc",
        "r": 8,
        "target_modules": ["v", "q"],
    }
    evidence = read(tmp_path, "adapter_config.json", config)
    (base,) = evidence.lineage
    assert (base.relation, base.name, base.revision) == (Relation.ADAPTER, "org/base", "abc")
    assert values(evidence)["adapter.target_modules"] == ["v", "q"]
    assert evidence.facts == {"library": "peft", "adapter": "LORA"}


def test_an_mlx_adapter_is_told_apart(tmp_path: Path) -> None:
    config = {
        "fine_tune_type": "dora",
        "lora_parameters": {"rank": 8},
        "model": "org/base",
        "learning_rate": 1e-5,
        "num_layers": 4,
    }
    evidence = read(tmp_path, "adapter_config.json", config)
    assert evidence.facts == {"library": "mlx", "adapter": "dora"}
    assert values(evidence)["adapter.lora_parameters.rank"] == 8
    assert values(evidence)["train.learning_rate"] == 1e-5
    assert evidence.lineage[0].name == "org/base"


LOG = [
    {"step": 10, "epoch": 0.1, "loss": 3.0, "learning_rate": 0.1},
    {"step": 20, "epoch": 0.2, "loss": 2.0, "learning_rate": 0.1},
    {"step": 20, "epoch": 0.2, "eval_loss": 2.5, "eval_runtime": 9.9},
    {"step": 30, "epoch": 0.3, "loss": math.nan},
    {"step": 20, "epoch": 0.2, "loss": 1.9},
    {"step": 40, "epoch": 0.4, "loss": 1.0, "eval_loss": 1.5},
    {"step": 40, "epoch": 0.4, "train_runtime": 5.0, "train_loss": 2.2, "total_flos": 1.0},
]


def test_curves_of_a_resumed_run(tmp_path: Path) -> None:
    state = {"global_step": 40, "log_history": LOG, "max_steps": 40, "num_train_epochs": 3, "train_batch_size": 8}
    state |= {"best_metric": 1.5, "best_global_step": 40, "best_model_checkpoint": None}
    evidence = read(tmp_path, "trainer_state.json", state)
    curves = {each.name: each for each in evidence.series}
    assert set(curves) == {"loss", "learning_rate", "eval_loss"}
    loss = curves["loss"]
    assert loss.steps == (10, 20, 30, 40)
    assert loss.values[:2] == (3.0, 1.9)
    assert math.isnan(loss.values[2])
    assert loss.epochs == (0.1, 0.2, 0.3, 0.4)
    assert "1 step repeated" in loss.note
    assert curves["learning_rate"].note == ""
    assert {each.name: (each.value, each.step) for each in evidence.metrics} == {
        "eval_loss": (1.5, 40),
        "train_loss": (2.2, 40),
    }
    assert all(each.higher_is_better is None for each in evidence.metrics)
    assert evidence.metrics[0].source.pointer == "/log_history/5/eval_loss"
    assert values(evidence) == {"train.max_steps": 40, "train.num_train_epochs": 3, "train.train_batch_size": 8}
    assert evidence.facts == {"best_metric": "1.5", "best_global_step": "40"}
    assert evidence.step == 40


def test_an_earlier_evaluation_says_nothing_about_this_step(tmp_path: Path) -> None:
    state = {"global_step": 30, "log_history": LOG[:4]}
    assert read(tmp_path, "trainer_state.json", state).metrics == ()


def test_a_cut_state_gives_its_curves(tmp_path: Path) -> None:
    whole = json.dumps({"global_step": 40, "log_history": LOG[:3]}, indent=2)
    evidence = read(tmp_path, "trainer_state.json", whole[: whole.index("eval_loss")].encode())
    assert evidence.partial
    assert evidence.step == 40
    assert {each.name: each.values for each in evidence.series}["loss"] == (3.0, 2.0)


def test_results_of_a_run(tmp_path: Path) -> None:
    results = {
        "epoch": 3.0,
        "eval_loss": 0.5,
        "eval_runtime": 3.1,
        "eval_samples": 131,
        "perplexity": 1.6,
        "train_samples": 2040,
    }
    evidence = read(tmp_path, "all_results.json", results)
    found = {each.name: (each.value, each.n, each.split, each.higher_is_better) for each in evidence.metrics}
    assert found == {"eval_loss": (0.5, 131, "eval", None), "perplexity": (1.6, None, "", None)}
    assert values(evidence) == {"data.train_samples": 2040}


def test_arguments_with_code_still_tell_their_settings(tmp_path: Path) -> None:
    content = torch_zip(arguments({"learning_rate": 0.5, "x": b"cos\nsystem\n(X\x01\x00\x00\x00ytR"}))
    evidence = read(tmp_path, "training_args.bin", content)
    assert values(evidence) == {"train.learning_rate": 0.5, "train.x": "<os.system>"}
    assert [each.reason for each in evidence.problems] == ["contains code — not run: os.system"]


CARD = """---
license: apache-2.0
language: [en, no]
library_name: transformers
base_model: org/base
datasets:
- org/data
model-index:
- name: x
  results:
  - task: {type: text-generation}
    dataset: {name: GSM8K, type: gsm8k, config: main, split: test, revision: abc}
    metrics:
    - {type: acc, value: 20.0 ± 1.2}
    - {type: f1, value: 3e-1}
    - {type: em, value: 71.5%}
---
# A model

### Training hyperparameters

The following hyperparameters were used during training:
- learning_rate: 3e-4
- train_batch_size: 8
- optimizer: Use adamw with betas=(0.9,0.999)
- mixed_precision_training: Native AMP

### Framework versions
- Transformers: 5.0
"""


def test_a_model_card(tmp_path: Path) -> None:
    evidence = read(tmp_path, "README.md", CARD)
    assert evidence.problems == ()
    assert evidence.facts == {
        "license": "apache-2.0",
        "language": "en, no",
        "library": "transformers",
        "title": "A model",
    }
    assert [(each.relation, each.name) for each in evidence.lineage] == [(Relation.FINE_TUNE, "org/base")]
    assert [(each.name, each.role) for each in evidence.datasets] == [("org/data", "train")]
    assert {each.key: (each.value, each.stderr) for each in evidence.metrics} == {
        "GSM8K/acc": (20.0, 1.2),
        "GSM8K/f1": (0.3, None),
        "GSM8K/em": (71.5, None),
    }
    assert evidence.metrics[0].conditions == {"dataset": "gsm8k", "dataset config": "main", "dataset revision": "abc"}
    rate = evidence.hyperparameters[0]
    assert (rate.key, rate.value, rate.raw, rate.source.pointer) == ("train.learning_rate", 0.0003, "3e-4", "line 23")
    assert values(evidence)["train.train_batch_size"] == 8
    assert "train.Transformers" not in values(evidence)


@pytest.mark.parametrize(
    ("head", "relation"),
    [
        ("base_model: a/b\nbase_model_relation: quantized", Relation.QUANTIZED),
        ("base_model: [a/b]\nlibrary_name: peft", Relation.ADAPTER),
        ("base_model: [a/b, c/d]", Relation.MERGE),
        ("base_model: a/b\ntags: [merge]", Relation.MERGE),
        ("base_model: a/b", Relation.FINE_TUNE),
    ],
)
def test_how_a_card_relates_to_its_base(head: str, relation: Relation, tmp_path: Path) -> None:
    evidence = read(tmp_path, "README.md", f"---\n{head}\n---\n")
    assert {each.relation for each in evidence.lineage} == {relation}


def test_a_broken_head_leaves_the_body(tmp_path: Path) -> None:
    evidence = read(tmp_path, "README.md", "---\na: [1\n---\n# T\n## Training hyperparameters\n- seed: 1\n")
    assert len(evidence.problems) == 1
    assert values(evidence) == {"train.seed": 1}


def test_results_for_leaderboards(tmp_path: Path) -> None:
    yaml = "- dataset: {id: org/gpqa, task_id: diamond, revision: r1}\n  value: 0.412\n  date: 2025-01-15\n- value: 3\n"
    evidence = read(tmp_path, ".eval_results/gpqa.yaml", yaml)
    (metric,) = evidence.metrics
    assert (metric.key, metric.value) == ("diamond/score", 0.412)
    assert metric.conditions == {"dataset": "org/gpqa", "dataset revision": "r1"}
    assert [each.reason for each in evidence.problems] == ["entry 2 names no data set or no number"]


def test_the_note_of_a_download(tmp_path: Path) -> None:
    note = f"{'a' * 40}\n{'b' * 64}\n1700000000.123\n"
    evidence = read(tmp_path, ".cache/huggingface/download/model.safetensors.metadata", note)
    assert evidence.facts == {"revision": "a" * 40, "etag": "b" * 64}


@pytest.mark.parametrize("ending", ["json", "yaml", "yml"])
def test_arguments_written_as_text_are_settings_too(tmp_path: Path, ending: str) -> None:
    text = """{"learning_rate": 0.0003, "optim": {"name": "adamw"}, "hub_token": "hf_abcdefghijklmnopqrstuvwxyz"}"""
    content = text if ending == "json" else "learning_rate: 3e-4\noptim:\n  name: adamw\nhub_token: hf_abcdefghijkl\n"
    evidence = read(tmp_path, f"training_args.{ending}", content.encode())
    assert {one.key: one.value for one in evidence.hyperparameters} == {
        "train.learning_rate": 0.0003,
        "train.optim.name": "adamw",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"- a\n- b\n", "is a list, not an object"), (b"a: [", "is not valid YAML"), (b"\xff\xfe\x00", "is not UTF-8")],
)
def test_arguments_that_are_no_settings_are_damaged(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(Damaged, match=rf"training_args\.yaml: {reason}"):
        read(tmp_path, "training_args.yaml", content)
