"""A push to an MLflow server beside MLflow's own client, by turns: the same server, a file of the same size.

`python tests/benchmarks/push_mlflow.py --size 1000` sends so many megabytes. Each push is a process of its own, so that
its memory is its own; what is timed is the push from the first request to the version in the registry, without starting
the program (a push of a few bytes comes before) and, for ours, without hashing the file. Goals: at least 1.0 of the
client's speed, at most 150 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from diptych.domain.address import parse
from diptych.domain.shipping import Parcel, Shipment, Wishes
from diptych.domain.version import Kind, Role, State, Version
from diptych.job import finish
from diptych.remotes import open_remote
from diptych.remotes.network import Network
from stands import Notes
from stands.mlflow import PROGRAM, MLflow

_CLIENT = """
import resource, sys, time
import mlflow
from mlflow import MlflowClient
port, path, name = sys.argv[1:]
client = MlflowClient(f"http://127.0.0.1:{port}")
def push(path, name):
    run = client.create_run(client.create_experiment(name))
    client.log_artifact(run.info.run_id, path, "model")
    client.create_registered_model(name)
    version = client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_registered_model_alias(name, "champion", version.version)
push(__import__("logging").__file__, name + "-first")
begun = time.perf_counter()
push(path, name)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def push(port: int, path: Path, digest: str, name: str) -> None:
    """One push of ours; prints seconds and the most memory that the process has had."""
    few = b"a few bytes"
    ship(port, Parcel("first", len(few), hashlib.sha256(few).hexdigest(), Role.OTHER, None, few), f"{name}-first")
    begun = time.perf_counter()
    ship(port, Parcel(path.name, path.stat().st_size, digest, Role.WEIGHTS, path), name)
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def ship(port: int, parcel: Parcel, name: str) -> None:
    """A version of one file, by a remote of its own."""
    version = Version(1, parcel.sha256, name, name, Kind.MODEL, State.COMPLETE, Path("/"), bytes=parcel.bytes)
    remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/{name}"), None, Network())
    plan = finish(remote.plan(Shipment(version, (parcel,)), Wishes(reference="champion")))
    finish(remote.push(plan, Notes()))
    remote.close()


def measured(*command: str | Path) -> tuple[float, float]:
    """What a push printed: seconds, and bytes of memory."""
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=quiet)
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--push", nargs=4, metavar=("PORT", "FILE", "DIGEST", "NAME"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.push:
        port, file, digest, name = chosen.push
        push(int(port), Path(file), digest, name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        sha256 = hashlib.sha256()
        with path.open("wb") as file:
            for _ in range(chosen.size):
                piece = os.urandom(10**6)
                sha256.update(piece)
                file.write(piece)
        server = MLflow(Path(folder, "server"), users=False)
        try:
            given = str(server.port), str(path)
            programs: dict[str, tuple[Path | str, ...]] = {
                "ours": (sys.executable, __file__, "--push", *given, sha256.hexdigest()),
                "theirs": (PROGRAM.with_name("python"), "-c", _CLIENT, *given),
            }
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
            for at in range(chosen.rounds):
                for name, words in list(programs.items())[:: -1 if at % 2 else 1]:
                    found[name].append(measured(*words, f"{name}-{at}"))
                    for stored in (Path(folder, "server") / "art").rglob(path.name):
                        stored.unlink()
        finally:
            server.close()
    ours, theirs = found["ours"], found["theirs"]
    for title, each in (("ours", ours), ("mlflow's client", theirs)):
        seconds = statistics.median(second for second, _ in each)
        memory = max(most for _, most in each) / 1e6
        print(f"{title:16} {chosen.size / seconds:7.1f} MB/s   {seconds:6.2f} s   most memory {memory:5.0f} MB")
    ratio = statistics.median(their / our for (our, _), (their, _) in zip(ours, theirs, strict=True))
    print(f"against mlflow's client {ratio:5.2f} x   goal 1.0")
    print(f"most memory of ours     {max(most for _, most in ours) / 1e6:5.0f} MB  goal 150")


if __name__ == "__main__":
    main()
