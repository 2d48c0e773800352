"""A push to Ceph's S3 gateway beside boto3 and obstore on the same server with the same file, in one run.

`python tests/benchmarks/push_s3.py --size 1000` makes a file of so many megabytes. The peers come into an environment
of their own in a temporary folder, and send the file as they do by themselves: boto3 eight megabytes a part in ten
threads, obstore five megabytes a part, twelve at a time, in compiled code. Ours checks the digest of the whole while it
is sent, writes manifest and tag, and verifies. The file is hashed before. They take turns at being first, after one
push of each that does not count: a server that keeps everything in memory has to get it from the machine once, which
takes longer than the push.
Goals: 1.0 times the speed of boto3, at most 150 MB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from stands.s3 import BUCKET, PASSWORD, USER, Ceph

TESTS = Path(__file__).parents[1]

OURS = """
import json, resource, sys, time
from pathlib import Path
from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel, Shipment, Wishes
from diptych.domain.version import Kind, Role, State, Version
from diptych.job import finish
from diptych.remotes import open_remote
from diptych.remotes.network import Network
from stands import Notes

endpoint, user, password, bucket, name, path, sha256 = sys.argv[1:]
path = Path(path)
version = Version(1, sha256, "benchmark", "benchmark", Kind.MODEL, State.COMPLETE, path.parent)
shipment = Shipment(version, (Parcel(path.name, path.stat().st_size, sha256, Role.WEIGHTS, path),))
remote = open_remote(parse(f"s3://{bucket}/{name}"), Secret(password, user), Network(), {"endpoint": endpoint})
finish(remote.check())
begun = time.perf_counter()
receipt = finish(remote.push(finish(remote.plan(shipment, Wishes())), Notes()))
seconds = time.perf_counter() - begun
remote.close()
assert receipt.sent == path.stat().st_size
"""
BOTO3 = """
import json, resource, sys, time
import boto3
from botocore.config import Config

endpoint, user, password, bucket, name, path, sha256 = sys.argv[1:]
client = boto3.client(
    "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=user, aws_secret_access_key=password,
    config=Config(s3={"addressing_style": "path"}),
)
client.list_objects_v2(Bucket=bucket, MaxKeys=1)
begun = time.perf_counter()
client.upload_file(path, bucket, f"{name}/{sha256}")
seconds = time.perf_counter() - begun
"""
OBSTORE = """
import json, resource, sys, time
from pathlib import Path
import obstore
from obstore.store import S3Store

endpoint, user, password, bucket, name, path, sha256 = sys.argv[1:]
store = S3Store(
    bucket, endpoint=endpoint, region="us-east-1", access_key_id=user, secret_access_key=password,
    virtual_hosted_style_request=False, client_options={"allow_http": True},
)
list(obstore.list(store, prefix="nothing"))
begun = time.perf_counter()
obstore.put(store, f"{name}/{sha256}", Path(path))
seconds = time.perf_counter() - begun
"""
TELL = "print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))\n"


def environment_with_peers(folder: Path) -> Path:
    """The interpreter of a new environment that holds the other clients."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = ["pip", "install", "--quiet", "--disable-pip-version-check", "boto3", "obstore"]
    subprocess.run([python, "-m", *install], check=True)
    return python


def measure(python: Path | str, script: str, arguments: list[str]) -> tuple[float, int]:
    """Seconds and bytes of memory at most."""
    paths = {"PYTHONPATH": f"{TESTS.parent / 'app'}:{TESTS}"} if script is OURS else {}
    made = subprocess.run(
        [python, "-c", script + TELL, *arguments], env={**os.environ, **paths}, capture_output=True, check=True
    )
    seconds, memory = json.loads(made.stdout)
    return float(seconds), int(memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes of the file")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = folder / "model.safetensors"
        digest = hashlib.sha256()
        with file.open("wb") as stream:
            for _ in range(chosen.size):
                piece = os.urandom(10**6)
                digest.update(piece)
                stream.write(piece)
        peers = environment_with_peers(folder / "peers")
        contenders: dict[str, tuple[Path | str, str]] = {
            "ours": (sys.executable, OURS),
            "boto3": (peers, BOTO3),
            "obstore": (peers, OBSTORE),
        }
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in contenders}
        ceph = Ceph(folder / "ceph")
        known = [f"http://127.0.0.1:{ceph.port}", USER, PASSWORD, BUCKET]
        try:
            for number in range(chosen.rounds + 1):
                for name, (python, script) in list(contenders.items())[:: -1 if number % 2 else 1]:
                    took = measure(python, script, [*known, name, str(file), digest.hexdigest()])
                    if number:
                        found[name].append(took)
                    ceph.empty()
        finally:
            ceph.close()
        speed = {name: chosen.size / statistics.median(seconds for seconds, _ in each) for name, each in found.items()}
        memory = {name: max(count for _, count in each) / 1e6 for name, each in found.items()}
        for name in contenders:
            print(f"{name:8} {speed[name]:7.0f} MB/s   {memory[name]:6.0f} MB of memory")
        print(f"ours against boto3 {speed['ours'] / speed['boto3']:5.2f} x   goal 1.0")
        print(f"ours against obstore {speed['ours'] / speed['obstore']:5.2f} x")
        print(f"memory of ours     {memory['ours']:5.0f} MB  goal 150")


if __name__ == "__main__":
    main()
