"""One thing a turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.ui.turns import Turns


def counting(name: str, times: int, seen: list[str]) -> Callable[[], bool]:
    """Work that is done after some turns."""
    left = iter(range(times - 1, -1, -1))

    def work() -> bool:
        seen.append(name)
        return next(left) > 0

    return work


def test_those_who_wait_take_turns_and_others_come_between(qapp: QApplication, qtbot: QtBot) -> None:
    turns = Turns()
    seen: list[str] = []
    between = QTimer()
    between.timeout.connect(lambda: seen.append("turn"))
    between.start(0)
    for name in ("a", "b"):
        turns.ask(counting(name, 3, seen))
    qtbot.waitUntil(lambda: seen.count("b") == 3)
    between.stop()
    assert [what for what in seen if what != "turn"] == ["a", "b"] * 3
    assert not {"aa", "ab", "ba", "bb"} & {"".join(pair) for pair in pairwise(seen)}


def test_asking_again_while_it_waits_changes_nothing(qapp: QApplication, qtbot: QtBot) -> None:
    turns = Turns()
    seen: list[str] = []
    once, other = counting("once", 1, seen), counting("other", 1, seen)
    turns.ask(once)
    turns.ask(once)
    turns.ask(other)
    qtbot.waitUntil(lambda: "other" in seen)
    qtbot.wait(10)
    assert seen == ["once", "other"]


def test_what_fails_is_told_and_goes_on(qapp: QApplication, qtbot: QtBot) -> None:
    turns = Turns()
    seen: list[str] = []

    def failing() -> bool:
        seen.append("failing")
        if len(seen) == 1:
            raise ValueError("once")
        return False

    with qtbot.captureExceptions() as raised:
        turns.ask(failing)
        turns.ask(counting("other", 2, seen))
        qtbot.waitUntil(lambda: len(seen) == 4)
    assert [str(error) for _, error, _ in raised] == ["once"]
    assert seen == ["failing", "other", "failing", "other"]
