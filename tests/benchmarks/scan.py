"""A scan of 2,000 safetensors files into the catalog, beside huggingface_hub's parser with SQLModel rows.

    PYTHONPATH=app python tests/benchmarks/scan.py [--files 2000] [--rounds 5] [--without-hub]

Files hold 300 tensors each (headers of 35 kB, no data that matters) among 8,000 other files, once as 400 sharded models
and once as 2,000 files that are a version each. The peer walks the same tree, parses every header and adds one row a
file, in an environment of its own, made in the folder for temporary files when it is missing.

The two take turns, every round in fresh processes. Each first does a small tree of its own, so that neither pays for
imports and for what libraries do once; then each starts with an empty database on the same disk. Goals: at least 15
times as fast, and an unchanged rescan at least 40 times.
"""

from __future__ import annotations

import argparse
import os
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
SMALL = 20
"""Files that both sides do before it counts, with headers that the others do not have."""
PEER = """
import os, sys, time
from sqlmodel import Field, Session, SQLModel, create_engine
from huggingface_hub import parse_local_safetensors_file_metadata

class File(SQLModel, table=True):
    path: str = Field(primary_key=True)
    bytes: int
    parameters: int
    tensors: int

def scan(root, database):
    engine = create_engine("sqlite:///" + database)
    SQLModel.metadata.create_all(engine)
    start = time.perf_counter()
    with Session(engine) as session:
        for folder, _, names in os.walk(root):
            for name in names:
                if name.endswith(".safetensors"):
                    path = os.path.join(folder, name)
                    found = parse_local_safetensors_file_metadata(path)
                    count = sum(found.parameter_count.values())
                    size = os.path.getsize(path)
                    session.add(File(path=path, bytes=size, parameters=count, tensors=len(found.tensors)))
        session.commit()
    return time.perf_counter() - start

small, root, place = sys.argv[1:]
scan(small, place + "/small.db")
print(scan(root, place + "/peer.db"))
"""


def contents(first: int) -> Iterator[bytes]:
    """Whole files, one for each layout from the `first` on."""
    for layout in range(first, first + LAYOUTS):
        entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
        for number in range(TENSORS):
            name = f"model.layers.{number // 9}.block_{layout:02}.projection_{number % 9}.weight"
            entries[name] = {"dtype": "BF16", "shape": [1, 1], "data_offsets": [number * 2, number * 2 + 2]}
        yield header_bytes(entries) + bytes(TENSORS * 2)


def fill(root: Path, files: int, shards: int, layout: int = 0) -> None:
    """Folders of `shards` files each, sharded models or single ones, and four other files for each of them."""
    kinds = list(contents(layout))
    for number in range(files // shards):
        folder = root / f"group-{number % 20:02}" / f"model-{number:04}"
        folder.mkdir(parents=True)
        for shard in range(shards):
            stem = f"style-{number:04}" if shards == 1 else f"model-{shard + 1:05}-of-{shards:05}"
            (folder / f"{stem}.safetensors").write_bytes(kinds[(number * shards + shard) % LAYOUTS])
            for other in range(4):
                (folder / f"note-{shard}-{other}.txt").write_bytes(b"note")
    os.sync()  # or the first to ask for its own writes to be safe waits for all of these


def scans(root: Path, catalog: Path) -> tuple[float, float]:
    """Seconds of a first scan and of an unchanged one, in this process."""
    workbench = Workbench(Catalog(catalog), Settings())
    times = []
    for _ in range(2):
        start = time.perf_counter()
        report = finish(workbench.scan([root]))
        times.append(time.perf_counter() - start)
    assert report.versions == workbench.count()
    assert not report.changes
    workbench.catalog.close()
    return times[0], times[1]


def ours(small: Path, root: Path) -> tuple[float, float]:
    """Seconds of a first scan and of an unchanged one, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, __file__, "--in-process", str(small), str(root), place]
        first, again = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(first), float(again)


def peer(small: Path, root: Path) -> float:
    """Seconds of the peer, in a process of its own."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "huggingface_hub", "sqlmodel"]
        subprocess.run(command, check=True)
    with tempfile.TemporaryDirectory() as place:
        command = [python, "-c", PEER, str(small), str(root), place]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(title: str, files: int, shards: int, rounds: int, hub: bool) -> None:
    """Print ours beside the peer on one tree."""
    with tempfile.TemporaryDirectory() as place:
        small, root = Path(place) / "small", Path(place) / "library"
        fill(small, SMALL, shards, layout=LAYOUTS)
        fill(root, files, shards)
        measured = [(*ours(small, root), peer(small, root) if hub else 0.0) for _ in range(rounds)]
    print(title)
    for name, choose in (("median", statistics.median), ("best", min)):
        first, again, theirs = (choose(times) for times in zip(*measured, strict=True))
        line = f"  {name:6}  scan {first * 1000:6.1f} ms ({files / first:7,.0f} files/s), again {again * 1000:5.1f} ms"
        if hub:
            line += f", huggingface_hub and SQLModel {theirs * 1000:.0f} ms"
            line += f": {theirs / first:.1f}× (goal 15), unchanged {theirs / again:.1f}× (goal 40)"
        print(line)


def main() -> None:
    if sys.argv[1:2] == ["--in-process"]:
        small, root, place = map(Path, sys.argv[2:])
        scans(small, place / "small.db")
        print(*scans(root, place / "catalog.db"))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-hub", action="store_true")
    options = parser.parse_args()
    for title, shards in (("400 sharded models", 5), ("2,000 single files", 1)):
        compare(title, options.files, shards, options.rounds, not options.without_hub)


if __name__ == "__main__":
    main()
