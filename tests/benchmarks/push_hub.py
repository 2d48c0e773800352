"""A push to the double of the Hub beside huggingface_hub's own upload_folder, with the same file, in one run.

`python tests/benchmarks/push_hub.py --size 1000` makes a file of so many megabytes and sends it both as one request and
in parts of 64 MB. Each reads and hashes it once within its time: ours while it is sent, since a version's digests are
in the catalog before any push, huggingface_hub within upload_folder, which takes none from elsewhere; what the catalog
needs for hashing is told on a line of its own. The double takes what it gets, but neither looks at it nor keeps it: so
the clients are measured, and not what a gigabyte of fresh memory costs whoever comes first. They take turns at being
first all the same. Ours plans, verifies the commit, and puts on a tag besides.
Goals: 1.0 times the speed of huggingface_hub, at most 150 MB of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from stands.hub import TOKEN, Hub

TESTS = Path(__file__).parents[1]
PART = 64_000_000
SHAPES = {"at once": 1 << 60, "in parts": PART}

OURS = """
import hashlib, json, resource, sys, time
from pathlib import Path
from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel, Shipment, Wishes
from diptych.domain.version import Kind, Role, State, Version
from diptych.job import finish
from diptych.remotes import open_remote
from diptych.remotes.network import Network
from stands import Notes

endpoint, token, name, folder = sys.argv[1:]
path = Path(folder, "model.safetensors")
remote = open_remote(parse(f"hf+{endpoint}/{name}"), Secret(token), Network())
finish(remote.check())
begun = time.perf_counter()
with path.open("rb") as file:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
before = time.perf_counter() - begun
version = Version(1, sha256, "benchmark", "benchmark", Kind.MODEL, State.COMPLETE, path.parent)
shipment = Shipment(version, (Parcel(path.name, path.stat().st_size, sha256, Role.WEIGHTS, path),))
begun = time.perf_counter()
receipt = finish(remote.push(finish(remote.plan(shipment, Wishes(tag="v1"))), Notes()))
seconds = time.perf_counter() - begun
remote.close()
assert receipt.sent == path.stat().st_size
"""
OFFICIAL = """
import json, resource, sys, time
from huggingface_hub import HfApi

endpoint, token, name, folder = sys.argv[1:]
api = HfApi(endpoint=endpoint, token=token)
api.whoami()
before = 0
begun = time.perf_counter()
api.create_repo(name, private=True)
api.upload_folder(repo_id=name, folder_path=folder)
seconds = time.perf_counter() - begun
"""
TELL = "print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, before]))\n"
CONTENDERS = {"ours": OURS, "huggingface_hub": OFFICIAL}


def measure(script: str, arguments: list[str], home: Path) -> tuple[float, int, float]:
    """Seconds, bytes of memory at most, and seconds of hashing before."""
    settings = {
        "PYTHONPATH": f"{TESTS.parent / 'app'}:{TESTS}",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-c", script + TELL, *arguments]
    made = subprocess.run(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, check=True)
    seconds, memory, before = json.loads(made.stdout)
    return float(seconds), int(memory), float(before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes of the file")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "model").mkdir()
        with (folder / "model" / "model.safetensors").open("wb") as stream:
            for _ in range(chosen.size):
                stream.write(os.urandom(10**6))
        for shape, chunk in SHAPES.items():
            found: dict[str, list[tuple[float, int, float]]] = {name: [] for name in CONTENDERS}
            for number in range(chosen.rounds):
                for name, script in list(CONTENDERS.items())[:: -1 if number % 2 else 1]:
                    with tempfile.TemporaryDirectory(dir=folder) as data:
                        hub = Hub(Path(data), chunk)
                        hub.state.keeps = False
                        known = [f"http://127.0.0.1:{hub.port}", TOKEN, f"ann/m{number}", str(folder / "model")]
                        try:
                            found[name].append(measure(script, known, folder / "home"))
                        finally:
                            hub.close()
            report(shape, chosen.size, found)


def report(shape: str, size: int, found: dict[str, list[tuple[float, int, float]]]) -> None:
    """Print one shape of upload."""
    took = {name: statistics.median(seconds for seconds, _, _ in each) for name, each in found.items()}
    speed = {name: size / seconds for name, seconds in took.items()}
    memory = {name: max(count for _, count, _ in each) / 1e6 for name, each in found.items()}
    hashed = statistics.median(before for _, _, before in found["ours"])
    for name in found:
        print(f"{shape:9} {name:16} {speed[name]:7.0f} MB/s   {memory[name]:6.0f} MB of memory")
    ratio = speed["ours"] / speed["huggingface_hub"]
    print(f"{shape:9} ours against huggingface_hub {ratio:5.2f} x  goal 1.0")
    print(f"{shape:9} with the catalog's hashing  {took['huggingface_hub'] / (took['ours'] + hashed):5.2f} x")
    print(f"{shape:9} memory of ours {memory['ours']:5.0f} MB  goal 150")


if __name__ == "__main__":
    main()
