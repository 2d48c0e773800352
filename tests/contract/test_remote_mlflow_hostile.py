"""MLflow servers that mean no good: places elsewhere, names that lead out, lists without end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from diptych.domain.address import parse
from diptych.errors import DiptychError, Refused
from diptych.job import finish
from diptych.remotes import open_remote
from stands import QUICK


@contextmanager
def hostile(uri: str, listing: list[dict[str, object]], tagged: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A server that says what it likes: where the files are, and how they are called."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.say(answer(self.path))

        def say(self, found: object) -> None:
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any, **named: Any) -> None:
            pass

    def answer(path: str) -> object:
        version = {"name": "m", "version": "1", "tags": [{"key": "diptych.manifest", "value": "0" * 64}] * tagged}
        asked_for = parse_qs(urlsplit(path).query).get("path", [""])[0]
        answers: dict[str, Callable[[], object]] = {
            "versions/search": lambda: {"model_versions": [version]},
            "versions/get-download-uri": lambda: {"artifact_uri": uri},
            "model-versions/get?": lambda: {"model_version": version},
            "registered-models/get": lambda: {"registered_model": {"aliases": [{"alias": "a", "version": "1"}]}},
            "mlflow-artifacts/artifacts?": lambda: {"files": listing if asked_for.count("/") < 40 else []},
        }
        return next((make() for part, make in answers.items() if part in path), {"secret": "x" * 20})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ELSEWHERE = (
    "file:///etc",
    "/etc",
    "../../etc",
    "s3://bucket/x",
    "gs://bucket/x",
    "mlflow-artifacts:/../../etc",
    "mlflow-artifacts:/1/%2e%2e/%2e%2e/etc",
    "mlflow-artifacts://elsewhere.example/1/m",
    "http://169.254.169.254/api/2.0/mlflow-artifacts/artifacts/1/m",
    "https://elsewhere.example/1/m",
    "mlflow-artifacts:/1/m?path=/etc",
    "",
)


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_files_elsewhere_are_not_followed(uri: str, tmp_path: Path) -> None:
    with hostile(uri, [{"path": "passwd", "file_size": 10}]) as (port, asked):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(Refused) as caught:
            finish(remote.pull("1", tmp_path / "pulled"))
        remote.close()
    assert "\n" not in caught.value.message
    assert not [path for path in asked if "mlflow-artifacts" in path]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\\b", "C:x", "nul", ".git/config", "", "a\x00"])
def test_names_that_lead_elsewhere_are_not_taken(name: str, tmp_path: Path) -> None:
    with hostile("mlflow-artifacts:/1/m", [{"path": name, "file_size": 10}]) as (port, _):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(Refused):
            finish(remote.pull("1", tmp_path / "pulled"))
        remote.close()
    assert not (tmp_path / "pulled").exists()
    assert not (tmp_path / "x").exists()


def test_folders_without_end_are_left(tmp_path: Path) -> None:
    with hostile("mlflow-artifacts:/1/m", [{"path": "d", "is_dir": True}]) as (port, asked):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(Refused):
            finish(remote.files("1"))
        remote.close()
    assert len(asked) < 50


def test_a_list_of_files_that_is_another_than_its_tag_says_is_not_used(tmp_path: Path) -> None:
    with hostile("mlflow-artifacts:/1/m", [], tagged=True) as (port, _):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(DiptychError):
            finish(remote.files("1"))
        remote.close()
