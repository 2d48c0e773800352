"""A proxy on loopback that does to plain HTTP what networks and servers do on bad days."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_PIECE = 1 << 16
_FOR_EVER = 3600
_END = b"\r\n\r\n"


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: int = 0
    """Bytes of its body that came."""


@dataclass
class Reply:
    """What a server has said; faults change it."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Fault:
    """What goes wrong, with the requests that `when` picks; `times` often, -1 for always.

    One of: `answer` in place of the server's; `alter` what the server says; `drop` its answer after the request went
    through; `cut` the connection after so many bytes of the request's body; `cut_reply` after so many of the answer's;
    `stall` for ever: `headers` (before the request goes on), `upload` (in the middle of its body), `body` (in the
    middle of the answer); `trickle` the answer, so many seconds a byte.
    """

    when: Callable[[Request], bool] = lambda request: True
    times: int = 1
    answer: Reply | None = None
    alter: Callable[[Reply], Reply] | None = None
    drop: bool = False
    cut: int | None = None
    cut_reply: int | None = None
    stall: str = ""
    trickle: float = 0
    hits: int = 0


class _Cut(Exception):
    """The connection is to be broken off."""


@dataclass
class Proxy:
    """A proxy in front of a port of this machine; `port` is its own."""

    upstream: int
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Break the connection whenever so many bytes in all have come from the client (heads and bodies)."""
    came: int = 0
    """Bytes from the client so far, heads and bodies."""
    broken: int = 0
    """Connections broken by `cuts`."""
    at_cut: Callable[[], None] | None = None
    """Called whenever `cuts` has broken a connection."""
    whole: bool = False
    """Take a request completely before it goes on, as web servers in front of registries do."""
    port: int = 0
    serving: set[asyncio.Task[None] | None] = field(default_factory=set)
    """Kept here: of a task that waits for a connection that nobody listens to the loop itself keeps no hold."""

    def add(self, fault: Fault) -> Fault:
        """Let `fault` happen from now on."""
        self.faults.append(fault)
        return fault

    def sent(self, part: str = "", methods: Sequence[str] = ("PATCH", "PUT", "POST")) -> int:
        """Bytes of bodies that came for paths with `part` in them."""
        return sum(each.body for each in self.requests if each.method in methods and part in each.path)

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Speak with one client until either side ends it."""
        server: asyncio.StreamWriter | None = None
        self.serving.add(task := asyncio.current_task())
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.upstream)
            while True:
                await self._exchange(client, back, answers, server)
        except _Cut:
            peer = back.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a farewell
            back.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for one in (back, server):
                if one is not None:
                    one.close()
            self.serving.discard(task)

    async def _exchange(
        self,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        head = await client.readuntil(_END)
        first, headers = _parsed(head)
        method, path, _ = first.split(" ", 2)
        request = Request(method, path, headers)
        self.requests.append(request)
        self._count(len(head))
        fault = next((each for each in self.faults if each.times and each.when(request)), None) or Fault()
        fault.times -= 1
        fault.hits += 1
        if fault.stall == "headers":
            await asyncio.sleep(_FOR_EVER)
        if headers.get("expect", "").lower() == "100-continue":
            back.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # here, since the server's would be taken for its answer
            head = re.sub(rb"(?i)\r\nexpect:[^\r]*", b"", head)
        if fault.answer is None and not self.whole:
            server.write(head)
        length = int(headers.get("content-length", 0))
        body = await self._body(request, client, None if fault.answer or self.whole else server, length, fault)
        if self.whole and fault.answer is None:
            server.write(head + body)
        if fault.answer is not None:
            await _write(back, method, fault.answer, fault)
            return
        await server.drain()
        reply_head = await answers.readuntil(_END)
        if fault.drop:
            raise _Cut
        reply_first, reply_headers = _parsed(reply_head)
        status = int(reply_first.split(" ", 2)[1])
        bodiless = method == "HEAD" or status in (204, 304)
        chunked = reply_headers.get("transfer-encoding", "") == "chunked"
        if fault.alter or fault.trickle or fault.cut_reply is not None or fault.stall == "body" or chunked:
            body = b"" if bodiless else await _whole(answers, reply_headers)
            reply_headers.pop("transfer-encoding", None)
            if not bodiless:
                reply_headers["content-length"] = str(len(body))
            reply = Reply(status, reply_headers, body)
            await _write(back, method, fault.alter(reply) if fault.alter else reply, fault)
            return
        back.write(reply_head)
        left = 0 if bodiless else int(reply_headers.get("content-length", 0))
        while left:
            piece = await answers.read(min(left, _PIECE))
            if not piece:
                raise _Cut
            left -= len(piece)
            back.write(piece)
            await back.drain()
        await back.drain()

    async def _body(
        self,
        request: Request,
        client: asyncio.StreamReader,
        server: asyncio.StreamWriter | None,
        left: int,
        fault: Fault,
    ) -> bytes:
        kept = bytearray()
        while left:
            most = min(left, _PIECE)
            if fault.cut is not None:
                most = min(most, fault.cut - request.body)
            if self.cuts:
                most = min(most, max(1, self.cuts[0] - self.came))
            if most <= 0:
                raise _Cut
            piece = await client.read(most)
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            request.body += len(piece)
            if server is not None:
                server.write(piece)
                await server.drain()
            elif self.whole:
                kept += piece
            self._count(len(piece))
            if fault.stall == "upload":
                await asyncio.sleep(_FOR_EVER)
        if fault.cut is not None and request.body >= fault.cut:
            raise _Cut
        return bytes(kept)

    def _count(self, count: int) -> None:
        self.came += count
        if self.cuts and self.came >= self.cuts[0]:
            while self.cuts and self.came >= self.cuts[0]:
                del self.cuts[0]
            self.broken += 1
            if self.at_cut is not None:
                self.at_cut()
            raise _Cut


async def _write(back: asyncio.StreamWriter, method: str, reply: Reply, fault: Fault) -> None:
    headers = dict(reply.headers)
    if reply.status not in (204, 304) and method != "HEAD":
        headers.setdefault("content-length", str(len(reply.body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    back.write(f"HTTP/1.1 {reply.status} So\r\n{lines}\r\n".encode("latin-1"))
    body = b"" if method == "HEAD" else reply.body
    if fault.cut_reply is not None:
        back.write(body[: fault.cut_reply])
        await back.drain()
        raise _Cut
    if fault.stall == "body":
        back.write(body[: len(body) // 2])
        await asyncio.sleep(_FOR_EVER)
    if fault.trickle:
        for at in range(len(body)):
            back.write(body[at : at + 1])
            await back.drain()
            await asyncio.sleep(fault.trickle)
    else:
        back.write(body)
    await back.drain()


async def _whole(answers: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "") != "chunked":
        return await answers.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int((await answers.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await answers.readexactly(size)
        await answers.readexactly(2)
    await answers.readuntil(b"\r\n")
    return body


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """A proxy in front of `port`, in a thread of its own."""
    proxy = Proxy(port)
    loop = asyncio.new_event_loop()
    begun = threading.Event()
    over = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
        proxy.port = server.sockets[0].getsockname()[1]
        begun.set()
        await over.wait()
        server.close()
        await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # the transports say farewell

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    begun.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
