"""The exact difference within a process, beside a plain read of both files through memory maps, for the common dtypes.

`python tests/benchmarks/exact.py --size 500` makes two files of so many megabytes of each dtype. Goals, of the plain
read: 0.85 of BF16 and F32, 0.5 of F16, 0.2 of F8; with the histogram of the change of every tensor besides, one after
another, 0.25; an identical pair 3 times as fast as `cmp`; anonymous memory below 100 MB and all of it below 256 MB.
`--torch` names an interpreter with modeldelta 0.4.4, whose loop over tensors without its singular values is to be 40
times slower; without it, not measured.
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
_ELEMENTS = 2**23

INSIDE = """
import json, mmap, sys, time
from contextlib import closing
from pathlib import Path
import numpy as np
from diptych.formats import open_weights
from diptych.job import finish
from diptych.tensors.difference import difference
from diptych.tensors.engine import engine
from diptych.tensors.histogram import histograms
assert engine().wait()
def plain(paths):
    for path in paths:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            held.madvise(mmap.MADV_SEQUENTIAL)
            words = np.frombuffer(held, "<u8", len(held) // 8)
            for at in range(0, len(words), 2**17):
                words[at : at + 2**17].sum()
            del words
def ours(paths):
    with open_weights(Path(paths[0])) as a, open_weights(Path(paths[1])) as b:
        pairs = [(tensor.name, tensor.name) for tensor in a.tensors()]
        assert sum(found is not None for _, found in difference(a, b, pairs)) == len(pairs)
def histograms_of_changes(paths):
    with open_weights(Path(paths[0])) as a, open_weights(Path(paths[1])) as b:
        for tensor in a.tensors():
            with closing(histograms(a, b, tensor.name, tensor.name)) as job:
                # of types of eight bits all come at once
                next((tick for tick in job if tick.partial is not None), None)
def histograms_of_all(paths):
    with open_weights(Path(paths[0])) as a, open_weights(Path(paths[1])) as b:
        for tensor in a.tensors():
            finish(histograms(a, b, tensor.name, tensor.name))
def timed(work):
    begin, spent = time.perf_counter(), time.process_time()
    work(sys.argv[2:])
    return time.perf_counter() - begin, time.process_time() - spent
def status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1e3
rounds = int(sys.argv[1])
told = {"plain": [], "ours": [], "changes": [], "histograms": []}
ours(sys.argv[2:])
histograms_of_all(sys.argv[2:])
memory = {"anonymous": status("RssAnon"), "peak": status("VmHWM")}
for _ in range(rounds):
    told["plain"].append(timed(plain))
    told["ours"].append(timed(ours))
    told["changes"].append(timed(histograms_of_changes))
    told["histograms"].append(timed(histograms_of_all))
print(json.dumps({"times": told} | memory))
"""
MODELDELTA = """
import sys, time, torch
# only its sums are measured, not its singular values
torch.linalg.svdvals = lambda matrix: torch.ones(3)
from modeldelta.core.weight_diff import compare_models
from safetensors import safe_open
def places(path):
    with safe_open(path, "pt") as file:
        return {name: path for name in file.keys()}
begin, spent = time.perf_counter(), time.process_time()
compare_models(places(sys.argv[1]), places(sys.argv[2]))
print(time.perf_counter() - begin, time.process_time() - spent)
"""


def values(dtype: str, seed: int) -> np.ndarray:
    """One tensor as bytes, a little different for every seed."""
    found = np.random.default_rng(0).standard_normal(_ELEMENTS, np.float32) * 0.02
    if seed:
        found += np.random.default_rng(seed).standard_normal(_ELEMENTS, np.float32) * 2e-4
    if dtype == "BF16":
        return (found.view("<u4") >> 16).astype("<u2").view("u1")
    if dtype == "F8_E4M3":
        # the upper byte of F16 is nearly the same spread of codes, but for NaN
        codes = (found.astype("<f2").view("<u2") >> 7).astype("u1")
        return np.where(codes & 0x7F == 0x7F, 0, codes).astype("u1")
    return found.astype({"F32": "<f4", "F16": "<f2"}[dtype]).view("u1")


def write(path: Path, dtype: str, seed: int, megabytes: int) -> None:
    raw = values(dtype, seed)
    count = max(1, megabytes * 10**6 // len(raw))
    header = {
        f"layers.{at}.weight": {"dtype": dtype, "shape": [4096, 2048],
                                "data_offsets": [at * len(raw), (at + 1) * len(raw)]}
        for at in range(count)
    }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _ in range(count):
            file.write(raw)


def told(python: str, script: str, *arguments: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [python, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def measure(folder: Path, dtype: str, goal: float, size: int, rounds: int, environment: dict[str, str]) -> list[str]:
    """Print how a pair of one dtype goes; the paths of the pair."""
    paths = [str(folder / f"{dtype}-{name}.safetensors") for name in "ab"]
    for seed, path in enumerate(paths):
        write(Path(path), dtype, seed, size)
    found = json.loads(told(sys.executable, INSIDE, str(rounds), *paths, environment=environment))
    total = sum(Path(path).stat().st_size for path in paths)
    seconds = {name: statistics.median(each[0] for each in times) for name, times in found["times"].items()}
    spent = {name: statistics.median(each[1] for each in times) for name, times in found["times"].items()}
    best = {name: min(each[0] for each in times) for name, times in found["times"].items()}

    def line(*works: str) -> str:
        """What these works together reach of a plain read, by the median, the best time and that of processors."""
        kinds = [times["plain"] / sum(times[work] for work in works) for times in (seconds, best, spent)]
        speed = total / sum(seconds[work] for work in works) / 1e9
        return f"{speed:5.1f} GB/s: {kinds[0]:4.2f} (best {kinds[1]:4.2f}, processors {kinds[2]:4.2f})"

    print(f"{dtype:8} plain read {total / seconds['plain'] / 1e9:5.1f} GB/s, ours {line('ours')}   goal {goal}\n"
          f"         anonymous {found['anonymous']:.0f} MB, peak {found['peak']:.0f} MB\n"
          f"         with the histogram of every change {line('ours', 'changes')}   goal 0.25\n"
          f"         with all three histograms          {line('ours', 'histograms')}",
          flush=True)  # fmt: skip
    return paths


def measure_identical(path: str, rounds: int, environment: dict[str, str]) -> None:
    twin = f"{path}.twin.safetensors"
    Path(twin).write_bytes(Path(path).read_bytes())
    found = json.loads(told(sys.executable, INSIDE, str(rounds), path, twin, environment=environment))
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run(["cmp", path, twin], check=True)
        times.append(time.perf_counter() - begin)
    ours = statistics.median(seconds for seconds, _ in found["times"]["ours"])
    print(f"identical pair: cmp {statistics.median(times):.2f} s, ours {ours:.2f} s: "
          f"{statistics.median(times) / ours:4.1f} x   goal 3", flush=True)  # fmt: skip


def measure_modeldelta(python: str, paths: list[str], rounds: int, environment: dict[str, str]) -> None:
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append([float(each) for each in told(python, MODELDELTA, *paths, environment=environment).split()])
        ours.append(json.loads(told(sys.executable, INSIDE, "1", *paths, environment=environment))["times"]["ours"][0])
    seconds, spent = (
        statistics.median(a[at] for a in theirs) / statistics.median(b[at] for b in ours) for at in (0, 1)
    )
    print(f"modeldelta's loop in its process: {seconds:.0f} x (processors {spent:.0f})   goal 40")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500, help="megabytes of each file")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch", help="a Python with modeldelta")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {"PYTHONPATH": str(APP), "DIPTYCH_CACHE": str(folder / "cache")}
        for dtype, goal in (("BF16", 0.85), ("F32", 0.85), ("F16", 0.5), ("F8_E4M3", 0.2)):
            paths = measure(folder, dtype, goal, chosen.size, chosen.rounds, environment)
            if dtype == "BF16":
                measure_identical(paths[0], chosen.rounds, environment)
                if chosen.torch:
                    measure_modeldelta(chosen.torch, paths, 3, environment)
            for path in folder.glob("*.safetensors"):
                path.unlink()


if __name__ == "__main__":
    main()
