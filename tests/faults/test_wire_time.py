"""How long the wire waits: cancelled at once in every state, and patient with nobody who only trickles."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from diptych.errors import Offline, Refused
from diptych.job import Job, finish, together
from diptych.remotes.answers import Answer
from diptych.remotes.body import Body
from diptych.remotes.network import Network
from diptych.remotes.wire import Wire
from stands.proxy import Reply, Request
from stands.scripted import scripted, told
from stands.wiring import CANARY, QUICK, parcel, wired


async def for_ever(writer: asyncio.StreamWriter, first: bytes = b"") -> None:
    writer.write(first)
    await writer.drain()
    await asyncio.sleep(3600)


@contextmanager
def deaf() -> Iterator[int]:
    """A port that takes no connection: its queue is full."""
    with closing(socket.socket()) as listener, closing(socket.socket()) as one, closing(socket.socket()) as other:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (one, other):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


PATIENT = Network(connect_seconds=60, answer_seconds=60, attempts=9, longest_wait=60)


@contextmanager
def connecting() -> Iterator[tuple[Wire, Job[Answer]]]:
    with deaf() as port, wired(port, PATIENT) as wire:
        yield wire, wire.ask("GET", "/", what="asking")


@contextmanager
def shaking_hands() -> Iterator[tuple[Wire, Job[Answer]]]:
    with silent() as port, wired(port, PATIENT, "localhost", "https") as wire:
        yield wire, wire.ask("GET", "/", what="asking")


@contextmanager
def waiting_for_an_answer() -> Iterator[tuple[Wire, Job[Answer]]]:
    with silent() as port, wired(port, PATIENT) as wire:
        yield wire, wire.ask("GET", "/", what="asking")


@contextmanager
def receiving() -> Iterator[tuple[Wire, Job[Answer]]]:
    def script(request: Request, writer: asyncio.StreamWriter) -> object:
        return for_ever(writer, b"HTTP/1.1 200 So\r\ncontent-length: 100000\r\n\r\nbegun")

    with scripted(script) as server, wired(server.port, PATIENT) as wire:
        yield wire, wire.ask("GET", "/", what="asking")


@contextmanager
def sending() -> Iterator[tuple[Wire, Job[Answer]]]:
    with silent() as port, wired(port, PATIENT) as wire:
        content = parcel(content=bytes(64 << 20))
        yield wire, wire.ask("PUT", "/", what="asking", content=Body(content))


@contextmanager
def backing_off() -> Iterator[tuple[Wire, Job[Answer]]]:
    with scripted(lambda request, writer: told(503, retry_after="60")) as server, wired(server.port, PATIENT) as wire:
        yield wire, wire.ask("GET", "/", what="asking")


@contextmanager
def held_back() -> Iterator[tuple[Wire, Job[Answer]]]:
    network = replace(PATIENT, bytes_per_second=1000)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        yield wire, wire.ask("PUT", "/", what="asking", content=Body(parcel(content=bytes(8 << 20))))


STATES = [connecting, shaking_hands, waiting_for_an_answer, receiving, sending, backing_off, held_back]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_it_is_cancelled_within_two_seconds(state: Callable[[], object]) -> None:
    with state() as (_, job):
        until = time.monotonic() + 0.5
        longest = 0.0
        while time.monotonic() < until:
            begun = time.monotonic()
            next(job)
            longest = max(longest, time.monotonic() - begun)
        begun = time.monotonic()
        job.close()
        took = time.monotonic() - begun
    assert took < 2
    assert longest < 1, "it does not tick"


def test_closing_the_wire_ends_a_request_that_nobody_drives_any_more() -> None:
    with silent() as port, wired(port, PATIENT) as wire:
        job = wire.ask("GET", "/", what="asking")
        for _ in range(2):  # with the second it has waited for the answer
            next(job)
        begun = time.monotonic()
        wire.close()
        assert time.monotonic() - begun < 2
        job.close()


# --- slowness and size -------------------------------------------------------------------------------------------


async def trickle(writer: asyncio.StreamWriter, head: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 So\r\nx-long: ", b"HTTP/1.1 200 So\r\ncontent-length: 1000000\r\n\r\n", b""],
    ids=["in the headers", "in the body", "in the first line"],
)
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(head: bytes) -> None:
    with (
        scripted(lambda request, writer: trickle(writer, head)) as server,
        wired(server.port, replace(QUICK, attempts=2)) as wire,
    ):
        begun = time.monotonic()
        with pytest.raises(Offline):
            finish(wire.ask("GET", "/", what="asking"))
        assert time.monotonic() - begun < 6


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 So\r\ntransfer-encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    while True:
        writer.write(piece)
        await writer.drain()


def test_an_answer_without_end_is_refused() -> None:
    with scripted(lambda request, writer: endless(writer)) as server, wired(server.port) as wire:
        job = wire.ask("GET", "/", what="asking")
        with pytest.raises(Refused, match="too long"):
            finish(job)


async def many_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 So\r\n")
    for at in range(1_000_000):
        writer.write(b"x-%d: y\r\n" % at)
        await writer.drain()


def test_headers_without_end_are_not_taken() -> None:
    with scripted(lambda request, writer: many_headers(writer)) as server, wired(server.port) as wire:
        job = wire.ask("GET", "/", what="asking")
        with pytest.raises(Offline):
            finish(job)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 So\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 So\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"HTTP/9.9 999 So\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 So\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 So\r\nbad header\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 200 So\r\ncontent-length: 10\r\n\r\nshort",
    ],
    ids=range(8),
)
def test_what_is_not_http_is_a_broken_connection(raw: bytes) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        raise ConnectionResetError

    with scripted(lambda request, writer: say(writer)) as server, wired(server.port) as wire:
        with pytest.raises((Offline, Refused)) as caught:
            finish(wire.ask("GET", "/", what="asking"))
        assert caught.value.message.isprintable()


def test_headers_of_answers_are_only_data() -> None:
    hostile = {"x-evil": "\x1b[31m", "set-cookie": f"session={CANARY}; Domain=127.0.0.1", "link": "<" * 5000}
    with scripted(lambda request, writer: told(200, **hostile)) as server, wired(server.port) as wire:
        for _ in range(2):
            assert finish(wire.ask("GET", "/", what="asking")).status == 200
        assert "session=" not in server.everything, "a cookie was kept"


def test_of_requests_made_together_none_waits_for_another_to_end() -> None:
    async def first(writer: asyncio.StreamWriter) -> None:
        while len(server.requests) < 2:
            await asyncio.sleep(0.001)
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: 5\r\n\r\nfirst")

    def script(request: Request, writer: asyncio.StreamWriter) -> Reply | Awaitable[None]:
        return first(writer) if request.path == "/first" else told(body=b"second")

    with scripted(script) as server, wired(server.port) as wire:
        wire.patience = QUICK.answer_seconds  # a job that waits for its answer gives way no sooner than this
        both = together(wire.ask("GET", "/first", what="asking"), wire.ask("GET", "/second", what="asking"))
        assert [answer.content for answer in finish(both)] == [b"first", b"second"]


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this system does not let programs hurry it")
def test_the_head_of_an_answer_is_acknowledged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server holds back until then would come 40 ms later, as MLflow's does with every answer."""
    hurried: list[bool] = []
    usual = socket.socket.setsockopt

    def watched(connection: socket.socket, *option: int) -> None:
        usual(connection, *option)
        if option[:2] == (socket.IPPROTO_TCP, socket.TCP_QUICKACK):
            hurried.append(bool(connection.getsockopt(*option[:2])))

    monkeypatch.setattr(socket.socket, "setsockopt", watched)
    with scripted(lambda request, writer: told(body=b"content")) as server, wired(server.port) as wire:
        for number in range(1, 4):
            come: list[int] = []
            finish(wire.ask("GET", "/", what="asking", sink=lambda piece, come=come: come.append(len(hurried))))
            assert set(come) == {number}
    assert hurried == [True] * 3
    assert server.connections == 1
