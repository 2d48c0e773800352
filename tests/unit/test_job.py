from __future__ import annotations

from collections.abc import Iterator

import pytest

from diptych.job import Job, Tick, finish


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
