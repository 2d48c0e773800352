"""The difference of two checkpoints as a whole process, beside a loop over safetensors with NumPy and one with torch.

`python tests/benchmarks/weights.py --size 1000` makes two BF16 files of so many megabytes each and compares them.
"""

from __future__ import annotations

import argparse
import importlib.util
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


def run(script: str, paths: list[Path], environment: dict[str, str]) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, *paths], env=environment, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - begin, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes of each file")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(APP), "DIPTYCH_CACHE": str(Path(folder) / "cache")}
        paths = [Path(folder) / f"{name}.safetensors" for name in "ab"]
        for seed, path in enumerate(paths):
            write(path, seed, chosen.size)
        cold, _ = run("from diptych.tensors.engine import engine; assert engine().wait()", [], environment)
        print(f"filling the compiler's cache, once a machine  {cold:6.2f} s")
        contenders = {"ours": OURS, "numpy loop": NUMPY}
        if importlib.util.find_spec("torch"):
            contenders["torch loop"] = TORCH
        times: dict[str, list[float]] = {name: [] for name in contenders}
        answers: dict[str, str] = {}
        for _ in range(chosen.rounds):
            for name, script in contenders.items():
                seconds, answers[name] = run(script, paths, environment)
                times[name].append(seconds)
        total = sum(path.stat().st_size for path in paths)
    median = {name: statistics.median(each) for name, each in times.items()}
    for name, seconds in median.items():
        print(f"{name:12} {seconds:6.2f} s  {total / seconds / 1e9:6.2f} GB/s, whole process")
    for name, goal in (("numpy loop", 12), ("torch loop", 20)):
        said = f"{median[name] / median['ours']:5.1f} x   goal {goal}" if name in median else "not installed"
        print(f"ours against the {name}  {said}")
    for name, text in answers.items():
        same = rounded(text) == rounded(answers["ours"])
        print(f"counts and maxima of {name}: {'equal' if same else 'DIFFERENT'}")


def rounded(text: str) -> list[tuple[int, np.float32]]:
    """The counts, and the maxima as float32, in which the peers reckon."""
    return [(int(words[1]), np.float32(words[2])) for words in map(str.split, text.splitlines())]


if __name__ == "__main__":
    main()
