"""Builders of small real things on disk: checkpoints, runs, adapters, results. Same arguments, same bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
DTYPES = {"f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8",
          "u2": "U16", "u4": "U32", "u8": "U64", "b1": "BOOL", "c8": "C64"}  # fmt: skip
TEMPLATE = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}"
STAMP = "2026-11-20T10-00-00.000001"
MOMENT = 1_795_168_800.0
TASKS = {"arith": (("2 + 2 =", "4"), ("3 + 5 =", "8"), ("9 + 1 =", "10")), "capital": (("France:", "Paris"),)}
"""Questions and right answers of the evaluations that `make_lm_eval` writes."""


def bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """`values` rounded to BF16, to nearest with ties to even; 16 bits each."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return rounded


def write_json(path: Path, value: object) -> Path:
    """Write `value` as JSON, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), "utf-8")
    return path


def header_bytes(entries: Mapping[str, object]) -> bytes:
    """The length and the header of a safetensors file, padded to eight bytes as the library does."""
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_safetensors(
    path: Path,
    tensors: Mapping[str, Array],
    dtypes: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write one weight file.

    `dtypes` overrides the dtype by name: `BF16` rounds floating values; of any other type the array holds the bytes
    as they shall stand in the file, its shape being the tensor's where an element is one byte.
    """
    entries: dict[str, object] = {"__metadata__": dict(metadata or {"format": "pt"})}
    parts: list[bytes] = []
    offset = 0
    for name, values in tensors.items():
        dtype = (dtypes or {}).get(name) or DTYPES[values.dtype.str[1:]]
        raw = (
            bfloat16(values.astype(np.float32)).tobytes() if dtype == "BF16" else np.ascontiguousarray(values).tobytes()
        )
        entries[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        parts.append(raw)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header_bytes(entries) + b"".join(parts))
    return path


def weights(layers: int = 2, seed: int = 0, hidden: int = 8, vocabulary: int = 16) -> dict[str, Array]:
    """The tensors of a tiny llama, float32, the head tied to the embedding."""
    chance = np.random.default_rng(seed)

    def matrix(*shape: int) -> NDArray[np.float32]:
        return chance.standard_normal(shape, np.float32) * np.float32(0.1)

    tensors: dict[str, Array] = {"model.embed_tokens.weight": matrix(vocabulary, hidden)}
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{stem}.self_attn.{name}.weight"] = matrix(hidden, hidden)
        for name, shape in (("gate_proj", (16, hidden)), ("up_proj", (16, hidden)), ("down_proj", (hidden, 16))):
            tensors[f"{stem}.mlp.{name}.weight"] = matrix(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{stem}.{name}.weight"] = np.ones(hidden, np.float32)
    tensors["model.norm.weight"] = np.ones(hidden, np.float32)
    return tensors


def make_model(
    folder: Path,
    layers: int = 2,
    seed: int = 0,
    *,
    dtype: str = "F32",
    shards: int = 1,
    tensors: Mapping[str, Array] | None = None,
    config: Mapping[str, object] | None = None,
    tokenizer: bool = True,
) -> Path:
    """Write a Hub folder: weights (in `shards` files with an index), configuration, tokenizer.

    `tensors` and `config` replace or add entries, so that two models may differ in one thing alone.
    """
    all_tensors = {**weights(layers, seed), **(tensors or {})}
    _write_weights(folder, "model", all_tensors, dtype, shards)
    named = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}.get(dtype, "float32")
    known = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "vocab_size": 16,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
        "dtype": named,
        "transformers_version": "5.0.0",
    }
    write_json(folder / "config.json", {**known, **(config or {})})
    write_json(folder / "generation_config.json", {"do_sample": True, "temperature": 0.7, "eos_token_id": 1})
    if tokenizer:
        make_tokenizer(folder)
    return folder


def make_tokenizer(folder: Path, extra: Sequence[str] = (), template: str = TEMPLATE) -> Path:
    """Write a BPE tokenizer of a few tokens with a chat template; `extra` tokens follow."""
    tokens = ["<s>", "</s>", "a", "b", "c", "ab", "abc", *extra]
    special = [{"id": place, "content": token, "special": True} for place, token in enumerate(tokens[:2])]
    model = {
        "type": "BPE",
        "vocab": {token: place for place, token in enumerate(tokens)},
        "merges": [["a", "b"], ["ab", "c"]],
    }
    document = {"version": "1.0", "added_tokens": special, "normalizer": None, "pre_tokenizer": {"type": "ByteLevel"}}
    write_json(folder / "tokenizer.json", {**document, "model": model})
    settings = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": template, "model_max_length": 128}
    write_json(folder / "tokenizer_config.json", settings)
    return folder


