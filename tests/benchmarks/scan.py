"""A scan of 2,000 safetensors files into the catalog, beside huggingface_hub's parser with SQLModel rows.

    PYTHONPATH=app python tests/benchmarks/scan.py [--files 2000] [--rounds 3] [--without-hub]

Files hold 300 tensors each (headers of 35 kB, no data that matters) among 8,000 other files, once as 400 sharded models
and once as 2,000 files that are a version each. The peer walks the same tree, parses every header and adds one row a
file; it runs in an environment of its own, made in the folder for temporary files when it is missing, and its imports
are not counted. Goals: at least 15 times as fast, and an unchanged rescan at least 40 times.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from diptych.catalog import Catalog
from diptych.job import finish
from diptych.settings import Settings
from diptych.workbench import Workbench

sys.path.insert(0, str(Path(__file__).parents[1]))
from making import header_bytes

ENVIRONMENT = Path(tempfile.gettempdir()) / "diptych-benchmark-hub"
TENSORS = 300
LAYOUTS = 5
"""Different headers, as of five models: the checkpoints of one share theirs."""
PEER = """
import os, sys, time
from sqlmodel import Field, Session, SQLModel, create_engine
from huggingface_hub import parse_local_safetensors_file_metadata

class File(SQLModel, table=True):
    path: str = Field(primary_key=True)
    bytes: int
    parameters: int
    tensors: int

engine = create_engine("sqlite:///" + sys.argv[2])
SQLModel.metadata.create_all(engine)
start = time.perf_counter()
with Session(engine) as session:
    for folder, _, names in os.walk(sys.argv[1]):
        for name in names:
            if name.endswith(".safetensors"):
                path = os.path.join(folder, name)
                found = parse_local_safetensors_file_metadata(path)
                count = sum(found.parameter_count.values())
                session.add(File(path=path, bytes=os.path.getsize(path), parameters=count, tensors=len(found.tensors)))
    session.commit()
print(time.perf_counter() - start)
"""


def contents() -> Iterator[bytes]:
    """Whole files, one for each layout."""
    for layout in range(LAYOUTS):
        entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
        for number in range(TENSORS):
            name = f"model.layers.{number // 9}.block_{layout:02}.projection_{number % 9}.weight"
            entries[name] = {"dtype": "BF16", "shape": [1, 1], "data_offsets": [number * 2, number * 2 + 2]}
        yield header_bytes(entries) + bytes(TENSORS * 2)


def fill(root: Path, files: int, shards: int) -> None:
    """Folders of `shards` files each, sharded models or single ones, and four other files for each of them."""
    kinds = list(contents())
    for number in range(files // shards):
        folder = root / f"group-{number % 20:02}" / f"model-{number:04}"
        folder.mkdir(parents=True)
        for shard in range(shards):
            stem = f"style-{number:04}" if shards == 1 else f"model-{shard + 1:05}-of-{shards:05}"
            (folder / f"{stem}.safetensors").write_bytes(kinds[(number * shards + shard) % LAYOUTS])
            for other in range(4):
                (folder / f"note-{shard}-{other}.txt").write_bytes(b"note")


def ours(root: Path, rounds: int) -> tuple[float, float]:
    """Seconds of a first scan and of an unchanged one."""
    first, again = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as place:
            workbench = Workbench(Catalog(Path(place) / "catalog.db"), Settings())
            for times in (first, again):
                start = time.perf_counter()
                report = finish(workbench.scan([root]))
                times.append(time.perf_counter() - start)
            assert report.versions == workbench.count()
            assert not report.changes
            workbench.catalog.close()
    return statistics.median(first), statistics.median(again)


def peer(root: Path, rounds: int) -> float:
    """Seconds of the peer."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "huggingface_hub", "sqlmodel"]
        subprocess.run(command, check=True)
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as place:
            command = [python, "-c", PEER, str(root), f"{place}/peer.db"]
            times.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-hub", action="store_true")
    options = parser.parse_args()
    for title, shards in (("400 sharded models", 5), ("2,000 single files", 1)):
        with tempfile.TemporaryDirectory() as place:
            root = Path(place)
            fill(root, options.files, shards)
            first, again = ours(root, options.rounds)
            print(f"{title}: scan {first * 1000:6.0f} ms, {options.files / first:8,.0f} files/s")
            print(f"{'':{len(title)}}  again {again * 1000:5.0f} ms, {options.files / again:8,.0f} files/s")
            if not options.without_hub:
                hub = peer(root, options.rounds)
                print(f"{'':{len(title)}}  huggingface_hub and SQLModel {hub * 1000:.0f} ms")
                print(f"{'':{len(title)}}  first {hub / first:.1f}× (goal 15), unchanged {hub / again:.1f}× (goal 40)")


if __name__ == "__main__":
    main()
