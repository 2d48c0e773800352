"""A real MLflow server: SQLite behind it, files handed on by the server itself; with users, or open to everybody."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Parcel
from stands import Place, await_ready, free_port

PROGRAM = Path(__file__).parents[2] / ".venv-mlflow" / "bin" / "mlflow"
USER, PASSWORD = "ann", "correct horse battery"
READER, READERS_PASSWORD = "bob", "only looks at things"
_ADMIN, _ADMINS_PASSWORD = "admin", "password of the tests"
_USERS = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = {admin}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = true
"""


class MLflow:
    """One server with its data in a folder."""

    kind = "mlflow"
    reference = "champion"
    chunk = 3 << 20
    """A whole file: the server takes each in one request, and keeps nothing of one that breaks off."""
    keeps_content_once = False

    def __init__(
        self,
        folder: Path,
        users: bool = True,
        store: str = "",
        settings: Mapping[str, str] | None = None,
        workers: int = 1,
    ) -> None:
        """`store` is where it keeps files if not in the folder, and `settings` what it needs to know for that.

        `workers` are the processes that answer; MLflow itself begins four.
        """
        assert PROGRAM.exists(), "the MLflow server is missing: packaging/test makes an environment for it"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._users = users
        options = [
            "--backend-store-uri",
            f"sqlite:///{folder}/mlflow.db",
            "--artifacts-destination",
            store or str(folder / "art"),
        ]
        options += ["--serve-artifacts", "--workers", str(workers), "--host", "127.0.0.1", "--port", str(self.port)]
        known = os.environ | {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
        }
        known |= settings or {}
        known.pop("PYTHONPATH", None)
        if users:
            told = _USERS.format(folder=folder, admin=_ADMIN, password=_ADMINS_PASSWORD)
            (folder / "users.ini").write_text(told)
            known["MLFLOW_AUTH_CONFIG_PATH"] = str(folder / "users.ini")
            known["MLFLOW_FLASK_SERVER_SECRET_KEY"] = "of the tests"
            options += ["--app-name", "basic-auth"]
        self._log = (folder / "server.log").open("wb")
        command = [PROGRAM.with_name("python"), "-m", "mlflow", "server", *options]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=known, cwd=folder, start_new_session=True
        )
        try:
            await_ready(lambda: self._answers(workers), "the MLflow server", 120)
            if users:
                for name, password in ((USER, PASSWORD), (READER, READERS_PASSWORD)):
                    self.ask("POST", "mlflow/users/create", {"username": name, "password": password})
                self._hurry()
        except BaseException:
            self.close()
            raise

    def place(self, model: str, port: int = 0) -> Place:
        address = parse(f"mlflow+http://127.0.0.1:{port or self.port}/{model}")
        return Place(address, Secret(PASSWORD, USER) if self._users else None)

    def strangers(self, model: str) -> tuple[Place, ...]:
        address = self.place(model).address
        logins = (None, Secret("wrong", USER), Secret("a-bearer-token")) if self._users else ()
        return tuple(Place(address, login) for login in logins)

    def reader(self, model: str) -> Place:
        """The same place with a login that may only look."""
        return Place(self.place(model).address, Secret(READERS_PASSWORD, READER))

    def visible(self, model: str) -> Mapping[str, str]:
        which = "search?filter=" + quote(f"name='{model}'")
        models = self.ask("GET", f"mlflow/registered-models/{which}").get("registered_models", [])
        versions = self.ask("GET", f"mlflow/model-versions/{which}").get("model_versions", [])
        aliases = {each["alias"]: each["version"] for row in models for each in row.get("aliases", [])}
        return aliases | {row["version"]: row["source"] for row in versions}

    def stored(self, parcel: Parcel) -> list[Path]:
        """Where the server keeps files with the name and size of a parcel."""
        found = (self.folder / "art").rglob(Path(parcel.name).name)
        return [path for path in found if path.is_file() and path.stat().st_size == parcel.bytes]

    def tamper(self, model: str, parcel: Parcel) -> None:
        number = self.ask("GET", f"mlflow/registered-models/alias?name={model}&alias={self.reference}")
        version = number["model_version"]["version"]
        uri = self.ask("GET", f"mlflow/model-versions/get-download-uri?name={model}&version={version}")["artifact_uri"]
        path = self.folder / "art" / uri.removeprefix("mlflow-artifacts:/") / parcel.name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def ask(self, method: str, path: str, content: object = None) -> dict[str, Any]:
        """Ask the server as its administrator, without the code under test."""
        login = (_ADMIN, _ADMINS_PASSWORD) if self._users else None
        url = f"http://127.0.0.1:{self.port}/api/2.0/{path}"
        answer = httpx.request(method, url, json=content, auth=login, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        # it is several processes; all of them are of the session that was begun for it
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._log.close()

    def _hurry(self) -> None:
        """Let the server keep the passwords under a digest that is made at once; its own takes a while on purpose."""
        known = {_ADMIN: _ADMINS_PASSWORD, USER: PASSWORD, READER: READERS_PASSWORD}
        with closing(sqlite3.connect(self.folder / "users.db", timeout=30)) as users, users:
            for name, password in known.items():
                digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1).hex()
                users.execute(
                    "update users set password_hash = ? where username = ?", (f"pbkdf2:sha256:1$salt${digest}", name)
                )

    def _answers(self, workers: int) -> bool:
        log = (self.folder / "server.log").read_text()
        assert self._process.poll() is None, log
        if log.count("Application startup complete") < workers:
            return False
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/version")
            return connection.getresponse().status in (200, 401)
        except HTTPException:
            return False
        finally:
            connection.close()


def start(folder: Path) -> MLflow:
    """A server with users."""
    return MLflow(folder)
