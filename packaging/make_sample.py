"""Make the sample library in resources/sample from a folder of small real training runs.

    python packaging/make_sample.py FIXTURES

FIXTURES holds `runs/`, `adapters/` and `eval/results/` as the trainers and lm-evaluation-harness wrote them. Three
checkpoints and the adapters keep their weights, rounded from F32 to BF16 so that the library stays small; the other
checkpoints keep their records only. What merely continues a training (optimizer, scheduler, random state) and the
TensorBoard logs stay behind. Apart from the weights and the `dtype` in their config.json, files are copied as they are.
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE = Path(__file__).resolve().parents[1] / "resources" / "sample"
LIMIT = 8_000_000
"""Bytes that the whole library may take."""

WITH_WEIGHTS = (
    "runs/base-pretrain/checkpoint-400",
    "runs/base-pretrain/checkpoint-600",
    "runs/sft/checkpoint-200",
    "runs/lora-json/checkpoint-150",
    "adapters/lora-json",
)
RECORDS_ONLY = (
    "runs/base-pretrain/checkpoint-100",
    "runs/base-pretrain/checkpoint-200",
    "runs/base-pretrain/checkpoint-300",
    "runs/base-pretrain/checkpoint-500",
    "runs/sft/checkpoint-100",
    "runs/sft-highlr/checkpoint-100",
    "runs/lora-json/checkpoint-300",
)
RUNS = ("runs/base-pretrain", "runs/sft", "runs/sft-highlr", "runs/lora-json")

RECORDS = ("config.json", "adapter_config.json", "trainer_state.json", "training_args.bin")
RUN_RECORDS = ("README.md", "trainer_state.json", "train_results.json", "eval_results.json", "all_results.json")
RESUME = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


def bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bit patterns of the BF16 values nearest to `values`, ties to even; a NaN stays a NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)


def convert(source: Path, target: Path) -> None:
    """Copy a safetensors file with its F32 tensors as BF16, in the order of their offsets."""
    data = source.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header: dict[str, dict[str, Any]] = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    fresh: dict[str, object] = {"__metadata__": metadata}
    chunks: list[bytes] = []
    position = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"][0]):
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            raise SystemExit(f"{source}: {name} is {entry['dtype']}, not F32")
        values = np.frombuffer(data, "<f4", count=(end - begin) // 4, offset=8 + length + begin)
        chunk = bfloat16(values).astype("<u2").tobytes()
        fresh[name] = {"dtype": "BF16", "shape": entry["shape"], "data_offsets": [position, position + len(chunk)]}
        chunks.append(chunk)
        position += len(chunk)
    text = json.dumps(fresh, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def copy_version(source: Path, target: Path) -> None:
    """Copy a checkpoint or adapter with its weights converted."""
    target.mkdir(parents=True)
    for file in sorted(source.iterdir()):
        if file.name in RESUME:
            continue
        if file.suffix == ".safetensors":
            convert(file, target / file.name)
        elif file.name == "config.json":
            text = file.read_text(encoding="utf-8")
            (target / file.name).write_text(text.replace('"dtype": "float32"', '"dtype": "bfloat16"'), encoding="utf-8")
        else:
            shutil.copyfile(file, target / file.name)


def copy_files(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy those of the files `names` that are there."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def make(fixtures: Path, sample: Path) -> int:
    """Fill the folder `sample`, all but its README.md, and return its size in bytes."""
    for folder in ("runs", "adapters", "eval"):
        shutil.rmtree(sample / folder, ignore_errors=True)
    for place in WITH_WEIGHTS:
        copy_version(fixtures / place, sample / place)
    for place in RECORDS_ONLY:
        copy_files(fixtures / place, sample / place, RECORDS)
    for place in RUNS:
        copy_files(fixtures / place, sample / place, RUN_RECORDS)
    for file in sorted((fixtures / "eval" / "results").rglob("*.json*")):
        copy_files(file.parent, sample / file.parent.relative_to(fixtures), (file.name,))
    return sum(file.stat().st_size for file in sample.rglob("*") if file.is_file())


def main() -> None:
    """Make the library and say how large it is."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    size = make(Path(sys.argv[1]), SAMPLE)
    sys.stdout.write(f"{SAMPLE}: {size:,} bytes\n")
    if size > LIMIT:
        raise SystemExit(f"more than {LIMIT:,} bytes: leave something out")


if __name__ == "__main__":
    main()
