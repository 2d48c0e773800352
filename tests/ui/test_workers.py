"""Workers do everything they are given, side by side, and have done it when they are closed."""

from __future__ import annotations

from functools import partial
from threading import Barrier, current_thread

from diptych.ui.workers import Workers

PATIENCE = 30


def test_all_that_was_given_is_done_when_they_are_closed() -> None:
    workers, done = Workers(3), list[int]()
    for number in range(500):
        workers.submit(partial(done.append, number))
    workers.close()
    assert sorted(done) == list(range(500))


def test_as_many_as_were_allowed_work_at_a_time_and_no_more() -> None:
    workers, gate, names = Workers(4), Barrier(4), set[str]()

    def meet() -> None:
        names.add(current_thread().name)
        gate.wait(PATIENCE)

    for _ in range(8):
        workers.submit(meet)
    workers.close()
    assert not gate.broken
    assert len(names) == 4


def test_what_nobody_works_at_is_closed_at_once() -> None:
    Workers(4).close()
