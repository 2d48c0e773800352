"""The difference of two checkpoints as a whole process, beside a loop over safetensors with NumPy and one with torch.

`python tests/benchmarks/weights.py --size 1000 2470` makes two BF16 files of so many megabytes each and compares them.
`--torch` names an interpreter that has torch and safetensors, and modeldelta 0.4.4 if that is to be measured; without
it, neither is. Goals: 12 times the loop with NumPy, 20 times the loop with torch, 8 times modeldelta's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

APP = Path(__file__).parents[2] / "app"

OURS = """
import sys
from pathlib import Path
from diptych.formats import open_weights
from diptych.tensors.difference import difference
with open_weights(Path(sys.argv[1])) as a, open_weights(Path(sys.argv[2])) as b:
    pairs = [(tensor.name, tensor.name) for tensor in a.tensors()]
    for (name, _), found in difference(a, b, pairs):
        if found:
            print(name, found.changed, found.max_abs, found.norm_change, found.norm_left, found.cosine_distance)
"""
NUMPY = """
import json, struct, sys
import numpy as np
def load(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        yield name, (np.frombuffer(data[begin:end], "<u2").astype("u4") << 16).view("f4")
for (name, a), (_, b) in zip(load(sys.argv[1]), load(sys.argv[2])):
    d = b - a
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    print(name, np.count_nonzero(a != b), np.abs(d).max(), np.linalg.norm(d), np.linalg.norm(a), 1 - cosine)
"""
TORCH = """
import sys, torch
from safetensors import safe_open
with safe_open(sys.argv[1], "pt") as left, safe_open(sys.argv[2], "pt") as right:
    for name in left.keys():
        a, b = left.get_tensor(name).float().flatten(), right.get_tensor(name).float().flatten()
        d = b - a
        cosine = torch.nn.functional.cosine_similarity(a, b, dim=0)
        print(name, int((a != b).sum()), float(d.abs().max()), float(d.norm()), float(a.norm()), 1 - float(cosine))
"""

MODELDELTA = """
import sys, torch
# only its sums are measured, not its singular values
torch.linalg.svdvals = lambda matrix: torch.ones(3)
from modeldelta.core.weight_diff import compare_models
from safetensors import safe_open
def places(path):
    with safe_open(path, "pt") as file:
        return {name: path for name in file.keys()}
compare_models(places(sys.argv[1]), places(sys.argv[2]))
"""
HAS = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"


def write(path: Path, seed: int, megabytes: int) -> None:
    """BF16 weights in matrices of 16 million elements, each file a little different."""
    count = max(1, megabytes * 10**6 // 2 // 2**24)
    size = 2**24 * 2
    header = {
        f"layers.{at}.weight": {"dtype": "BF16", "shape": [4096, 4096], "data_offsets": [at * size, (at + 1) * size]}
        for at in range(count)
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for at in range(count):
            values = np.random.default_rng(at).standard_normal(2**24, np.float32) * 0.02
            if seed:
                values += np.random.default_rng(at + 10**6 * seed).standard_normal(2**24, np.float32) * 2e-4
            file.write((values.view("<u4") >> 16).astype("<u2").tobytes())


def run(script: str, paths: list[Path], environment: dict[str, str], python: str) -> tuple[float, float, str]:
    """Seconds that pass, seconds of the processors, and what was printed."""
    before = os.times()
    begin = time.perf_counter()
    done = subprocess.run([python, "-c", script, *paths], env=environment, capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - begin, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent, done.stdout


def has(python: str, module: str) -> bool:
    return subprocess.run([python, "-c", HAS, module], check=False).returncode == 0


def measure(folder: Path, size: int, rounds: int, torch: str | None) -> None:
    environment = os.environ | {"PYTHONPATH": str(APP), "DIPTYCH_CACHE": str(folder / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs start from compiled modules
    paths = [folder / f"{name}.safetensors" for name in "ab"]
    for seed, path in enumerate(paths):
        write(path, seed, size)
    cold, _, _ = run(
        "from diptych.tensors.engine import engine; assert engine().wait()", [], environment, sys.executable
    )
    print(f"2 x {size} MB; compiling, once a machine {cold:.2f} s")
    contenders = {"ours": (OURS, sys.executable), "numpy loop": (NUMPY, sys.executable)}
    if torch is not None:
        contenders["torch loop"] = (TORCH, torch)
        if has(torch, "modeldelta"):
            contenders["modeldelta"] = (MODELDELTA, torch)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    answers: dict[str, str] = {}
    for _ in range(rounds):
        for name, (script, python) in contenders.items():
            seconds, spent, answers[name] = run(script, paths, environment, python)
            times[name].append((seconds, spent))
    total = sum(path.stat().st_size for path in paths)
    median = {name: statistics.median(seconds for seconds, _ in each) for name, each in times.items()}
    spent = {name: statistics.median(spent for _, spent in each) for name, each in times.items()}
    best = {name: min(seconds for seconds, _ in each) for name, each in times.items()}
    for name, seconds in median.items():
        print(f"{name:12} {seconds:6.2f} s  {total / seconds / 1e9:6.2f} GB/s  processors {spent[name]:6.2f} s")
    for name, goal in (("numpy loop", 12), ("torch loop", 20), ("modeldelta", 8)):
        if name not in median:
            print(f"ours against {name}: not measured")
            continue
        print(f"ours against {name}: {median[name] / median['ours']:5.1f} x (best {best[name] / best['ours']:5.1f}, "
              f"processors {spent[name] / spent['ours']:5.1f})   goal {goal}")  # fmt: skip
    for name, text in answers.items():
        if text:
            same = rounded(text) == rounded(answers["ours"])
            print(f"counts and maxima of {name}: {'equal' if same else 'DIFFERENT'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[1000, 2470], help="megabytes of each file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch", help="a Python with torch")
    chosen = parser.parse_args()
    for size in chosen.size:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), size, chosen.rounds, chosen.torch)


def rounded(text: str) -> dict[str, tuple[int, np.float32]]:
    """Of each tensor the count, and the maximum as float32, in which the peers reckon."""
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: (int(words[1]), np.float32(words[2])) for words in lines}


if __name__ == "__main__":
    main()
