from __future__ import annotations

from collections.abc import Iterator

import pytest

from diptych.job import Job, Tick, finish, together


def test_finish_returns_the_result_and_shows_every_tick() -> None:
    def job() -> Job[str]:
        yield Tick("one", 1, 2)
        yield Tick("two", 2, 2)
        return "done"

    seen: list[Tick] = []
    assert finish(job(), seen.append) == "done"
    assert [tick.text for tick in seen] == ["one", "two"]


def test_an_error_of_the_watcher_cleans_up_the_job() -> None:
    cleaned: list[bool] = []

    def job() -> Job[None]:
        try:
            yield Tick("")
            yield Tick("")
        finally:
            cleaned.append(True)

    def interrupt(_tick: Tick) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(job(), interrupt)
    assert cleaned == [True]


def test_jobs_compose() -> None:
    def inner() -> Job[int]:
        yield Tick("inner")
        return 2

    def outer() -> Job[int]:
        found = yield from inner()
        return found + 1

    ticks: Iterator[Tick] = outer()
    assert [tick.text for tick in ticks] == ["inner"]
    assert finish(outer()) == 3


def test_together_does_jobs_by_turns_and_returns_what_each_has_found() -> None:
    steps: list[str] = []

    def work(name: str, most: int) -> Job[str]:
        for number in range(most):
            steps.append(f"{name}{number}")
            yield Tick(name)
        return name.upper()

    seen: list[Tick] = []
    assert finish(together(work("a", 2), work("b", 4)), seen.append) == ("A", "B")
    assert steps == ["a0", "b0", "a1", "b1", "b2", "b3"]
    assert [tick.text for tick in seen] == ["a", "a", "b", "b"]
    steps.clear()
    assert finish(together(work("a", 3), work("b", 1), work("c", 0))) == ("A", "B", "C")
    assert steps == ["a0", "b0", "a1", "a2"]


@pytest.mark.parametrize("failing", [0, 1])
def test_of_jobs_done_together_one_that_fails_stops_the_others(failing: int) -> None:
    closed: list[bool] = []

    def long() -> Job[None]:
        try:
            while True:
                yield Tick("on and on")
        finally:
            closed.append(True)

    def short() -> Job[None]:
        yield Tick("not yet")
        raise ValueError("now")

    pair = (short(), long()) if failing == 0 else (long(), short())
    with pytest.raises(ValueError, match="now"):
        finish(together(*pair))
    assert closed == [True]
