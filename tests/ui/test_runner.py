from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import QEventLoop, QThread, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from diptych.domain.version import Problem
from diptych.errors import Damaged
from diptych.job import Job, Tick
from diptych.ui.runner import Phase, Runner


@pytest.fixture
def runner(qapp: QApplication) -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()


def counting(steps: int, cleaned: list[bool] | None = None) -> Job[int]:
    try:
        for step in range(steps):
            yield Tick(f"step {step}", step, steps)
        return steps
    finally:
        if cleaned is not None:
            cleaned.append(True)


def test_the_result_arrives_in_the_gui_thread(runner: Runner, qtbot: QtBot) -> None:
    seen: list[tuple[int, bool]] = []

    def done(result: int) -> None:
        seen.append((result, QThread.currentThread() == runner.thread()))

    running = runner.start("Count", counting(3), done=done)
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [(3, True)]
    assert running.phase is Phase.DONE


def test_cancel_stops_at_the_next_tick_and_cleans_up(runner: Runner, qtbot: QtBot) -> None:
    cleaned: list[bool] = []
    first = threading.Event()

    def endless() -> Job[None]:
        try:
            while True:
                first.set()
                time.sleep(0.001)
                yield Tick("working")
        finally:
            cleaned.append(True)

    running = runner.start("Endless", endless())
    assert first.wait(10)
    running.cancel()
    qtbot.waitUntil(lambda: running.phase is Phase.CANCELLED)
    assert cleaned == [True]


def test_a_failure_reaches_its_caller(runner: Runner, qtbot: QtBot) -> None:
    def broken() -> Job[None]:
        yield Tick("reading")
        raise Damaged("model.safetensors: ends early", "Fetch it again.")

    errors: list[Exception] = []
    runner.start("Read", broken(), failed=errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], Damaged)


def test_a_failure_that_nobody_takes_is_not_lost(runner: Runner, qtbot: QtBot) -> None:
    def broken() -> Job[None]:
        yield Tick("reading")
        raise ZeroDivisionError

    with qtbot.waitSignal(runner.unhandled) as caught:
        runner.start("Read", broken())
    assert isinstance(caught.args[0], ZeroDivisionError)


def test_two_hundred_thousand_ticks_do_not_flood_the_window(runner: Runner, qtbot: QtBot) -> None:
    shown: list[Tick] = []
    counted: list[int] = []
    runner.start("Count", counting(200_000), counted.append, ticked=shown.append)
    qtbot.waitUntil(lambda: bool(counted), timeout=30_000)
    assert len(shown) < 0.1 * 200_000
    assert counted == [200_000]


class Heavy:
    """A result, or a part of it, that is worth letting go."""

    problems = (Problem("broken.json", "is not JSON"),)

    def __str__(self) -> str:
        return "14 of 62 differ"


@pytest.mark.parametrize("quiet", [False, True])
def test_of_a_result_only_what_it_says_stays(runner: Runner, qtbot: QtBot, quiet: bool) -> None:
    kept: list[weakref.ref[Heavy]] = []
    seen: list[str] = []

    def heavy() -> Job[Heavy]:
        part, whole = Heavy(), Heavy()
        kept.extend((weakref.ref(part), weakref.ref(whole)))
        yield Tick("compared", 1, 1, partial=part)
        return whole

    running = runner.start("Compare", heavy(), lambda result: seen.append(str(result)), quiet=quiet)
    qtbot.waitUntil(lambda: bool(seen))
    qtbot.waitUntil(lambda: [one() for one in kept] == [None, None])
    assert seen == ["14 of 62 differ"]
    if not quiet:
        assert (running.told, running.problems) == ("14 of 62 differ", Heavy.problems)


def test_of_jobs_that_ended_together_one_a_turn_is_reported(runner: Runner, qtbot: QtBot) -> None:
    """A timer gets its turn between any two."""
    seen: list[str] = []
    jobs = [runner.start("Count", counting(3), done=lambda _: seen.append("job")) for _ in range(5)]
    while any(job.active for job in jobs):
        time.sleep(0.001)
    between = QTimer()
    between.timeout.connect(lambda: seen.append("turn"))
    between.start(0)
    qtbot.waitUntil(lambda: seen.count("job") == 5)
    between.stop()
    assert "job" not in {seen[at + 1] for at, what in enumerate(seen[:-1]) if what == "job"}


class Waiting(QWidget):
    """A part of the window that asks for something."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    def hear(self, told: object) -> None:
        self.heard.append(told)
        self.update()


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_what_was_closed_meanwhile_is_not_called_back(runner: Runner, qtbot: QtBot, fails: bool, wrapped: bool) -> None:
    gate = threading.Event()

    def slow() -> Job[int]:
        yield Tick("working")
        assert gate.wait(30)
        if fails:
            raise Damaged("model.safetensors: ends early", "Fetch it again.")
        return 1

    closed, open_ = Waiting(), Waiting()
    qtbot.addWidget(open_)
    for part in (closed, open_):
        hear = partial(part.hear) if wrapped else part.hear
        runner.start("Ask", slow(), done=hear, failed=hear, ticked=hear)
    qtbot.waitUntil(lambda: bool(open_.heard))
    before = len(closed.heard)
    delete(closed)
    gate.set()
    qtbot.waitUntil(lambda: len(open_.heard) == 2 and not runner.active)
    assert len(closed.heard) == before


def test_closing_cancels_what_runs(qapp: QApplication) -> None:
    runner = Runner()
    cleaned: list[bool] = []
    started = threading.Event()

    def endless() -> Job[None]:
        try:
            while True:
                started.set()
                time.sleep(0.001)
                yield Tick("working")
        finally:
            cleaned.append(True)

    runner.start("Endless", endless())
    assert started.wait(10)
    runner.close()
    assert cleaned == [True]


def test_after_closing_nothing_starts(qapp: QApplication) -> None:
    runner = Runner()
    runner.close()
    running = runner.start("Count", counting(3))
    assert running.phase is Phase.CANCELLED
    assert runner.active == []


def test_what_has_ended_is_reported_though_an_earlier_report_opened_a_dialog(runner: Runner, qtbot: QtBot) -> None:
    go, dialog, told = threading.Event(), QEventLoop(), []

    def job() -> Job[None]:
        go.wait(10)
        yield Tick("")

    def report(_result: object) -> None:
        told.append("job")
        if len(told) == 1:
            QTimer.singleShot(10_000, dialog.quit)
            dialog.exec()
            told.append("dialog")
        else:
            dialog.quit()

    ended = [runner.start(name, job(), report) for name in ("one", "other")]
    go.set()
    while any(one.phase in (Phase.QUEUED, Phase.RUNNING) for one in ended):
        time.sleep(0.01)  # both end before the window hears of either
    qtbot.waitUntil(lambda: len(told) == 3)
    assert told == ["job", "job", "dialog"]
