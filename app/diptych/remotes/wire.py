"""Requests as jobs: they tick while they wait, stop at once when closed, and try again as a server deserves it.

Every remote speaks through a `Wire`. It holds the rules that no remote may forget: TLS is always verified, a login goes
to the one origin that it is for and to nobody else, redirects are few and never lead to this machine or to plain http,
and texts of errors name the host and the reason but never a query, which may be signed.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import httpx

from diptych.domain.address import is_loopback
from diptych.errors import DiptychError, Offline, Refused
from diptych.job import Job, Tick
from diptych.remotes import answers
from diptych.remotes.answers import Answer
from diptych.remotes.body import Body
from diptych.remotes.network import Network, proxy_for, quiet

T = TypeVar("T")
_SLICE = 0.1
_LARGEST_ANSWER = 64 << 20
_REDIRECTS = 5
_ABROAD = frozenset({"accept", "content-type", "range", "if-none-match", "if-match"})
"""Headers that go along where a redirect leads to another origin; any other may prove who we are."""
_PORTS = {"http": 80, "https": 443}


class Login(Protocol):
    """What proves to the server who we are."""

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers to add to a request to the wire's own origin."""

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        """Whether there is something new to try after the server has answered 401; asked once for each request."""


class Lost(Offline):
    """The connection broke, or went silent; what was sent may have arrived or not."""


class Unreached(Lost):
    """There was no connection at all."""


@dataclass(frozen=True, slots=True, repr=False)
class _Call:
    method: str
    url: str
    what: str
    headers: Mapping[str, str]
    content: bytes | Body | None
    sink: Callable[[bytes], None] | None


class _Loop(asyncio.SelectorEventLoop):
    """A loop that knows its connections: one that is cancelled while it shakes hands is closed by nobody else."""

    def __init__(self) -> None:
        super().__init__()
        self._made: WeakSet[asyncio.BaseTransport] = WeakSet()

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        transport, protocol = await super().create_connection(*args, **kwargs)
        self._made.add(transport)
        return transport, protocol

    def abort_connections(self) -> None:
        for transport in self._made:
            transport.close()


