"""Long work without threads.

A job is a generator: it yields a `Tick` now and then and returns its result. Whoever drives it decides on threads,
shows the newest tick and stops it by closing it, so the same job serves the window, the terminal and the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar, overload

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")


class Tick(NamedTuple):
    """How far a job has come: a sentence, and two numbers in the same unit."""

    text: str
    done: float = 0
    total: float = 0
    """Nought where the end is not known."""
    unit: str = ""
    """`bytes`, or the plural of what is counted ("files")."""
    partial: object | None = None
    """What is known so far, complete in itself, so that a later tick replaces it: a part of the job's own result, or
    where it stands (the `Voyage` of a push)."""


Job: TypeAlias = Generator[Tick, None, T]


def finish(job: Job[T], watch: Callable[[Tick], None] | None = None) -> T:
    """Drive `job` to its end in this thread and return its result, showing each tick to `watch`."""
    try:
        while True:
            tick = next(job)
            if watch is not None:
                watch(tick)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        job.close()


def retold(job: Job[T], tell: Callable[[Tick], Tick]) -> Job[T]:
    """The same job as a part of a larger one: `tell` says how the whole stands at each of its ticks."""
    try:
        while True:
            yield tell(next(job))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        job.close()


@overload
def together(first: Job[T], second: Job[U], /) -> Job[tuple[T, U]]: ...
@overload
def together(first: Job[T], second: Job[U], third: Job[V], /) -> Job[tuple[T, U, V]]: ...
def together(*jobs: Job[Any]) -> Job[Any]:
    """Several jobs by turns, and the results of all.

    Ticks are those of the first one that has not ended. What fails stops all.
    """
    results: list[Any] = [None] * len(jobs)
    going = list(range(len(jobs)))
    try:
        while going:
            shown: Tick | None = None
            for number in tuple(going):
                try:
                    tick = next(jobs[number])
                except StopIteration as stop:
                    results[number] = stop.value
                    going.remove(number)
                else:
                    shown = shown or tick
            if shown is not None:
                yield shown
        return tuple(results)
    finally:
        for job in jobs:
            job.close()
