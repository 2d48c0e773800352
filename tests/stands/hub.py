"""A double of the Hugging Face Hub: the protocol of its client, with everything on this machine.

It is checked against a record of exchanges and against the official client in `tests/contract/test_remote_hub.py`.
Storage is another origin than the Hub (`localhost` in place of `127.0.0.1`) and refuses whoever shows it a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel
from stands import Place
from stands.hub_http import serve
from stands.hub_routes import Routes
from stands.hub_state import State

TOKEN, READER, OTHER = "hf_writes", "hf_reads", "hf_of_somebody_else"


class Hub:
    """The double as a stand."""

    kind = "hub"
    reference = "main"
    chunk = 1 << 20
    keeps_content_once = True

    def __init__(self, folder: Path, chunk: int = chunk) -> None:
        accounts = {TOKEN: ("ann", "write"), READER: ("ann", "read"), OTHER: ("eve", "write")}
        self.state = State(folder, accounts, chunk)
        self._server = serve(Routes(self.state))
        self.port = self._server.port

    def place(self, model: str, port: int = 0) -> Place:
        address = parse(f"hf+http://127.0.0.1:{port or self.port}/ann/{model}")
        return Place(address, Secret(TOKEN))

    def strangers(self, model: str) -> tuple[Place, ...]:
        address = self.place(model).address
        return Place(address), Place(address, Secret("hf_wrong"))

    def visible(self, model: str) -> Mapping[str, str]:
        repository = self.state.repositories.get(f"ann/{model}")
        if repository is None:
            return {}
        moved = {name: commit for name, commit in repository.branches.items() if commit != repository.first}
        return {**moved, **repository.tags, **repository.pulls}

    def tamper(self, model: str, parcel: Parcel) -> None:
        path = self.state.repositories[f"ann/{model}"].object(parcel.sha256)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def close(self) -> None:
        self._server.close()


def start(folder: Path) -> Hub:
    """The double with small parts, so that a cut is seen to cost no more than one."""
    return Hub(folder)
