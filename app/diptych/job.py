"""Long work without threads.

A job is a generator: it yields a `Tick` now and then and returns its result. Whoever drives it decides on threads,
shows the newest tick and stops it by closing it, so the same job serves the window, the terminal and the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


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


def beside(job: Job[T], other: Job[object]) -> Job[T]:
    """`job`, with `other` done meanwhile; what of that is left when `job` has ended is done then.

    Ticks are those of `job`, then of what is left of `other`. What fails stops both.
    """
    going = True
    try:
        while True:
            try:
                yield next(job)
            except StopIteration as stop:
                result: T = stop.value
                break
            if going:
                going = next(other, None) is not None
        yield from other
        return result
    finally:
        other.close()
        job.close()
