"""The wire that every remote speaks through: where logins go, whom it trusts, what each status means."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from email.utils import formatdate
from itertools import groupby
from pathlib import Path

import httpx
import pytest

from diptych.domain.address import parse
from diptych.errors import Conflict, DiptychError, NeedsSecret, NoSpace, NotFound, Offline, Refused
from diptych.job import finish
from diptych.remotes import answers
from diptych.remotes.answers import Answer
from diptych.remotes.wire import Lost, Wire
from stands import free_port
from stands.authority import Authority
from stands.proxy import Reply, Request
from stands.scripted import scripted, told
from stands.wiring import CANARY, QUICK, Token, wired

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
        with pytest.raises(Lost) as caught:
            finish(wire.ask("GET", "/", what="asking"))
        assert "address" not in caught.value.hint
        assert len(server.requests) == 1 + QUICK.attempts


@pytest.mark.parametrize("answered", [False, True])
def test_who_never_answered_is_given_up_sooner_than_who_did(answered: bool) -> None:
    network = replace(QUICK, attempts=5, contacts=2)
    with ExitStack() as stack:
        with scripted(lambda request, writer: told()) as server:
            wire = stack.enter_context(wired(server.port, network))
            if answered:
                finish(wire.ask("GET", "/", what="asking"))
        said: list[str] = []
        with pytest.raises(Lost, match="cannot be reached"):
            finish(wire.ask("GET", "/", what="asking"), lambda tick: said.append(tick.text))
    tries = [text for text, _ in groupby(said) if text == "asking"]
    assert len(tries) == (network.attempts if answered else network.contacts)


def test_where_nobody_answers_the_address_may_be_wrong() -> None:
    with wired(free_port()) as wire, pytest.raises(Lost, match="cannot be reached") as caught:
        finish(wire.ask("GET", "/", what="asking"))
    assert caught.value.hint == "Check the address and the connection, then try again."


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
