"""Files on their way from the Hub: the bytes lie elsewhere, at signed addresses that get no token."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from diptych.display import visible
from diptych.errors import Damaged, NeedsSecret, NotFound, Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.hub_api import Api, Held
from diptych.remotes.wire import Lost


class Sink(Protocol):
    """What takes in the pieces of a file."""

    @property
    def received(self) -> int:
        """Bytes so far."""

    def __call__(self, piece: bytes) -> None:
        """Take the next ones."""


def fetch(api: Api, commit: str, held: Held, sink: Sink, start: int = 0, length: int | None = None) -> Job[None]:
    """A range of a file into `sink`, going on where a connection breaks.

    Of a whole file that git keeps, its digest of git is checked here; the SHA-256 of others is for the caller to check.
    """
    end = held.bytes if length is None else start + length
    name = visible(held.name)
    blob = hashlib.sha1(f"blob {held.bytes}\0".encode(), usedforsecurity=False)

    def take(piece: bytes) -> None:
        blob.update(piece)
        sink(piece)

    tries = 0
    while (place := start + (before := sink.received)) < end:
        try:
            yield from _range(api, commit, held, place, end, take)
        except Lost:
            tries = 1 if sink.received > before else tries + 1
            if tries >= api.wire.network.attempts:
                raise
            yield from api.wire.wait(answers.pause(None, tries, api.wire.network.longest_wait), "Trying again")
            continue
        if start + sink.received != end:
            raise Damaged(f"{api.host}: {name} is shorter than announced", "Try again, or verify the remote.")
    if held.blob and (start, end) == (0, held.bytes) and blob.hexdigest() != held.blob:
        raise Damaged(f"{api.host}: {name} comes with another digest than announced", "Try again.")


def _range(api: Api, commit: str, held: Held, place: int, end: int, take: Callable[[bytes], None]) -> Job[None]:
    what = f"fetching {visible(held.name)}"
    url = api.file(commit, held.name)
    whole = (place, end) == (0, held.bytes)
    wanted = f"bytes={place}-{end - 1}"
    try:
        answer = yield from api.wire.ask(
            "GET",
            url,
            what=what,
            headers={} if whole else {"Range": wanted},
            accept=(200,) if whole else (206,),
            follow=True,
            sink=take,
        )
    except (NeedsSecret, NotFound, Refused):
        # the reason is told by the Hub itself, in headers
        yield from api.ask("HEAD", url, what, accept=(200, 302, 307))
        raise
    if not whole and answer.headers.get("content-range", "") != f"bytes {place}-{end - 1}/{held.bytes}":
        raise Damaged(f"{api.host}: sends another range than was asked for", "Try again.")