class Wire:
    """Connections to one origin (`https://host`), and without login to where that one redirects."""

    def __init__(self, origin: str, network: Network, login: Login | None = None) -> None:
        quiet()
        self.origin = _origin(origin)
        self.network = network
        self.login = login
        self.host = urlsplit(origin).netloc
        if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
            raise Refused(f"{self.host}: plain http is accepted for this machine only")
        self._made: _Loop | None = None
        self.patience = _SLICE
        """Seconds that a job waits before it ticks; nought while whoever drives it has other work to do as well."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._answered = False
        self._moved = 0
        self._allowed_at = 0.0
        self._client: httpx.AsyncClient | None = None

    def ask(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | Body | None = None,
        accept: Collection[int] = (200,),
        retry: bool = True,
        follow: bool = False,
        sink: Callable[[bytes], None] | None = None,
    ) -> Job[Answer]:
        """Send one request; `url` may be a path at the origin. Ticks count the bytes moved by it.

        Statuses in `accept` are returned, others raise the error they stand for, naming `what` was being done. With
        `retry`, lost connections and overloaded servers are tried again, one that never answered and is not reached
        less often; without, a loss raises `Lost` at once. With `follow`, up to five redirects are followed, without
        login where they lead elsewhere. `sink` gets the body of an accepted answer in pieces; if a try breaks in the
        middle, it gets no more and `Lost` is raised.
        """
        call = _Call(method, urljoin(self.origin, url), what, dict(headers or {}), content, sink)
        fruitless = renewed = hops = 0
        while True:
            trusted = _origin(call.url) == self.origin
            try:
                answer = yield from self._drive(self._send(call, trusted, accept), call)
            except Lost as loss:
                fruitless += 1
                strange = isinstance(loss, Unreached) and not self._answered
                attempts = min(self.network.attempts, self.network.contacts) if strange else self.network.attempts
                if not retry or sink is not None or fruitless >= attempts:
                    raise
                yield from self.wait(answers.pause(None, fruitless, self.network.longest_wait), f"Trying {what} again")
                continue
            if answer.status in accept:
                return answer
            if follow and answer.status in (301, 302, 303, 307, 308):
                hops += 1
                if hops > _REDIRECTS:
                    raise Refused(f"{self.host}: redirects more than {_REDIRECTS} times")
                call = self._redirected(call, answer)
                continue
            if answer.status == 401 and trusted and self.login is not None and not renewed:
                renewed = 1
                if (yield from self.login.renew(self, answer)):
                    continue
            if retry and answer.status in answers.PASSING:
                fruitless += 1
                if fruitless < self.network.attempts:
                    seconds = answers.pause(answer, fruitless, self.network.longest_wait)
                    yield from self.wait(seconds, f"{self.host} asks to wait before {what}")
                    continue
            raise answers.error(answer, self.host, what)

    def wait(self, seconds: float, text: str) -> Job[None]:
        """Let time pass, ticking."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            yield Tick(text)
            self._loop.run_until_complete(asyncio.sleep(min(_SLICE, left)))

    def close(self) -> None:
        """End every connection."""
        if self._made is None or self._made.is_closed():
            return
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            self._loop.run_until_complete(asyncio.wait(self._tasks, timeout=1))
        if self._client is not None:
            self._loop.run_until_complete(self._client.aclose())
            self._loop.abort_connections()
            self._loop.run_until_complete(asyncio.sleep(0.001))  # what was closed needs a turn or two to be gone
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    @property
    def _loop(self) -> _Loop:
        """Made for the first request: a wire that was never spoken through holds nothing open."""
        if self._made is None:
            self._made = _Loop()
        return self._made

    def _drive(self, coroutine: Coroutine[Any, Any, T], call: _Call) -> Job[T]:
        """Run `coroutine` in slices. Several jobs of one wire may be driven in turn: all advance in every slice."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        begun = moved = self._moved
        checked = time.monotonic()
        try:
            yield Tick(call.what, 0, 0, "bytes")  # so that what is done by turns with this is begun before waiting
            while not task.done():
                running = {one for one in self._tasks if not one.done()}
                self._loop.run_until_complete(
                    asyncio.wait(running, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
                )
                now = time.monotonic()
                if now - checked > self.network.answer_seconds:
                    if self._moved - moved < self._slowest() * (now - checked):
                        raise Lost(f"{self.host}: too slow while {call.what}", "Check the connection, then resume.")
                    checked, moved = now, self._moved
                if not task.done():
                    sent = call.content.sent if isinstance(call.content, Body) else self._moved - begun
                    yield Tick(call.what, sent, 0, "bytes")
            return task.result()
        finally:
            self._tasks.discard(task)
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait({task}, timeout=1))
            elif not task.cancelled():
                task.exception()  # asyncio complains of failures that nobody has looked at

    async def _send(self, call: _Call, trusted: bool, accept: Collection[int]) -> Answer:
        headers = {"User-Agent": "diptych", "Accept-Encoding": "identity", **call.headers}
        content: bytes | AsyncIterator[bytes] | None
        if isinstance(call.content, Body):
            headers["Content-Length"] = str(call.content.length)
            content = call.content.pieces(self._pace)
        else:
            content = call.content
        if trusted and self.login is not None:
            headers.update(self.login.headers(call.method, call.url, headers))
        try:
            async with self._connections().stream(call.method, call.url, headers=headers, content=content) as response:
                self._answered = True
                _acknowledge(response)
                answer = await self._receive(response, call, accept)
                return answers.discreet(answer, headers.get("Authorization", ""))
        except httpx.HTTPError as error:
            raise self._lost(error, call) from None
        except (httpx.InvalidURL, UnicodeError):
            raise Refused(f"{self.host}: leads to something that is not an address while {call.what}") from None

    async def _receive(self, response: httpx.Response, call: _Call, accept: Collection[int]) -> Answer:
        kept = bytearray()
        wanted = call.sink if response.status_code in accept else None
        async for piece in response.aiter_raw():
            await self._pace(len(piece))
            if wanted is not None:
                wanted(piece)
            elif len(kept) + len(piece) > _LARGEST_ANSWER:
                raise Refused(f"{self.host}: its answer is too long while {call.what}")
            else:
                kept += piece
        return Answer(response.status_code, response.headers, bytes(kept), str(response.url))

    async def _pace(self, count: int) -> None:
        """Count bytes that move, and hold them back where a limit is set."""
        limit = self.network.bytes_per_second
        if limit <= 0:
            self._moved += count
            return
        while count > 0:
            part = min(count, max(1, int(limit * _SLICE)))
            count -= part
            self._moved += part
            now = time.monotonic()
            self._allowed_at = max(now, self._allowed_at) + part / limit
            await asyncio.sleep(self._allowed_at - now)

    def _connections(self) -> httpx.AsyncClient:
        if self._client is None:
            network = self.network
            keepsake = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # no server is to know us again
            self._client = httpx.AsyncClient(
                cookies=keepsake,
                verify=network.tls(),
                trust_env=False,  # it would take logins from .netrc
                proxy=proxy_for(self.origin),
                timeout=httpx.Timeout(network.answer_seconds, connect=network.connect_seconds, pool=None),
            )
        return self._client

    def leads_to(self, answer: Answer) -> str:
        """The address that an answer's `Location` names. Raises `Refused` for one that nobody may be led to."""
        return self.admitted(urljoin(answer.url, str(answer.headers.get("location", ""))))

    def admitted(self, target: str) -> str:
        """An address that the server gave us to go to. Raises `Refused` for one that nobody may be led to."""
        try:
            split = urlsplit(target)
            host, _ = split.hostname or "", httpx.URL(target)
            here = urlsplit(self.origin)
            if host == here.hostname and split.port == here.port and split.scheme == "http":
                target = target.replace("http", here.scheme, 1)  # what servers behind a proxy that ends TLS say
                split = urlsplit(target)
        except (ValueError, httpx.InvalidURL):
            raise Refused(f"{self.host}: redirects to something that is not an address") from None
        from_here = is_loopback(here.hostname or "")
        if split.scheme not in _PORTS or (split.scheme == "http" and not (from_here and is_loopback(host))):
            raise Refused(f"{self.host}: redirects to an address that is not https")
        if not from_here and host != here.hostname and answers.is_private(host):
            raise Refused(f"{self.host}: redirects into a private network")
        if not host or split.username is not None or split.password is not None:
            raise Refused(f"{self.host}: redirects to an address with a login in it")
        return target

    def _redirected(self, call: _Call, answer: Answer) -> _Call:
        target = self.leads_to(answer)
        method, content, headers = call.method, call.content, call.headers
        if method not in ("GET", "HEAD") and answer.status not in (307, 308):
            raise answers.error(answer, self.host, call.what)
        if _origin(target) != _origin(call.url):
            headers = {name: value for name, value in headers.items() if name.lower() in _ABROAD}
        return _Call(method, target, call.what, headers, content, call.sink)

    def _slowest(self) -> float:
        """Bytes per second that a transfer must reach: less where it is held back on purpose."""
        limit = self.network.bytes_per_second
        return min(self.network.slowest, limit / 2) if limit > 0 else self.network.slowest

    def _lost(self, error: httpx.HTTPError, call: _Call) -> DiptychError:
        host = urlsplit(call.url).netloc
        if answers.is_distrusted(error):
            return Refused(
                f"{host}: its certificate is not accepted: {answers.distrust(error)}",
                "If it is a server of your own, name the file of its authority in the settings of the remote.",
            )
        text = f"{host}: {answers.loss(error)} while {call.what}"
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return Unreached(text, "Check the address and the connection, then try again.")
        return Lost(text, "Check the connection, then resume.")


def _acknowledge(response: httpx.Response) -> None:
    """Tell the server at once that the head of its answer is here.

    Many servers write the rest separately, and their system holds that back until then, while ours would let 40 ms
    pass in the hope of something to say along with it.
    """
    connection = response.extensions["network_stream"].get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _origin(url: str) -> str:
    """Scheme, host and port of `url`, written in one way; what it holds beside them makes it another."""
    split = urlsplit(url)
    host = split.netloc.lower()
    return f"{split.scheme}://{host.removesuffix(f':{_PORTS.get(split.scheme)}')}"