def make_run(
    folder: Path,
    steps: Sequence[int] = (100, 200),
    *,
    seed: int = 0,
    learning_rate: float = 3e-4,
    results: bool = True,
    weightless: Sequence[int] = (),
) -> Path:
    """Write a run of the Trainer: `checkpoint-N` for each step, and the state and results of the run itself.

    Steps in `weightless` keep their records only, as where the weights were deleted to save room.
    """
    for step in steps:
        checkpoint = folder / f"checkpoint-{step}"
        if step in weightless:
            checkpoint.mkdir(parents=True)
        else:
            make_model(checkpoint, seed=seed + step)
        write_json(checkpoint / "trainer_state.json", trainer_state(step, learning_rate))
    if results and steps:
        last = max(steps)
        write_json(folder / "trainer_state.json", trainer_state(last, learning_rate))
        evaluated = {"epoch": 1.0, "eval_loss": round(3 - last / 1000, 3), "eval_runtime": 0.5, "eval_samples": 20}
        write_json(folder / "eval_results.json", evaluated)
        write_json(folder / "all_results.json", {**evaluated, "train_loss": 2.5, "train_samples": 640})
    return folder


def trainer_state(step: int, learning_rate: float = 3e-4) -> dict[str, object]:
    """The state that the Trainer writes at `step`: a loss every ten steps, an evaluation every hundred."""
    history: list[dict[str, float]] = []
    for at in range(10, step + 1, 10):
        rate = learning_rate * (1 - at / (step + 100))
        history.append(
            {"epoch": at / 100, "grad_norm": 1.5, "learning_rate": rate, "loss": round(4 - at / 500, 4), "step": at}
        )
        if at % 100 == 0:
            history.append({"epoch": at / 100, "eval_loss": round(3 - at / 1000, 3), "eval_runtime": 0.5, "step": at})
    return {
        "best_metric": None,
        "epoch": step / 100,
        "eval_steps": 100,
        "global_step": step,
        "log_history": history,
        "logging_steps": 10,
        "max_steps": step,
        "num_train_epochs": 1,
        "save_steps": 100,
        "train_batch_size": 8,
    }


def make_adapter(folder: Path, base: str, *, rank: int = 4, seed: int = 0, revision: str | None = None) -> Path:
    """Write a LoRA adapter of PEFT on two projections of the tiny llama; `base` is what it names as its model."""
    chance = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    for layer in range(2):
        for name in ("q_proj", "v_proj"):
            stem = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{stem}.lora_A.weight"] = chance.standard_normal((rank, 8), np.float32)
            tensors[f"{stem}.lora_B.weight"] = np.zeros((8, rank), np.float32)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    config = {
        "base_model_name_or_path": base,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "revision": revision,
        "target_modules": ["v_proj", "q_proj"],
        "task_type": "CAUSAL_LM",
    }
    write_json(folder / "adapter_config.json", config)
    return folder


