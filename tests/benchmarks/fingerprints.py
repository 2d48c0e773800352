"""The pass over weights beside SHA-256 alone, and what comes of it: comparisons, neighbours, the size of the catalog.

`python tests/benchmarks/fingerprints.py --size 2000 --files 4` makes so many BF16 files of so many megabytes each and
reads them in processes of their own, in turn. Then a catalog of a thousand versions of 300 tensors each is filled.
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
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

APP = Path(__file__).parents[2] / "app"
sys.path.insert(0, str(APP))

HASHING = """
import sys
from pathlib import Path
from diptych.job import finish
from diptych.tensors.digest import digest_files
finish(digest_files([Path(name) for name in sys.argv[1:]]))
"""
PASS = """
import sys
from pathlib import Path
from diptych.formats import HeaderReader
from diptych.job import finish
from diptych.tensors.digest import stamp_of
from diptych.tensors.fingerprinting import Asked, fingerprint_files
reader = HeaderReader()
paths = [Path(name) for name in sys.argv[1:]]
asked = [Asked(path, stamp_of(path.stat()), reader.read(path, path.name)) for path in paths]
found = finish(fingerprint_files(asked))
assert all(one.tensors for one in found.values())
"""
WARM = """
import statistics, sys, time
from pathlib import Path
from diptych.formats import HeaderReader
from diptych.job import finish
from diptych.tensors.digest import digest_files, stamp_of
from diptych.tensors.engine import engine
from diptych.tensors.fingerprinting import Asked, fingerprint_files
assert engine().wait()
reader = HeaderReader()
paths = [Path(name) for name in sys.argv[1:]]
asked = [Asked(path, stamp_of(path.stat()), reader.read(path, path.name)) for path in paths]
def timed(job):
    begin = time.perf_counter()
    finish(job)
    return time.perf_counter() - begin
ratios = [timed(digest_files(paths)) / timed(fingerprint_files(asked)) for _ in range(5)]
print(f"    within a process that has loaded its arithmetic {statistics.median(ratios):4.2f} (best {max(ratios):4.2f})")
"""


def write(path: Path, seed: int, megabytes: int) -> None:
    """BF16 weights in matrices of eight million elements."""
    count = max(1, megabytes * 10**6 // 2 // 2**23)
    size = 2**23 * 2
    header = {
        f"layers.{at}.weight": {"dtype": "BF16", "shape": [4096, 2048], "data_offsets": [at * size, (at + 1) * size]}
        for at in range(count)
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for at in range(count):
            values = np.random.default_rng(seed * 10**6 + at).standard_normal(2**23, np.float32) * 0.02
            file.write((values.view("<u4") >> 16).astype("<u2").tobytes())


def timed(script: str, paths: list[Path], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds by the clock, and of all cores together, that a process takes from its start to its end."""
    before, begin = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", script, *paths], env=environment, check=True)
    clock, after = time.perf_counter() - begin, os.times()
    return clock, after.children_user - before.children_user + after.children_system - before.children_system


def measure_pass(folder: Path, size: int, files: int, rounds: int) -> None:
    environment = os.environ | {"PYTHONPATH": str(APP), "DIPTYCH_CACHE": str(folder / "cache")}
    paths = [folder / f"{at}.safetensors" for at in range(files)]
    for at, path in enumerate(paths):
        write(path, at, size)
    timed("from diptych.tensors.engine import engine; assert engine().wait()", [], environment)
    for chosen in (paths, paths[:1]):
        times: dict[str, list[tuple[float, float]]] = {HASHING: [], PASS: []}
        for _ in range(rounds):
            for script, found in times.items():
                found.append(timed(script, chosen, environment))
        total = sum(path.stat().st_size for path in chosen)
        (alone, alone_cpu), (whole, whole_cpu) = (map(statistics.median, zip(*found, strict=True))
                                                  for found in times.values())  # fmt: skip
        best = min(times[HASHING])[0] / min(times[PASS])[0]
        print(f"{len(chosen)} x {size} MB: SHA-256 alone {total / alone / 1e9:5.2f} GB/s, the whole pass", end=" ")
        print(f"{total / whole / 1e9:5.2f} GB/s: {alone / whole:4.2f} (best {best:4.2f}),", end=" ")
        print(f"by CPU {alone_cpu / whole_cpu:4.2f}   goal 0.85", flush=True)
        timed(WARM, chosen, environment)


