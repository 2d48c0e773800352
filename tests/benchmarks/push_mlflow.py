"""A push to an MLflow server beside MLflow's own client, by turns: the same server, a file of the same size.

`python tests/benchmarks/push_mlflow.py --size 1000` sends so many megabytes, in two ways. "From command to done" is
what somebody waits for: whole processes, `diptych push` (which hashes the file as well, since it was only scanned)
beside a script with `mlflow.MlflowClient`. "Requests alone" is within a process that has begun, after a push of a few
bytes: from the first request to the version in the registry, for ours without hashing the file. The server has as many
workers as `mlflow server` begins without being told. Goals: at least 1.0 of the client's speed, at most 150 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import environment
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
way, port, path, name = sys.argv[1:]
client = MlflowClient(f"http://127.0.0.1:{port}")
def push(path, name):
    run = client.create_run(client.create_experiment(name))
    client.log_artifact(run.info.run_id, path, "model")
    client.create_registered_model(name)
    version = client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_registered_model_alias(name, "champion", version.version)
if way == "requests":
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


@dataclass
class Pair:
    """What was found of ours and theirs, by turns: seconds, and the most memory in bytes."""

    title: str
    ours: list[tuple[float, float]] = field(default_factory=list)
    theirs: list[tuple[float, float]] = field(default_factory=list)

    def report(self, size: int) -> None:
        """Medians, and the median of the ratios."""
        print(self.title)
        for title, each in (("ours", self.ours), ("mlflow's client", self.theirs)):
            seconds = statistics.median(second for second, _ in each)
            memory = max(most for _, most in each) / 1e6
            print(f"  {title:16} {size / seconds:7.1f} MB/s   {seconds:6.2f} s   most memory {memory:5.0f} MB")
        ratio = statistics.median(their / our for (our, _), (their, _) in zip(self.ours, self.theirs, strict=True))
        print(f"  against mlflow's client {ratio:5.2f} x   goal 1.0")


class Rounds:
    """Pushes of one file, each by a process of its own; what has arrived is removed after each."""

    def __init__(self, folder: Path, port: int, size: int) -> None:
        self._folder = folder
        self._port = port
        self._path, self._digest = _model(folder / "model", size)

    def requests_of_ours(self, name: str) -> tuple[float, float]:
        """The requests alone, by ours."""
        given = str(self._port), str(self._path), self._digest
        return self._printed(sys.executable, __file__, "--push", *given, name)

    def requests_of_theirs(self, name: str) -> tuple[float, float]:
        """The requests alone, by MLflow's client."""
        return self._printed(*self._client("requests", name))

    def whole_of_ours(self, name: str) -> tuple[float, float]:
        """`diptych push` from its beginning to its end, of a version that was scanned and not hashed."""
        own = self._folder / name
        own.mkdir()
        known = environment(DIPTYCH_CATALOG=str(own / "catalog.db"), DIPTYCH_CONFIG=str(own / "config"))
        program = sys.executable, "-m", "diptych"
        scan = [*program, "scan", str(self._path.parent), "--quiet"]
        subprocess.run(scan, env=known, check=True, stdout=subprocess.DEVNULL)
        listed = subprocess.run([*program, "list", "--json"], env=known, check=True, stdout=subprocess.PIPE).stdout
        (version,) = json.loads(listed)
        address = f"mlflow+http://127.0.0.1:{self._port}/{name}"
        command = [*program, "push", version["id"], address, "--to", "champion", "--yes", "--quiet"]
        return self._timed(command, known)

    def whole_of_theirs(self, name: str) -> tuple[float, float]:
        """A script with MLflow's client from its beginning to its end."""
        return self._timed([*map(str, self._client("whole", name))], _QUIET)

    def run(self, pair: Pair, each: tuple[Callable[[str], tuple[float, float]], ...], at: int) -> None:
        """Ours and theirs, one after the other; who is first changes."""
        order = ((pair.ours, each[0]), (pair.theirs, each[1]))
        for found, one in order[:: -1 if at % 2 else 1]:
            found.append(one(f"{one.__name__}-{at}"))
            for stored in (self._folder / "server" / "art").rglob(self._path.name):
                stored.unlink()

    def _client(self, way: str, name: str) -> tuple[str | Path, ...]:
        return PROGRAM.with_name("python"), "-c", _CLIENT, way, str(self._port), str(self._path), name

    def _printed(self, *command: str | Path) -> tuple[float, float]:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=_QUIET)
        seconds, memory = done.stdout.split()[-2:]
        return float(seconds), float(memory)

    def _timed(self, command: list[str], known: dict[str, str]) -> tuple[float, float]:
        begun = time.perf_counter()
        child = subprocess.Popen(command, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, command
        return time.perf_counter() - begun, used.ru_maxrss * 1024


_QUIET = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}


def _model(folder: Path, size: int) -> tuple[Path, str]:
    """A folder with a model of one file, and the digest of that."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    path = folder / "model.safetensors"
    tensor = {"dtype": "U8", "shape": [size, 10**6], "data_offsets": [0, size * 10**6]}
    head = json.dumps({"weight": tensor}).encode()
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(-1, size):
            piece = struct.pack("<Q", len(head)) + head if number < 0 else os.urandom(10**6)
            sha256.update(piece)
            file.write(piece)
    return path, sha256.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=4, help="of the server; MLflow's default is four")
    parser.add_argument("--push", nargs=4, metavar=("PORT", "FILE", "DIGEST", "NAME"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.push:
        port, file, digest, name = chosen.push
        push(int(port), Path(file), digest, name)
        return
    whole, requests = Pair("from command to done"), Pair("requests alone")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = MLflow(folder / "server", users=False, workers=chosen.workers)
        try:
            rounds = Rounds(folder, server.port, chosen.size)
            for at in range(chosen.rounds):
                rounds.run(whole, (rounds.whole_of_ours, rounds.whole_of_theirs), at)
                rounds.run(requests, (rounds.requests_of_ours, rounds.requests_of_theirs), at)
        finally:
            server.close()
    for pair in (whole, requests):
        pair.report(chosen.size)
    most = max(memory for pair in (whole, requests) for _, memory in pair.ours)
    print(f"most memory of ours     {most / 1e6:5.0f} MB  goal 150")


if __name__ == "__main__":
    main()
