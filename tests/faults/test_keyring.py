"""The keyring in every state that a desktop knows, with a real GNOME Keyring on a bus of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych import credentials
from diptych.credentials import Condition, NoKeyring, asking
from diptych.domain.secret import Secret
from diptych.errors import DiptychError, NeedsSecret
from diptych.job import Job, Tick, finish
from stands.keyring import session

VALUE = "hf_CANARYcanary0123456789"
SECRET = Secret(VALUE, "jane")
STATES = {
    # keyring, person: kind of error, words of its message, words of its hint
    ("none", ""): (NoKeyring, "no keyring on this machine", "for this session only"),
    ("unlocked", ""): (None, "", ""),
    ("locked", ""): (NeedsSecret, "nothing here can ask for its password", "Unlock it in a desktop session"),
    ("locked", "declining"): (NeedsSecret, "its question was declined", "Try again and unlock it"),
    ("locked", "silent"): (NeedsSecret, "nobody has answered the keyring's question", "Look for its window"),
}


def test_five_states_have_five_messages_and_leave_nothing_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    right, told, readable = 0, set(), []
    for number, ((keyring, person), (kind, words, hint)) in enumerate(STATES.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.setattr(asking, "PATIENCE", 2.0 if person == "silent" else 60.0)
        with session(folder, keyring, person) as environment, pytest.MonkeyPatch.context() as inside:
            enter(environment, inside)
            kept = outcome(credentials.put("hub", SECRET))
            read = outcome(credentials.get("hub"))
        readable += [file for file in folder.rglob("*") if file.is_file() and holds(file, VALUE)]
        told.add(str(kept) if isinstance(kept, DiptychError) else "")
        if kind is None:
            right += kept is None and read == SECRET
        else:
            right += all(type(one) is kind and words in one.message and hint in one.hint for one in (kept, read))
    figure(f"keyring: {right} of {len(STATES)} states with their own message, {len(readable)} files readable")
    assert (right, len(told), readable) == (len(STATES), len(STATES), [])


def enter(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def outcome(job: Job[object]) -> object:
    try:
        return finish(job)
    except DiptychError as error:
        return error


def holds(file: Path, text: str) -> bool:
    content = file.read_bytes()
    return any(form in content for form in (text.encode(), text.encode("utf-16-le"), text.encode().hex().encode()))


def test_a_keyring_that_asks_is_waited_for_tick_by_tick_and_left_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, "locked", "silent") as environment:
        enter(environment, monkeypatch)
        job = credentials.get("hub")
        longest, before = 0.0, time.monotonic()
        for tick in job:
            assert isinstance(tick, Tick)
            now = time.monotonic()
            longest, before = max(longest, now - before), now
            if "is asking" in tick.text:
                break
        children = children_of(os.getpid())
        job.close()
        assert time.monotonic() - before < 2
        assert longest < 1
        assert len(children) == 1
        assert children_of(os.getpid()) == []


def test_a_keyring_that_is_only_slow_is_not_said_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_UNHURRIED", -1.0)
    said: list[str] = []
    with session(tmp_path, "unlocked") as environment:
        enter(environment, monkeypatch)
        finish(credentials.put("hub", SECRET), lambda tick: said.append(tick.text))
        assert finish(credentials.get("hub"), lambda tick: said.append(tick.text)) == SECRET
    assert set(said) == {"Asking the keyring"}


def children_of(parent: int) -> list[str]:
    """Command lines of the processes that ask a keyring on our behalf."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            if "credentials.answering" in command:
                found.append(command)
    return found


def test_what_was_kept_can_be_moved_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(tmp_path, "unlocked") as environment:
        enter(environment, monkeypatch)
        token = Secret("täst-🔑", "")
        finish(credentials.put("old", token))
        assert finish(credentials.move("old", "new"))
        assert finish(credentials.get("old")) is None
        assert finish(credentials.get("new")) == token
        assert finish(credentials.forget("new"))
        assert not finish(credentials.forget("new"))
        assert finish(credentials.get("new")) is None


@pytest.mark.parametrize(
    ("keyring", "person", "condition", "backend"),
    [
        ("none", "", Condition.NONE, ""),
        ("unlocked", "", Condition.READY, "Secret Service"),
        ("locked", "", Condition.MUTE, "Secret Service"),
        ("locked", "silent", Condition.LOCKED, "Secret Service"),
    ],
)
def test_looking_at_the_keyring_asks_nobody(
    keyring: str, person: str, condition: Condition, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(tmp_path, keyring, person) as environment:
        enter(environment, monkeypatch)
        monkeypatch.setattr(asking, "PATIENCE", 20.0)  # a question would stay open
        view = finish(credentials.look())
    assert (view.condition, view.backend) == (condition, backend)
