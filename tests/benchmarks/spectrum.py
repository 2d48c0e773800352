"""The 64 largest singular values of a change: this program's beside `torch.linalg.svdvals`, on the same matrices.

    PYTHONPATH=app python tests/benchmarks/spectrum.py [--torch PYTHON] [--size N]

Torch is no dependency of this program: `--torch` names an interpreter that has it (2.13.0 was measured), which is
handed the matrices in a file and times itself. Both use all cores. Prints seconds, their ratio, the longest pause
between two ticks, and the largest relative error of the 64 values against torch's.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diptych.tensors.spectrum import MOST, Spectrum, spectrum

_PEER = """
import sys, time
import numpy as np, torch
times = []
matrix = torch.from_numpy(np.load(sys.argv[1]))
torch.linalg.svdvals(matrix[:64, :64])
for _ in range(int(sys.argv[3])):
    begun = time.perf_counter()
    values = torch.linalg.svdvals(matrix)
    times.append(time.perf_counter() - begun)
np.save(sys.argv[2], values.numpy())
print(torch.__version__, min(times))
"""


def changes(size: int) -> dict[str, NDArray[np.float32]]:
    """What a training may leave: a full change, one whose values decay, a LoRA behind rounding."""
    random = np.random.default_rng(0)
    full = random.standard_normal((size, size), np.float32)
    lora = random.standard_normal((size, 16), np.float32) @ random.standard_normal((16, size), np.float32)
    return {
        "full": full,
        "decaying": full * np.exp(-np.arange(size, dtype=np.float32) / 200),
        "wide": random.standard_normal((size // 4, size), np.float32),
        "LoRA of rank 16, rounded": lora + full * np.float32(0.01),
    }


def measured(matrix: NDArray[np.float32]) -> tuple[Spectrum, float, float]:
    """The spectrum, seconds that it took, and the longest that a user who gives up would have waited."""
    job = spectrum(matrix)
    longest, last = 0.0, (begun := time.perf_counter())
    while True:
        try:
            next(job)
        except StopIteration as stop:
            return stop.value, time.perf_counter() - begun, max(longest, time.perf_counter() - last)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()


def main() -> None:
    """Measure and print a line for each kind of change."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch", type=Path, help="an interpreter that has torch")
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, matrix in changes(options.size).items():
            times, waits = [], []
            for _ in range(options.repeat):
                found, seconds, wait = measured(matrix)
                times.append(seconds)
                waits.append(wait)
            line = f"{name:26} {matrix.shape[0]} × {matrix.shape[1]}  diptych {min(times):7.3f} s"
            line += f"  longest tick {min(waits) * 1000:4.0f} ms"
            if options.torch:
                given, answer = Path(folder, "matrix.npy"), Path(folder, "values.npy")
                np.save(given, matrix)
                command = [str(options.torch), "-c", _PEER, str(given), str(answer), str(options.repeat)]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                exact = np.load(answer)[:MOST].astype(np.float64)
                error = np.max(np.abs(found.values[: len(exact)] - exact) / exact)
                seconds = float(told[1])
                line += f"  torch {told[0]} {seconds:7.3f} s  {seconds / min(times):5.1f}×  error {error:.1e}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
