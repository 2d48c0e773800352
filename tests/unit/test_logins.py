"""Logins of other programs: all are found, none is shown, and each goes only to the host that it is for."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from diptych.credentials.logins import FoundLogin, found_logins, secret_of
from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.errors import NotFound, Refused
from diptych.job import finish


@pytest.fixture
def filled(home: Path) -> Path:
    """A home folder in which every program has kept a login."""
    write(home / ".cache/huggingface/token", "hf_inuse\n")
    write(home / ".cache/huggingface/stored_tokens", "[work]\nhf_token = hf_work\n")
    packed = base64.b64encode(b"jane:pa:ss").decode()
    auths = {
        "ghcr.io": {"auth": packed},
        "https://index.docker.io/v1/": {"username": "joe", "password": "dock"},
        "quay.io": {"identitytoken": "ident"},
        "broken.example": {"auth": "%%%"},
        "store.example": {},
    }
    write(home / ".docker/config.json", json.dumps({"auths": auths, "credHelpers": {"gcr.io": "gcloud"}}))
    write(
        home / ".aws/credentials",
        "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = shh\n"
        "[passing]\naws_access_key_id = ASIA1\naws_secret_access_key = shh2\naws_session_token = t\n",
    )
    write(home / ".netrc", "machine mlflow.example login jane password net\ndefault login x password y\n")
    return home


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def found() -> dict[str, FoundLogin]:
    return {login.key: login for login in finish(found_logins())}


def test_every_login_is_listed_and_no_secret_with_it(filled: Path) -> None:
    logins = found()
    assert set(logins) == {
        "hub:token", "hub:work", "docker:ghcr.io", "docker:index.docker.io", "docker:quay.io", "docker:gcr.io",
        "aws:default", "aws:passing", "netrc:mlflow.example",
    }  # fmt: skip
    assert logins["docker:ghcr.io"].user == "jane"
    assert logins["docker:ghcr.io"].file == filled / ".docker/config.json"
    shown = repr(logins)
    assert [word for word in ("hf_inuse", "hf_work", "pa:ss", "dock'", "ident", "shh", "net'") if word in shown] == []


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("hub:token", Secret("hf_inuse")),
        ("hub:work", Secret("hf_work")),
        ("docker:ghcr.io", Secret("pa:ss", "jane")),
        ("docker:index.docker.io", Secret("dock", "joe")),
        ("docker:quay.io", Secret("ident")),
        ("aws:default", Secret("shh", "AKIA1")),
        ("netrc:mlflow.example", Secret("net", "jane")),
    ],
)
def test_the_chosen_one_is_read_from_its_file(key: str, secret: Secret, filled: Path) -> None:
    assert secret_of(found()[key]) == secret


@pytest.mark.parametrize(("key", "reason"), [("docker:gcr.io", "docker-credential-gcloud"), ("aws:passing", "hours")])
def test_what_a_program_would_have_to_be_run_for_is_named_only(key: str, reason: str, filled: Path) -> None:
    with pytest.raises(Refused, match=reason):
        secret_of(found()[key])


def test_a_login_that_went_away_is_told(filled: Path) -> None:
    login = found()["hub:token"]
    login.file.unlink()
    with pytest.raises(NotFound, match="not there any more"):
        secret_of(login)


@pytest.mark.parametrize(
    ("key", "fitting"),
    [
        ("hub:token", {"hf://org/name"}),
        ("docker:ghcr.io", {"oci://ghcr.io/org/model"}),
        ("docker:index.docker.io", {"oci://docker.io/org/model"}),
        ("aws:default", {"s3://bucket/prefix"}),
        ("netrc:mlflow.example", {"mlflow+https://mlflow.example/model"}),
    ],
)
def test_a_login_fits_only_the_host_that_it_is_for(key: str, fitting: set[str], filled: Path) -> None:
    addresses = (
        "hf://org/name", "hf+https://hub.example/org/name", "oci://ghcr.io/org/model", "oci://ghcr.io:5000/org/model",
        "oci://docker.io/org/model", "oci://ghcr.io.evil.example/x", "s3://bucket/prefix", "file:///folder",
        "mlflow+https://mlflow.example/model", "mlflow+https://mlflow.example:8443/model", "mlflow+https://ghcr.io/m",
    )  # fmt: skip
    assert {text for text in addresses if found()[key].fits(parse(text))} == fitting


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"auths": []}', b'{"auths": {"x": 3}}', b'{"auths": {"x": {"auth": "YQ=="}}}',
     b"[" * 100_000, b"\xff\xfe\x00", b"x" * (2 << 20), b"[default]\nno", b"machine", b"hosts: :"],
)  # fmt: skip
def test_files_that_are_not_what_they_should_be_hold_nothing(content: bytes, home: Path) -> None:
    for name in (".docker/config.json", ".aws/credentials", ".netrc", ".cache/huggingface/stored_tokens"):
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert found() == {}


def test_environment_variables_that_move_the_files_are_obeyed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "hf" / "token", "hf_moved")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    write(tmp_path / "netrc", "machine ghcr.io login jane password net\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert set(found()) == {"hub:token", "netrc:ghcr.io"}
