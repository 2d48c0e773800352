"""A wire to a server of the tests, with a login that must not go astray."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from diptych.domain.shipping import Parcel
from diptych.domain.version import Role
from diptych.job import Job
from diptych.remotes.answers import Answer
from diptych.remotes.network import Network
from diptych.remotes.wire import Wire

CANARY = "c4n4ry-t0k3n"
QUICK = Network(connect_seconds=1, answer_seconds=1, slowest=1000, attempts=3, longest_wait=0.1)


class Token:
    """A login that must not go astray."""

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {CANARY}", "X-Own-Token": CANARY}

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        yield from ()
        return False


@contextmanager
def wired(port: int, network: Network = QUICK, host: str = "127.0.0.1", scheme: str = "http") -> Iterator[Wire]:
    wire = Wire(f"{scheme}://{host}:{port}", network, Token())
    try:
        yield wire
    finally:
        wire.close()


def parcel(path: Path | None = None, content: bytes = b"") -> Parcel:
    data = path.read_bytes() if path else content
    return Parcel("file", len(data), hashlib.sha256(data).hexdigest(), Role.WEIGHTS, path, b"" if path else content)
