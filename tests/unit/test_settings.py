"""Settings: only what differs is kept, and what cannot be used is as if it were not there."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import pytest

from diptych.settings import Settings


@pytest.fixture
def file(home: Path) -> Path:
    (home / "config").mkdir()
    return home / "config" / "settings.json"


def test_without_a_file_everything_has_its_default() -> None:
    assert Settings.load() == Settings()


def test_what_was_chosen_comes_back() -> None:
    chosen = Settings(appearance="dark", compact=True, ignored=("*.seed",), tolerance=1e-6, columns=("name", "acc"))
    chosen.save()
    assert Settings.load() == chosen


def test_the_file_holds_only_what_differs(file: Path) -> None:
    Settings(appearance="dark").save()
    assert json.loads(file.read_text("utf-8")) == {"appearance": "dark"}
    settings = Settings.load()
    settings.appearance = "system"
    settings.save()
    assert json.loads(file.read_text("utf-8")) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"appearance": "pink"}',
        b'{"appearance": 3}',
        b'{"compact": "yes"}',
        b'{"ignored": "all"}',
        b'{"from the future": 1}',
        b'{"tolerance": [1]}',
        b'{"widths": []}',
        b"\xff\xfe{\x00",
    ],
)
def test_what_cannot_be_used_falls_back_to_its_default(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert Settings.load() == Settings()


def test_a_whole_number_serves_as_a_tolerance(file: Path) -> None:
    file.write_text('{"tolerance": 0, "compact": true}', "utf-8")
    assert Settings.load() == Settings(compact=True)


def test_rules_follow_the_settings() -> None:
    rules = Settings(ignored=("*.seed",), tolerance=0.5).rules
    assert (rules.ignored, rules.tolerance) == (("*.seed",), 0.5)


def test_defaults_are_not_shared() -> None:
    first = Settings()
    first.widths["name"] = 10
    assert Settings().widths == {}


def test_entries_of_remotes_that_are_no_texts_are_left_out(file: Path) -> None:
    stored = {"a": {"address": "hf://a/b", "tested": 3}, "b": "hf://a/b", "c": None}
    file.write_text(json.dumps({"remotes": stored}), "utf-8")
    assert Settings.load().remotes == {"a": {"address": "hf://a/b"}}


def test_jobs_that_save_at_once_lose_nothing(file: Path) -> None:
    settings = [Settings(remotes={str(number): {"address": "x" * 20_000}}) for number in range(8)]
    threads = [Thread(target=one.save) for one in settings for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(Settings.load().remotes) == {str(number) for number in range(8)}
    assert [one.name for one in file.parent.iterdir()] == ["settings.json"]


def test_what_another_program_stored_meanwhile_stays() -> None:
    Settings(appearance="dark", remotes={"old": {"address": "file:///old"}}).save()
    window, terminal = Settings.load(), Settings.load()
    terminal.remotes["new"] = {"address": "file:///new"}
    del terminal.remotes["old"]
    terminal.save()
    window.compact = True
    window.save()
    both = Settings.load()
    assert (both.appearance, both.compact) == ("dark", True)
    assert list(both.remotes) == ["new"]
    window.remotes["third"] = {"address": "file:///third"}
    window.save()
    assert set(Settings.load().remotes) == {"new", "third"}