def make_lm_eval(
    folder: Path,
    model_name: str,
    scores: Mapping[str, float],
    *,
    samples: bool = True,
    age: str = "0.4.12",
    peft: str = "",
    revision: str = "",
    stamp: str = STAMP,
    moment: float = MOMENT,
) -> Path:
    """Write the results of an evaluation as that version of lm-evaluation-harness does, and return the results file.

    `scores` are accuracies by task; a task of `TASKS` gets its questions, any other a single one. The share of right
    answers among the samples is as near to the score as their number allows.
    """
    dated = age != "0.4.0"
    folder = folder / (peft or model_name).replace("/", "__") if dated else folder
    arguments = {"pretrained": model_name}
    arguments |= {"peft": peft} if peft else {}
    arguments |= {"revision": revision} if revision else {}
    results = {task: {"alias": task, "acc,none": score, "acc_stderr,none": 0.1} for task, score in scores.items()}
    values: dict[str, object] = {
        "results": results,
        "configs": {task: {"task": task, "dataset_path": f"org/{task}", "num_fewshot": 0} for task in scores},
        "versions": dict.fromkeys(scores, 1.0),
        "n-shot": dict.fromkeys(scores, 0),
        "config": {
            "model": "hf",
            "model_args": ",".join(f"{key}={value}" for key, value in arguments.items()),
            "batch_size": 8,
            "limit": None,
        },
        "git_hash": "abc1234",
    }
    if dated:
        values |= {
            "higher_is_better": {task: {"acc": True} for task in scores},
            "n-samples": {
                task: {"original": len(questions(task)), "effective": len(questions(task))} for task in scores
            },
            "date": moment,
            "model_name": model_name,
            "model_name_sanitized": model_name.replace("/", "__"),
            "task_hashes": {task: f"hash-of-{task}" for task in scores},
        }
    if age == "0.4.12":
        for task, result in results.items():
            result |= {"name": task, "sample_len": len(questions(task))}
    file = write_json(folder / (f"results_{stamp}.json" if dated else "results.json"), values)
    if samples:
        for task, score in scores.items():
            _write_samples(folder, task, score, age, stamp, values)
    return file


def questions(task: str) -> Sequence[tuple[str, str]]:
    """The questions and right answers of a task."""
    return TASKS.get(task, ((f"{task}?", "yes"),))


def _write_samples(folder: Path, task: str, score: float, age: str, stamp: str, values: dict[str, object]) -> None:
    asked = questions(task)
    right = round(score * len(asked))
    rows = []
    for place, (question, answer) in enumerate(asked):
        correct = place < right
        row: dict[str, object] = {
            "doc_id": place,
            "doc": {"question": question, "answer": answer},
            "target": answer,
            "arguments": [[question, {"until": ["\n"]}]],
            "resps": [[answer if correct else f"not {answer}"]],
            "filtered_resps": [answer if correct else f"not {answer}"],
            "acc": float(correct),
        }
        if age != "0.4.0":
            row["arguments"] = {"gen_args_0": {"arg_0": question, "arg_1": {"until": ["\n"]}}}
            row |= {"doc_hash": f"doc-{task}-{place}", "prompt_hash": f"prompt-{task}-{place}", "target_hash": "t"}
        if age == "0.4.12":
            row |= {"filter": "none", "metrics": ["acc"]}
        rows.append(row)
    if age == "0.4.0":
        config = values["config"]
        assert isinstance(config, dict)
        name = str(config["model_args"]).replace("/", "__")
        (folder / f"{name}_{task}.jsonl").write_text(json.dumps(rows, indent=2), "utf-8")
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"samples_{task}_{stamp}.jsonl").write_text(text, "utf-8")


def make_snapshot(cache: Path, name: str, commit: str, *, seed: int = 0, layers: int = 2) -> Path:
    """Write a model into a Hub cache as its client does, blobs with links to them, and return the snapshot."""
    repository = cache / f"models--{name.replace('/', '--')}"
    plain = make_model(cache / ".new" / name, layers, seed)
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir(exist_ok=True)
    for place, file in enumerate(sorted(plain.iterdir())):
        blob = repository / "blobs" / f"{seed:04x}{place:036x}"
        file.rename(blob)
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", blob.name))
    plain.rmdir()
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit, "utf-8")
    return snapshot


def _write_weights(folder: Path, stem: str, tensors: Mapping[str, Array], dtype: str, shards: int) -> None:
    dtypes = dict.fromkeys(tensors, dtype) if dtype == "BF16" else {}
    if dtype == "F16":
        tensors = {name: values.astype(np.float16) for name, values in tensors.items()}
    if shards == 1:
        write_safetensors(folder / f"{stem}.safetensors", tensors, dtypes)
        return
    names = list(tensors)
    files = {name: f"{stem}-{place * shards // len(names) + 1:05}-of-{shards:05}.safetensors"
             for place, name in enumerate(names)}  # fmt: skip
    for file in sorted(set(files.values())):
        write_safetensors(folder / file, {name: tensors[name] for name in names if files[name] == file}, dtypes)
    size = sum(values.nbytes for values in tensors.values()) // (2 if dtype == "BF16" else 1)
    write_json(folder / f"{stem}.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": files})
