"""Fetching the files of a version one by one, from remotes that list all of them at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from diptych.display import visible
from diptych.domain.shipping import Delivered
from diptych.errors import NotFound, Refused
from diptych.job import Job, Tick, retold
from diptych.remotes.landing import Arrival, Landing


def fetch_all(folder: Path, files: Sequence[Delivered], fetch: Callable[[Delivered, Arrival], Job[None]]) -> Job[None]:
    """Fetch `files` into a folder that is not there yet; what an earlier try has fetched is not fetched again."""
    total, done = sum(file.bytes for file in files), 0
    with Landing(folder) as landing:
        for file in files:
            if not landing.has(file):
                with landing.receive(file) as take:

                    def shown(tick: Tick, done: int = done, take: Arrival = take) -> Tick:
                        return Tick(tick.text, done + take.received, total, "bytes")

                    yield from retold(fetch(file, take), shown)
            done += file.bytes
            yield Tick(f"Fetched {file.name}", done, total, "bytes")
        landing.finish()


def require_range(file: Delivered | None, name: str, start: int, length: int, where: str) -> Delivered:
    """The file that a range is wanted of. `NotFound` where there is none, `Refused` where it is shorter.

    `where` says whose file it should be, for people.
    """
    if file is None:
        raise NotFound(f"{visible(name)}: not in {where}")
    if start < 0 or length < 0 or start + length > file.bytes:
        raise Refused(f"{visible(name)}: has {file.bytes:,} bytes, fewer than were asked for")
    return file
