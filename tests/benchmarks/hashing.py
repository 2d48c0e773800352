"""SHA-256 of files beside `openssl dgst` and `sha256sum`, in one run.

`python tests/benchmarks/hashing.py --size 500` makes a file of so many megabytes for each core. Goals: 0.9 of OpenSSL
on one core, four times `sha256sum` with all of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))

from diptych.job import finish
from diptych.tensors.digest import digest_file, digest_files


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def run(*command: str | Path) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500, help="megabytes of each file")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"file{at}" for at in range(cores)]
        for path in paths:
            with path.open("wb") as file:
                for _ in range(chosen.size):
                    file.write(os.urandom(10**6))
        contenders: dict[str, Callable[[], object]] = {
            "ours, one file": lambda: digest_file(paths[0]),
            f"ours, {cores} files": lambda: finish(digest_files(paths)),
        }
        if shutil.which("openssl"):
            contenders["openssl dgst, one file"] = lambda: run("openssl", "dgst", "-sha256", paths[0])
        if shutil.which("sha256sum"):
            contenders["sha256sum, one file"] = lambda: run("sha256sum", paths[0])
            contenders[f"sha256sum, {cores} files"] = lambda: run("sha256sum", *paths)
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(chosen.rounds):
            for name, work in contenders.items():
                times[name].append(timed(work))
    median = {name: statistics.median(each) for name, each in times.items()}
    for name, seconds in median.items():
        files = cores if name.endswith("files") else 1
        print(f"{name:24} {files * chosen.size / 1000 / seconds:6.2f} GB/s")
    ours, all_ours = median["ours, one file"], median[f"ours, {cores} files"]
    if "openssl dgst, one file" in median:
        print(f"one core against openssl    {median['openssl dgst, one file'] / ours:5.2f} x   goal 0.9")
    if "sha256sum, one file" in median:
        print(f"one core against sha256sum  {median['sha256sum, one file'] / ours:5.2f} x")
        print(f"all cores against sha256sum {median[f'sha256sum, {cores} files'] / all_ours:5.2f} x   goal 4")
    print(f"all cores against one       {cores * ours / all_ours:5.2f} x   of {cores}")


if __name__ == "__main__":
    main()
