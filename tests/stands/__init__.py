"""Registries on this machine, started for the tests: the real server where there is one, else a faithful double.

A stand is a module in this folder with `start(folder) -> Stand`; `STANDS` names those that exist. Tests ask it for
fresh models, so that none sees what another has pushed.
"""

from __future__ import annotations

import hashlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel, Shipment
from diptych.domain.version import Kind, Role, State, Version
from diptych.remotes.network import Network

STANDS: tuple[str, ...] = ("oci", "s3", "folder", "hub", "mlflow")
"""Modules of this folder, in the order in which the suite goes through them."""

NETWORKED = tuple(name for name in STANDS if name != "folder")
"""Those that are spoken to over the network; what a share meets is in `faults/test_share.py`."""

QUICK = Network(connect_seconds=2, answer_seconds=2, slowest=1, attempts=4, longest_wait=0.2)
"""Little patience, so that tests of what goes wrong are over soon."""


@dataclass(frozen=True)
class Place:
    """One model at a stand, and what is needed to speak to it."""

    address: Address
    secret: Secret | None = None
    options: Mapping[str, str] = field(default_factory=dict)


class Stand(Protocol):
    """A running registry."""

    kind: str
    """As in `Address.kind`."""
    port: int
    """Where it listens on 127.0.0.1, in plain http; 0 for one that is not spoken to over the network."""
    reference: str
    """What `Wishes.reference` may be here."""
    chunk: int
    """The most bytes that one cut of the connection may cost."""
    keeps_content_once: bool
    """Whether what came with one version is not sent again with the next; else every version is a folder of its own."""

    def place(self, model: str, port: int = 0) -> Place:
        """Where `model` is; `port` is that of a proxy in between."""

    def strangers(self, model: str) -> tuple[Place, ...]:
        """The same place with logins that are not accepted; empty where there are no logins."""

    def visible(self, model: str) -> Mapping[str, str]:
        """What others see, asked without the code under test: names (tags, versions, branches that were moved by a
        push) with what they point to."""

    def tamper(self, model: str, parcel: Parcel) -> None:
        """Change one byte of a stored file behind the server's back."""

    def close(self) -> None:
        """End the server."""


def start(name: str, folder: Path) -> Stand:
    """Start the stand of that name with its data in `folder`, ready to be spoken to."""
    return cast("Stand", import_module(f"stands.{name}").start(folder))


_NUMBERS = itertools.count(1)


def fresh(word: str = "model") -> str:
    """A name that no other test uses."""
    return f"{word}-{next(_NUMBERS)}-{time.time_ns() % 10**9}"


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_ready(ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until `ready`; it may raise OSError while there is no connection."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{what} did not come up in {seconds} s")


class Notes:
    """A journal in memory, as the catalog keeps one on disk."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.kept.get(key)

    def put(self, key: str, value: str | None) -> None:
        if value is None:
            self.kept.pop(key, None)
        else:
            self.kept[key] = value


@lru_cache(maxsize=16)
def noise(count: int, seed: int = 0) -> bytes:
    """Bytes that do not repeat, the same for the same seed."""
    blocks: Iterator[bytes] = (hashlib.sha256(f"{seed}/{at}".encode()).digest() for at in range(count // 32 + 1))
    return b"".join(blocks)[:count]


def files_of_a_model(seed: int = 0, weights: int = 3 << 20) -> dict[str, bytes]:
    """A small model: two weight files, settings, a tokenizer in a folder of its own, a card, an empty file."""
    return {
        "config.json": b'{"model_type": "llama", "seed": %d}' % seed,
        "model-00001-of-00002.safetensors": noise(weights, seed),
        "model-00002-of-00002.safetensors": noise(weights // 3, seed + 1),
        "tokenizer/tokenizer.json": noise(2000, 5),
        "README.md": b"# A model\n",
        "empty.txt": b"",
    }


_ROLES = {".safetensors": Role.WEIGHTS, "config.json": Role.CONFIG, "tokenizer.json": Role.TOKENIZER, ".md": Role.CARD}


def shipment(folder: Path, files: Mapping[str, bytes], made: Mapping[str, bytes] | None = None) -> Shipment:
    """Write `files` into `folder` and make a shipment of them; `made` are files that exist in memory alone."""
    parcels = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        parcels.append(_parcel(name, content, path))
    parcels += [_parcel(name, content, None) for name, content in (made or {}).items()]
    identity = hashlib.sha256("".join(sorted(f"{each.name}:{each.sha256}" for each in parcels)).encode()).hexdigest()
    version = Version(
        key=1,
        id=identity,
        name="sft/checkpoint-200",
        model="sft",
        kind=Kind.CHECKPOINT,
        state=State.COMPLETE,
        path=folder,
        step=200,
        format="safetensors",
        dtype="BF16",
        family="llama",
        parameters=1_500_000,
        bytes=sum(len(content) for content in files.values()),
        created=1_700_000_000.0,
        metrics={"eval_loss": 0.51},
        hyperparameters={"learning_rate": 2e-5},
    )
    return Shipment(version, tuple(parcels))


def _parcel(name: str, content: bytes, path: Path | None) -> Parcel:
    role = next((role for end, role in _ROLES.items() if name.endswith(end)), Role.OTHER)
    digest = hashlib.sha256(content).hexdigest()
    return Parcel(name, len(content), digest, role, path, b"" if path else content)
