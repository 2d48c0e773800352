"""Push of one file to docker-registry beside oras, the official client for Python: the same server, the same file.

`python tests/benchmarks/push_oci.py --size 1000` makes a file of so many megabytes. oras lives in an environment of its
own in the temporary folder. Goals: at least as fast, hashing included; at most 150 MB of memory; a second push sends 0
bytes of weights.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT / "tests")]

OURS = """
import hashlib, sys, time
from pathlib import Path
from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel, Shipment, Wishes
from diptych.domain.version import Kind, Role, State, Version
from diptych.job import finish
from diptych.remotes.network import Network
from diptych.remotes.oci import Oci
from diptych.tensors.digest import digest_file
from stands import Notes

path, port, model = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
begun = time.perf_counter()
digest = digest_file(path)
hashed = time.perf_counter() - begun
parcel = Parcel(path.name, path.stat().st_size, digest.value, Role.WEIGHTS, path)
shipment = Shipment(Version(1, digest.value, "one", "one", Kind.MODEL, State.COMPLETE, path.parent), (parcel,))

def push():
    remote = Oci(parse(f"oci+http://127.0.0.1:{port}/ours/{model}"), None, Network(), {})
    receipt = finish(remote.push(finish(remote.plan(shipment, Wishes("v1"))), Notes()))
    remote.close()
    return receipt

begun = time.perf_counter()
first = push()
took = time.perf_counter() - begun
second = push()
"""
THEIRS = """
import sys, time, os
import oras.client
os.chdir(os.path.dirname(sys.argv[1]))
begun = time.perf_counter()
client = oras.client.OrasClient(insecure=True)
client.push(f"127.0.0.1:{sys.argv[2]}/theirs/{sys.argv[3]}:v1", files=[os.path.basename(sys.argv[1])], **OPTIONS)
took = time.perf_counter() - begun
hashed = 0.0
"""
END = """
status = open("/proc/self/status").read()
print(took, hashed, int(status.partition("VmHWM:")[2].split()[0]) / 1024, globals().get("second") and second.sent)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    from stands.oci import Registry

    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "peer"
        venv.create(peer, with_pip=True)
        subprocess.run([peer / "bin" / "pip", "install", "--quiet", "--quiet", "oras"], check=True)
        path = Path(folder) / "model.safetensors"
        with path.open("wb") as file:
            for _ in range(chosen.size):
                file.write(os.urandom(10**6))
        contenders = {
            "ours": (sys.executable, OURS),
            "oras, in chunks of 16 MiB": (
                str(peer / "bin" / "python"),
                THEIRS.replace("OPTIONS", "{'do_chunked': True, 'chunk_size': 16 << 20}"),
            ),
            "oras, in one piece": (str(peer / "bin" / "python"), THEIRS.replace("OPTIONS", "{}")),
        }
        times: dict[str, list[float]] = {name: [] for name in contenders}
        hashing: list[float] = []
        memory: dict[str, float] = dict.fromkeys(contenders, 0)
        again = "?"
        for at in range(chosen.rounds):
            for name, (python, script) in list(contenders.items())[:: -1 if at % 2 else 1]:
                registry = Registry(Path(folder) / f"registry-{at}-{len(name)}", auth={})
                try:
                    ran = subprocess.run(
                        [python, "-c", script + END, path, str(registry.port), f"model{at}"],
                        env={**os.environ, "PYTHONPATH": f"{ROOT / 'app'}:{ROOT / 'tests'}" if name == "ours" else ""},
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                finally:
                    registry.close()
                    subprocess.run(["rm", "-rf", registry.folder], check=True)
                if ran.returncode:
                    raise SystemExit(f"{name}: {ran.stderr[-2000:]}")
                took, hashed, peak, sent = ran.stdout.split()[-4:]
                times[name].append(float(took) + float(hashed))
                memory[name] = max(memory[name], float(peak))
                if name == "ours":
                    hashing.append(float(hashed))
                    again = sent
        ours = statistics.median(times["ours"])
        known = ours - statistics.median(hashing)
        print(f"push of {chosen.size} MB to docker-registry on loopback, median of {chosen.rounds}")
        for name, each in times.items():
            took = statistics.median(each)
            print(
                f"{name:28} {took:6.2f} s {chosen.size / took:5.0f} MB/s, peak {memory[name]:4.0f} MB; ours is "
                f"{took / ours:4.2f}x as fast with hashing, {took / known:4.2f}x where the version is hashed already"
            )
        print(f"a second push of ours sent {again} bytes of weights")


if __name__ == "__main__":
    main()
