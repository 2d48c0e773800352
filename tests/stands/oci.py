"""Debian's docker-registry: plain on loopback, or with TLS; always with a password."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bcrypt

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel
from stands import Place, await_ready, free_port

USER, PASSWORD = "ann", "correct horse"
_STORE = Path("data", "docker", "registry", "v2")


class Registry:
    """One docker-registry with its data in a folder."""

    kind = "oci"
    reference = "v1"
    chunk = 1 << 20
    keeps_content_once = True

    def __init__(
        self, folder: Path, tls: tuple[Path, Path] | None = None, auth: Mapping[str, Any] | None = None
    ) -> None:
        """With TLS where `tls` gives a certificate and its key; `auth` in place of a user list, or empty for all."""
        program = shutil.which("docker-registry")
        assert program, "docker-registry is missing: packaging/prepare names the packages that the tests need"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        http: dict[str, Any] = {"addr": f"127.0.0.1:{self.port}", "secret": "the same after a restart"}
        if tls is not None:
            http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": http,
        }
        if auth:
            settings["auth"] = dict(auth)
        elif auth is None:
            known = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
            (folder / "users").write_bytes(USER.encode() + b":" + known + b"\n")
            settings["auth"] = {"htpasswd": {"realm": "stand", "path": str(folder / "users")}}
        (folder / "registry.json").write_text(json.dumps(settings))
        self._process = subprocess.Popen(
            [program, "serve", str(folder / "registry.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await_ready(self._listens, "docker-registry")

    def place(self, model: str, port: int = 0) -> Place:
        address = parse(f"oci+http://127.0.0.1:{port or self.port}/tests/{model}")
        return Place(address, Secret(PASSWORD, USER), {"chunk": str(self.chunk)})

    def strangers(self, model: str) -> tuple[Place, ...]:
        address, options = self.place(model).address, self.place(model).options
        return Place(address, None, options), Place(address, Secret("wrong", USER), options)

    def visible(self, model: str) -> Mapping[str, str]:
        tags = self.folder / _STORE / "repositories" / "tests" / model / "_manifests" / "tags"
        return {link.parts[-3]: link.read_text() for link in sorted(tags.glob("*/current/link"))}

    def blob(self, sha256: str) -> Path:
        """Where the server keeps the content with this digest."""
        return self.folder / _STORE / "blobs" / "sha256" / sha256[:2] / sha256 / "data"

    def tamper(self, model: str, parcel: Parcel) -> None:
        blob = self.blob(parcel.sha256)
        content = bytearray(blob.read_bytes())
        content[len(content) // 2] ^= 1
        blob.write_bytes(content)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _listens(self) -> bool:
        assert self._process.poll() is None, "docker-registry ended at once"
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True


def start(folder: Path) -> Registry:
    """A registry in plain http with a password."""
    return Registry(folder)
