"""The wire that every remote speaks through, against servers that mean no good."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from diptych.domain.address import parse
from diptych.domain.shipping import Parcel
from diptych.domain.version import Role
from diptych.errors import Conflict, DiptychError, NeedsSecret, NoSpace, NotFound, Offline, Refused
from diptych.job import Job, Tick, finish
from diptych.remotes import answers
from diptych.remotes.answers import Answer
from diptych.remotes.body import Body
from diptych.remotes.network import Network
from diptych.remotes.wire import Lost, Wire
from stands import noise
from stands.authority import Authority
from stands.proxy import Reply, Request
from stands.scripted import Scripted, scripted, told

CANARY = "c4n4ry-t0k3n"
QUICK = Network(connect_seconds=1, answer_seconds=1, slowest=1000, attempts=3, longest_wait=0.1)
ROOT = Path(__file__).parents[2]


class Token:
    """A login that must not go astray."""

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {CANARY}", "X-Own-Token": CANARY}

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        yield from ()
        return False


@contextmanager
def wired(port: int, network: Network = QUICK, host: str = "127.0.0.1", scheme: str = "http") -> Iterator[Wire]:
    wire = Wire(f"{scheme}://{host}:{port}", network, Token())
    try:
        yield wire
    finally:
        wire.close()


def parcel(path: Path | None = None, content: bytes = b"") -> Parcel:
    data = path.read_bytes() if path else content
    return Parcel("file", len(data), hashlib.sha256(data).hexdigest(), Role.WEIGHTS, path, b"" if path else content)


# --- redirects ---------------------------------------------------------------------------------------------------

AWAY: dict[str, tuple[int, str, bool]] = {
    "301 to another host": (301, "http://127.0.0.2:{there}/x", True),
    "302 to another host": (302, "http://127.0.0.2:{there}/x", True),
    "303 to another host": (303, "http://127.0.0.2:{there}/x", True),
    "307 to another host": (307, "http://127.0.0.2:{there}/x", True),
    "308 to another host": (308, "http://127.0.0.2:{there}/x", True),
    "without a scheme": (302, "//127.0.0.2:{there}/x", True),
    "with a login in it": (302, "http://user:word@127.0.0.2:{there}/x", False),
    "our own host as a login": (302, "http://127.0.0.1:{here}@127.0.0.2:{there}/x", False),
    "a backslash before our host": (302, "http://127.0.0.2:{there}\\@127.0.0.1:{here}/x", False),
    "another name of our host": (302, "http://localhost:{here}/x", True),
    "back and forth": (302, "http://127.0.0.2:{there}/back", True),
    "in a circle": (302, "http://127.0.0.2:{there}/circle", False),
}


@pytest.mark.parametrize("case", AWAY)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_login_does_not_follow_redirects_elsewhere(case: str, method: str) -> None:
    status, target, followed = AWAY[case]
    ports: dict[str, int] = {}

    def home(request: Request, writer: asyncio.StreamWriter) -> Reply:
        if request.path == "/x" or request.headers["host"].startswith("localhost"):
            return told(body=b"arrived")
        return told(status, location=target.format(**ports))

    def away(request: Request, writer: asyncio.StreamWriter) -> Reply:
        if request.path == "/back":
            return told(302, location=f"http://127.0.0.1:{ports['here']}/x")
        if request.path == "/circle":
            return told(302, location=f"http://127.0.0.2:{ports['there']}/circle")
        return told(body=b"arrived")

    with scripted(home) as here, scripted(away, "127.0.0.2") as there:
        ports |= {"here": here.port, "there": there.port}
        with wired(here.port) as wire:
            job = wire.ask(
                method,
                "/start",
                what="asking",
                headers={"X-Extra": CANARY, "Range": "bytes=0-"},
                content=b"content" if method == "PUT" else None,
                follow=True,
            )
            if not followed or (method == "PUT" and (status < 307)):
                with pytest.raises(Refused):
                    finish(job)
            else:
                assert finish(job).content == b"arrived"
        assert CANARY not in there.everything
        for request in here.requests:
            if not request.headers["host"].startswith("127.0.0.1"):
                assert CANARY not in str(request.headers)
        assert CANARY in here.everything


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://example.com/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:1/_x",
        "http://[::1",
        "http://127.0.0.1:99999/x",
        "http://\x01/x",
        "https://",
        "javascript:alert(1)",
    ],
)
def test_redirects_to_nowhere_good_are_refused(target: str) -> None:
    with scripted(lambda request, writer: told(302, location=target)) as here, wired(here.port) as wire:
        with pytest.raises((Refused, Offline)) as caught:
            finish(wire.ask("GET", "/", what="asking", follow=True))
        assert caught.value.message.isprintable()
        assert len(here.requests) == 1 or isinstance(caught.value, Offline)


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://localhost./x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[fd00::1]/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://127.1/x",
        "https://100.64.0.1/x",
        "https://0.0.0.0/x",
    ],
)
def test_servers_elsewhere_do_not_lead_into_private_networks(target: str) -> None:
    wire = Wire("https://registry.example", QUICK)
    try:
        with pytest.raises(Refused, match="private"):
            wire.leads_to(Answer(302, httpx.Headers({"location": target}), b"", "https://registry.example/v2/"))
    finally:
        wire.close()


def test_a_server_behind_a_proxy_that_ends_tls_is_spoken_to_in_tls() -> None:
    wire = Wire("https://registry.example", QUICK)
    try:
        said = Answer(202, httpx.Headers({"location": "http://registry.example/v2/u?a=b"}), b"", "https://x/")
        assert wire.leads_to(said) == "https://registry.example/v2/u?a=b"
        away = Answer(202, httpx.Headers({"location": "http://other.example/v2/u"}), b"", "https://x/")
        with pytest.raises(Refused, match="not https"):
            wire.leads_to(away)
    finally:
        wire.close()


# --- TLS and plain http ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


BAD: dict[str, Callable[[Authority], ssl.SSLContext]] = {
    "expired": lambda authority: authority.vouch("expired", begins=-20, ends=-1).server(),
    "for another host": lambda authority: authority.vouch("other", host="other.example").server(),
    "signed by itself": lambda authority: authority.vouch("self", own=True).server(),
    "not valid yet": lambda authority: authority.vouch("early", begins=1).server(),
    "with a weak key": lambda authority: authority.vouch("weak", weak=True).server(),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_certificates_are_refused(authority: Authority, kind: str) -> None:
    network = replace(QUICK, ca_file=authority.file)
    with (
        scripted(lambda request, writer: told(), tls=BAD[kind](authority)) as server,
        wired(server.port, network, "localhost", "https") as wire,
    ):
        with pytest.raises(Refused, match="certificate") as caught:
            finish(wire.ask("GET", "/", what="asking"))
        assert server.requests == []
        assert "\n" not in caught.value.message
        assert caught.value.hint


def test_the_users_own_authority_is_trusted_and_only_where_named(authority: Authority) -> None:
    with scripted(lambda request, writer: told(body=b"good"), tls=authority.vouch("good").server()) as server:
        for host in ("localhost", "127.0.0.1"):
            with wired(server.port, replace(QUICK, ca_file=authority.file), host, "https") as wire:
                assert finish(wire.ask("GET", "/", what="asking")).content == b"good"
        seen = len(server.requests)
        with wired(server.port, QUICK, "localhost", "https") as wire, pytest.raises(Refused, match="certificate"):
            finish(wire.ask("GET", "/", what="asking"))
        assert len(server.requests) == seen


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for name in ("none.pem", "missing.pem"):
        network = replace(QUICK, ca_file=tmp_path / name)
        with wired(1, network, "localhost", "https") as wire, pytest.raises(Refused, match="PEM"):
            finish(wire.ask("GET", "/", what="asking"))


@pytest.mark.parametrize("host", ["example.com", "192.168.1.5", "127.0.0.1.example.com", "localhost.example.com"])
def test_plain_http_is_for_this_machine_alone(host: str) -> None:
    with pytest.raises(Refused, match="plain http"):
        Wire(f"http://{host}", QUICK, Token())
    with pytest.raises(Refused, match="plain http"):
        parse(f"oci+http://{host}/models/x")


# --- statuses ----------------------------------------------------------------------------------------------------

KINDS: dict[int, tuple[type[DiptychError], int]] = {
    400: (Refused, 1),
    401: (NeedsSecret, 1),
    403: (Refused, 1),
    404: (NotFound, 1),
    408: (Offline, 3),
    409: (Conflict, 1),
    410: (NotFound, 1),
    412: (Conflict, 1),
    413: (Refused, 1),
    418: (Refused, 1),
    425: (Offline, 3),
    429: (Offline, 3),
    500: (Offline, 3),
    502: (Offline, 3),
    503: (Offline, 3),
    504: (Offline, 3),
    507: (NoSpace, 1),
}


@pytest.mark.parametrize("status", KINDS)
def test_statuses_end_as_documented(status: int) -> None:
    expected, tries = KINDS[status]
    body = b'{"errors": [{"code": "X", "message": "reason \\u202e\\u001b[31m\\n of the server"}]}'
    with scripted(lambda request, writer: told(status, body)) as server, wired(server.port) as wire:
        with pytest.raises(expected) as caught:
            finish(wire.ask("GET", "/?secret=" + CANARY, what="asking"))
        assert type(caught.value) is expected
        assert len(server.requests) == tries
        assert caught.value.message.startswith(f"127.0.0.1:{server.port}: ")
        assert caught.value.message.isprintable()
        assert "of the server" in caught.value.message
        assert CANARY not in caught.value.message + caught.value.hint


def test_what_passes_is_tried_until_it_works() -> None:
    statuses = iter((503, 429, 200))
    with scripted(lambda request, writer: told(next(statuses))) as server, wired(server.port) as wire:
        assert finish(wire.ask("GET", "/", what="asking")).status == 200
        assert len(server.requests) == 3


def test_a_lost_connection_is_not_tried_again_where_that_is_not_wanted() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        raise ConnectionResetError

    with scripted(lambda request, writer: reset(writer)) as server, wired(server.port) as wire:
        with pytest.raises(Lost):
            finish(wire.ask("POST", "/", what="asking", content=b"x", retry=False))
        assert len(server.requests) == 1
        with pytest.raises(Lost):
            finish(wire.ask("GET", "/", what="asking"))
        assert len(server.requests) == 1 + QUICK.attempts


AFTER = {
    "2": 2.0,
    " 7 ": 7.0,
    "0": 0.0,
    "3600": 30.0,
    "9" * 400: 30.0,
}


@pytest.mark.parametrize("value", AFTER, ids=range(len(AFTER)))
def test_servers_say_in_seconds_how_long_to_wait(value: str) -> None:
    assert answers.pause(Answer(429, httpx.Headers({"retry-after": value}), b"", ""), 1, 30) == AFTER[value]


def test_servers_say_as_a_date_how_long_to_wait() -> None:
    def asked(seconds: float) -> float:
        date = formatdate(time.time() + seconds, usegmt=True)
        return answers.pause(Answer(503, httpx.Headers({"retry-after": date}), b"", ""), 1, 30)

    assert 8 <= asked(10) <= 10
    assert asked(-100) == 0
    assert asked(10_000) == 30


@pytest.mark.parametrize(
    "value", ["²", "-5", "nan", "inf", "1e9", "", "\x00", "soon", "Fri, 99 Foo 2100 00:00:00", "Mon, 01 Jan 9999999"]
)
def test_other_wishes_to_wait_count_as_none(value: str) -> None:
    headers = httpx.Headers([(b"retry-after", value.encode())])
    waits = [answers.pause(Answer(503, headers, b"", ""), tries, 30) for tries in (1, 2, 3, 4, 50)]
    assert all(0.3 <= wait <= 8.1 for wait in waits)
    assert waits[0] < 0.6
    assert waits[3] > 2.9


@pytest.mark.parametrize("retry_after", ["1", "date"])
def test_the_wish_to_wait_is_kept(retry_after: str) -> None:
    moments: list[float] = []

    def script(request: Request, writer: asyncio.StreamWriter) -> Reply:
        moments.append(time.monotonic())
        after = formatdate(time.time() + 2, usegmt=True) if retry_after == "date" else "1"
        return told(429, retry_after=after) if len(moments) == 1 else told()

    with scripted(script) as server, wired(server.port, replace(QUICK, longest_wait=30)) as wire:
        finish(wire.ask("GET", "/", what="asking"))
    assert 0.9 <= moments[1] - moments[0] <= 4


# --- cancelling --------------------------------------------------------------------------------------------------


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


# --- what is sent, and how ---------------------------------------------------------------------------------------


def test_a_file_arrives_as_it_lies_here_within_its_frame(tmp_path: Path) -> None:
    content = noise(3_500_000, 3)
    (tmp_path / "file").write_bytes(content)
    whole = b"before" + content + b"after"
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        for kept in (parcel(tmp_path / "file"), parcel(content=content)):
            for start, length in ((0, None), (3, 1_000_000), (2_000_000, 1_500_010), (len(whole) - 3, 3), (0, 6)):
                seen = hashlib.sha256()
                body = Body(kept, start, length, before=b"before", after=b"after", watch=seen.update)
                finish(wire.ask("PUT", "/", what="sending", content=body))
                expected = whole[start : None if length is None else start + length]
                assert server.bodies[-1] == expected
                assert body.whole() == expected
                assert seen.digest() == hashlib.sha256(expected).digest()


def test_a_file_that_is_cut_while_it_is_sent_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(noise(3 << 20))
    kept = parcel(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"short")
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        job = wire.ask("PUT", "/", what="sending", content=Body(kept))
        with pytest.raises(Conflict, match="shorter"):
            finish(job)


def test_a_limit_of_speed_is_kept() -> None:
    limit = 4_000_000
    network = replace(QUICK, bytes_per_second=limit)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        begun = time.monotonic()
        finish(wire.ask("PUT", "/", what="sending", content=Body(parcel(content=bytes(8 << 20)))))
        took = time.monotonic() - begun
    assert (8 << 20) / took < 1.4 * limit


def test_a_limit_below_the_slowest_speed_is_not_taken_for_a_bad_connection() -> None:
    network = replace(QUICK, bytes_per_second=100_000, slowest=1_000_000)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        finish(wire.ask("PUT", "/", what="sending", content=Body(parcel(content=bytes(300_000)))))


def test_requests_driven_in_turn_go_on_abreast() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    with scripted(lambda request, writer: late(writer)) as server, wired(server.port) as wire:
        jobs = [wire.ask("GET", f"/{at}", what="asking") for at in range(5)]
        begun = time.monotonic()
        answered = 0
        while jobs:
            for job in list(jobs):
                try:
                    next(job)
                except StopIteration as stop:
                    answered += stop.value.status == 200
                    jobs.remove(job)
        assert answered == 5
        assert time.monotonic() - begun < 2


def test_ticks_count_what_was_sent() -> None:
    ticks: list[Tick] = []
    network = replace(QUICK, bytes_per_second=20_000_000)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        content = Body(parcel(content=bytes(16 << 20)))
        finish(wire.ask("PUT", "/", what="sending", content=content), ticks.append)
    done = [tick.done for tick in ticks]
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert done[-1] <= 16 << 20


def test_proxies_of_the_environment_are_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        assert finish(wire.ask("GET", "/", what="asking")).status == 200


def test_logins_of_netrc_are_not_sent(home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (home / ".netrc").chmod(0o600)
    with scripted(lambda request, writer: told()) as server:
        wire = Wire(f"http://127.0.0.1:{server.port}", QUICK)
        finish(wire.ask("GET", "/", what="asking"))
        wire.close()
        assert "authorization" not in server.requests[0].headers


def test_memory_does_not_grow_with_what_is_sent_or_fetched(tmp_path: Path) -> None:
    size = 600 << 20
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from diptych.domain.shipping import Parcel
        from diptych.domain.version import Role
        from diptych.job import finish
        from diptych.remotes.body import Body
        from diptych.remotes.network import Network
        from diptych.remotes.wire import Wire
        origin, path, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
        wire, came = Wire(origin, Network()), 0
        def take(piece):
            global came
            came += len(piece)
        finish(wire.ask("PUT", "/", what="sending", content=Body(Parcel("x", size, "", Role.WEIGHTS, path))))
        finish(wire.ask("GET", "/", what="fetching", sink=take))
        assert came == size
        wire.close()
        status = Path('/proc/self/status').read_text()
        print(int(status.partition('VmHWM:')[2].split()[0]) // 1024)
        """
    )

    async def large(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: %d\r\n\r\n" % size)
        piece = bytes(1 << 20)
        for _ in range(size >> 20):
            writer.write(piece)
            await writer.drain()

    def serve(request: Request, writer: asyncio.StreamWriter) -> object:
        return told() if request.method == "PUT" else large(writer)

    with scripted(serve, keep=False) as server:
        ran = subprocess.run(
            [sys.executable, "-c", script, f"http://127.0.0.1:{server.port}", str(tmp_path / "sparse"), str(size)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "app")},
            timeout=100,
        )
        assert ran.returncode == 0, ran.stderr
        assert server.requests[0].body == size
    assert int(ran.stdout) <= 150, f"{ran.stdout.strip()} MB"


def test_scripted_servers_see_what_is_sent() -> None:
    """The canary would be seen: the tests above can fail."""
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        finish(wire.ask("GET", "/", what="asking"))
        assert isinstance(server, Scripted)
        assert server.everything.count(CANARY) == 2
