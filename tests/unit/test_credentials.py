"""Which keyrings are trusted, what passes to the child that asks them, and logins that are handed over."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from diptych import credentials
from diptych.credentials import Condition, NoKeyring, handed
from diptych.credentials.asking import environment
from diptych.domain.secret import Secret
from diptych.errors import DiptychError, NeedsSecret, Refused
from diptych.job import finish
from diptych.workbench import Workbench

TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def tests_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def use(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)


@pytest.mark.parametrize(
    ("backend", "condition"),
    [
        ("keyring.backends.fail.Keyring", Condition.NONE),
        ("keyring.backends.null.Keyring", Condition.NONE),
        ("keyring.backends.chainer.ChainerBackend", Condition.UNSAFE),
        ("keyrings.alt.file.PlaintextKeyring", Condition.UNSAFE),
        ("keyrings.alt.file.EncryptedKeyring", Condition.UNSAFE),
        ("stands.backends.PlaintextKeyring", Condition.UNSAFE),
        ("stands.backends.Weak", Condition.UNSAFE),
    ],
)
def test_keyrings_that_keep_no_secret_are_refused(
    backend: str, condition: Condition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_alt(tmp_path, monkeypatch)
    use(monkeypatch, backend)
    assert finish(credentials.look()).condition is condition
    with pytest.raises(NoKeyring, match="not used" if condition is Condition.UNSAFE else "no keyring"):
        finish(credentials.put("mine", Secret("s")))


def test_an_installed_plaintext_keyring_is_not_chosen_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_alt(tmp_path, monkeypatch)
    view = finish(credentials.look())
    assert view.condition is Condition.UNSAFE
    assert view.backend.startswith("keyrings.alt.file.")
    assert "not used" in str(view)


def pretend_alt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `keyrings.alt` installed, with the entry point by which its keyrings are found."""
    (folder / "keyrings" / "alt").mkdir(parents=True)
    (folder / "keyrings" / "alt" / "file.py").write_text(
        "from keyring.backend import KeyringBackend\n"
        "class PlaintextKeyring(KeyringBackend):\n    priority = 9\n    get_password = set_password = print\n"
        "class EncryptedKeyring(PlaintextKeyring):\n    priority = 8\n"
    )
    info = folder / "keyrings_alt-5.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keyrings.alt\nVersion: 5.0\n")
    (info / "entry_points.txt").write_text("[keyring.backends]\nfile = keyrings.alt.file\n")
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{folder}")


def test_a_keyring_that_the_user_has_chosen_is_used_and_may_print(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "stands.backends.Sound")
    assert finish(credentials.look()).backend == "stands.backends.Sound"
    assert finish(credentials.get("mine")) == Secret("secret", "jane")
    assert finish(credentials.get("other")) is None


def test_an_entry_made_by_hand_is_a_bare_token(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "stands.backends.ByHand")
    assert finish(credentials.get("any")) == Secret("bare-token")


@pytest.mark.parametrize("backend", ["stands.backends.Raising", "stands.backends.Dying", "stands.backends.NotThere"])
def test_a_broken_keyring_is_told_without_its_own_words(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, backend)
    job = credentials.get("mine") if backend.endswith("Dying") else credentials.put("mine", Secret("canary"))
    with pytest.raises(NeedsSecret) as caught:
        finish(job)
    assert "does not do what was asked" in caught.value.message
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("secret", [Secret("two\nlines"), Secret("s", "jane\ndoe"), Secret("nul\0"), Secret("s", "\0")])
def test_a_login_with_a_line_break_is_not_stored(secret: Secret) -> None:
    with pytest.raises(Refused, match="line break"):
        finish(credentials.put("mine", secret))


def test_the_child_gets_no_secret_from_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DIPTYCH_TOKEN_HUB",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "MLFLOW_TRACKING_PASSWORD",
        "OPENAI_API_KEY",
    ):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    passed = environment()
    assert "canary" not in passed.values()
    assert passed["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/nowhere"


def test_the_folder_one_works_in_lends_no_module_to_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keyring.py").write_text("import pathlib\npathlib.Path('caught').touch()\n")
    monkeypatch.chdir(tmp_path)
    finish(credentials.look())
    assert not (tmp_path / "caught").exists()


def test_a_process_with_secrets_leaves_no_core_file_and_cannot_be_looked_into() -> None:
    code = (
        "import ctypes, resource\n"
        "from diptych.credentials.hardening import forbid_core_files, forbid_looking\n"
        "forbid_core_files(), forbid_looking()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    run = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert run.stdout == "0 0\n"


def test_where_a_login_may_come_into_memory_no_core_file_is_written(workbench: Workbench) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        workbench.remotes()
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_logins_in_the_environment_are_taken_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_TOKEN_MY_HUB", " secret \n")
    monkeypatch.setenv("DIPTYCH_USER_MY_HUB", "jane")
    monkeypatch.setenv("DIPTYCH_TOKEN_EMPTY", "")
    assert handed.take_environment() == {"MY_HUB": Secret("secret", "jane")}
    assert not [name for name in os.environ if name.startswith(("DIPTYCH_TOKEN", "DIPTYCH_USER_MY"))]
    assert handed.variable("my-hub") == "MY_HUB"


def test_a_login_can_be_read_from_a_descriptor(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    with file.open("rb") as stream:
        assert handed.from_descriptor(stream.fileno(), "jane") == Secret("secret", "jane")


@pytest.mark.parametrize("content", [b"", b" \n", b"one\ntwo\n", b"\xff\xfe", b"x" * 70_000])
def test_a_descriptor_that_holds_no_token_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with file.open("rb") as stream, pytest.raises(DiptychError):
        handed.from_descriptor(stream.fileno())


def test_a_closed_descriptor_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        handed.from_descriptor(987)


@pytest.mark.parametrize(
    ("backend", "ok", "words"),
    [
        ("stands.backends.Sound", True, "stands.backends.Sound: ready"),
        ("stands.backends.PlaintextKeyring", True, "stands.backends.PlaintextKeyring: keeps secrets readable on disk"),
        ("keyring.backends.fail.Keyring", True, "no keyring on this machine"),
        ("stands.backends.NotThere", False, "does not work"),
    ],
)
def test_the_doctor_names_the_keyring_and_its_state(
    backend: str, ok: bool, words: str, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, backend)
    check = next(check for check in finish(workbench.doctor()) if check.name == "keyring")
    assert (check.ok, check.text[: len(words)]) == (ok, words)
    assert bool(check.hint) is not ok
