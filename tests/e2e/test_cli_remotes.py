"""Remotes in a terminal: added, signed in to with a real keyring, tested, renamed, forgotten; secrets only by pipes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import diptych, environment
from diptych import credentials
from diptych.domain.secret import Secret
from diptych.job import finish
from stands.keyring import session

CANARY = "hf_CANARYcanary0123456789"


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with session(tmp_path_factory.mktemp("keyring"), "unlocked") as environment:
        yield environment


@pytest.fixture
def keyring(unlocked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", unlocked["DBUS_SESSION_BUS_ADDRESS"])


def test_a_remote_from_the_first_word_to_the_last(keyring: None, home: Path) -> None:
    assert diptych("remote").stdout.startswith("no remotes yet")
    added = diptych("remote", "add", "reg", "oci+http://127.0.0.1:9/team/model", "--user", "jane", "--json")
    assert json.loads(added.stdout) == {
        "name": "reg", "address": "oci+http://127.0.0.1:9/team/model", "kind": "oci", "user": "jane", "ca_file": None,
        "throttle": 0, "login": "", "account": "", "tested": None,
    }  # fmt: skip
    signed_in = diptych("remote", "login", "reg", "--token-fd", "0", given=f"{CANARY}\n")
    assert (signed_in.returncode, signed_in.stderr) == (0, "")
    assert finish(credentials.get("reg")) == Secret(CANARY, "jane")
    listed = diptych("remote", "list")
    assert listed.stdout.splitlines()[1].split() == ["reg", "oci+http://127.0.0.1:9/team/model", "jane", "keyring"]
    tested = diptych("remote", "test", "reg")
    assert tested.returncode == 7
    assert "127.0.0.1:9" in tested.stderr
    assert diptych("remote", "rename", "reg", "registry").returncode == 0
    assert finish(credentials.get("registry")) == Secret(CANARY, "jane")
    assert diptych("remote", "forget", "registry").returncode == 0
    assert finish(credentials.get("registry")) is None
    assert diptych("remote", "list", "--json").stdout.strip() == "[]"
    assert CANARY not in "".join(file.read_text("utf-8", "replace") for file in home.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "arguments",
    [
        ("login", "reg", CANARY),
        ("login", "reg", "--token", CANARY),
        ("login", "reg", f"--token={CANARY}"),
        ("login", "reg", "--password", CANARY),
        ("login", "reg", "--tok", CANARY),
        ("login", "reg", f"--tok={CANARY}"),
        ("login", "reg", "--token-fd", CANARY),
        ("test", "reg", "--secret", CANARY),
        ("add", "other", "oci://ghcr.io/a/b", CANARY),
        ("add", "other", f"oci://jane:{CANARY}@ghcr.io/a/b"),
        ("add", "other", f"https://jane:{CANARY}@ghcr.io/a/b"),
        ("add", "other", f"mlflow+https://host/model?token={CANARY}"),
        ("add", "other", CANARY),
    ],
)
def test_a_secret_as_an_argument_is_refused_and_not_repeated(arguments: tuple[str, ...], home: Path) -> None:
    (home / "config").mkdir()
    settings = home / "config" / "settings.json"
    settings.write_text('{"remotes": {"reg": {"address": "oci://ghcr.io/a/b"}}}')
    before = settings.read_bytes()
    done = diptych("remote", *arguments)
    assert done.returncode in (2, 6)
    assert done.stdout == ""
    assert CANARY not in done.stderr
    assert settings.read_bytes() == before


def test_options_of_a_kind_are_kept_and_others_refused() -> None:
    added = diptych("remote", "add", "reg", "oci://ghcr.io/a/b", "--option", "mount=a/base", "--json")
    assert json.loads(added.stdout)["mount"] == "a/base"
    refused = diptych("remote", "add", "other", "oci://ghcr.io/a/b", "--option", f"password={CANARY}")
    assert refused.returncode == 6
    assert "has no password" in refused.stderr
    assert CANARY not in refused.stderr


def test_options_are_changed_one_by_one(home: Path) -> None:
    diptych("remote", "add", "store", "s3://bucket", "--region", "eu", "--throttle", "5")
    changed = diptych("remote", "change", "store", "--region", "", "--endpoint", "http://127.0.0.1:9000", "--json")
    told = json.loads(changed.stdout)
    assert (told["endpoint"], told["throttle"], "region" in told) == ("http://127.0.0.1:9000", 5, False)
    assert diptych("remote", "change", "store", "--endpoint", "http://far.example").returncode == 6
    assert diptych("remote", "change", "nowhere", "--region", "eu").returncode == 3
    assert diptych("remote", "change", "store", "--token", CANARY).returncode == 6


def test_without_a_keyring_the_environment_is_named_and_serves() -> None:
    diptych("remote", "add", "my-reg", "oci+http://127.0.0.1:9/a/b")
    done = diptych("remote", "login", "my-reg", "--token-fd", "0", given=CANARY)
    assert done.returncode == 8
    assert "no keyring on this machine" in done.stderr
    assert "DIPTYCH_TOKEN_MY_REG" in done.stderr
    listed = diptych("remote", "list", "--json", DIPTYCH_TOKEN_MY_REG=CANARY)
    assert json.loads(listed.stdout)[0]["login"] == "environment"


def test_nobody_is_asked_where_nobody_sits() -> None:
    diptych("remote", "add", "reg", "oci://ghcr.io/a/b")
    done = diptych("remote", "login", "reg")
    assert done.returncode == 6
    assert "--token-fd" in done.stderr


def test_at_a_terminal_the_secret_is_asked_for_and_not_shown(keyring: None) -> None:
    diptych("remote", "add", "reg", "oci://ghcr.io/a/b")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "diptych", "remote", "login", "reg"],
        env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = until(ours, b"User name")
        os.write(ours, b"jane\n")
        shown += until(ours, b"Password or token: ")
        os.write(ours, f"{CANARY}\n".encode())
        shown += until(ours, b"login kept in the keyring")
    os.close(ours)
    assert process.returncode == 0
    assert CANARY.encode() not in shown
    assert finish(credentials.get("reg")) == Secret(CANARY, "jane")


def until(terminal: int, words: bytes) -> bytes:
    """What the terminal shows up to `words`."""
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 4096)
    return shown


def test_logins_of_other_programs_are_listed_and_one_is_taken(keyring: None, home: Path) -> None:
    (home / ".netrc").write_text(f"machine ghcr.io login jane password {CANARY}\nmachine quay.io login j password p\n")
    diptych("remote", "add", "reg", "oci://ghcr.io/a/b")
    found = diptych("remote", "login", "reg", "--found")
    assert "netrc:ghcr.io" in found.stdout
    assert "quay.io" not in found.stdout
    assert CANARY not in found.stdout
    assert diptych("remote", "login", "reg", "--from", "netrc:quay.io").returncode == 3
    assert diptych("remote", "login", "reg", "--from", "netrc:ghcr.io").returncode == 0
    assert finish(credentials.get("reg")) == Secret(CANARY, "jane")