def measure_catalog(folder: Path, versions: int, tensors: int) -> None:
    from diptych.catalog import Catalog
    from diptych.compare.weights import Weights
    from diptych.domain.dossier import Dossier
    from diptych.domain.fingerprint import Fingerprint, TensorPrint
    from diptych.domain.rules import Rules
    from diptych.domain.tensor import TensorInfo
    from diptych.domain.version import Kind, State, Version
    from diptych.job import finish
    from diptych.tensors.sketch import estimate

    chance = np.random.default_rng(1)
    names = [f"model.layers.{at // 9}.mlp.module_{at % 9}.weight" for at in range(tensors)]
    base = [
        TensorPrint(name, "BF16", (2048, 2048), f"{at:032x}", 0.0, 0.02, 40.0, 0.1, (-0.05, -0.01, 0.0, 0.01, 0.05),
                    0, 0, 0, chance.standard_normal(1024, np.float32))
        for at, name in enumerate(names)
    ]  # fmt: skip
    weights = tensors * 2048 * 2048 * 2
    with closing(Catalog(folder / "catalog.db")) as catalog:
        catalog.fingerprints.known()
        before = catalog.file.stat().st_size
        for number in range(versions):
            moved = {
                one.name: replace(
                    one,
                    digest=f"{number:016x}{one.digest[16:]}",
                    sketch=one.sketch + np.float32(0.01 * number) * chance.standard_normal(1024, np.float32),
                )
                for one in base
            }
            catalog.fingerprints.keep(f"{number:064x}", Fingerprint(moved, weights))
        growth = (sum(path.stat().st_size for path in folder.glob("catalog.db*")) - before) / versions
        print(f"catalog: {growth / weights:.3%} of the weights   goal 0.5 %")
        pairs = [tuple(chance.choice(versions, 2, replace=False)) for _ in range(20)]
        times, sheets, near = [], [], []
        info = tuple(TensorInfo(name, "BF16", (2048, 2048), "model.safetensors", 0, 0) for name in names)
        for a, b in pairs:
            begin = time.perf_counter()
            left, right = (catalog.fingerprints.of(f"{number:064x}") for number in (a, b))
            assert left is not None
            assert right is not None
            assert all(estimate(left.tensors[name], right.tensors[name]) for name in names)
            times.append(time.perf_counter() - begin)
            version = Version(0, "", "v", "m", Kind.CHECKPOINT, State.OFFLINE, None)
            sides = [
                Dossier(
                    version, tensors=info, fingerprint=lambda number=number: catalog.fingerprints.of(f"{number:064x}")
                )
                for number in (a, b)
            ]
            begin = time.perf_counter()
            assert finish(Weights().compare(sides[0], sides[1], Rules(exact=False))).differs == tensors
            sheets.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            assert len(catalog.fingerprints.neighbours(f"{a:064x}")) == min(20, versions - 1)
            near.append(time.perf_counter() - begin)
    print(f"two of {versions:,} versions: {1000 * statistics.median(times):.1f} ms, as a sheet "
          f"{1000 * statistics.median(sheets):.1f} ms   goal 50")  # fmt: skip
    print(f"neighbours of one: {1000 * statistics.median(near):.1f} ms   goal 200")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2000, help="megabytes of each file")
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--versions", type=int, default=1000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_pass(Path(folder), chosen.size, chosen.files, chosen.rounds)
        measure_catalog(Path(folder), chosen.versions, 300)


if __name__ == "__main__":
    main()
