"""A server that answers as a test tells it to."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from stands.proxy import Reply, Request

Script = Callable[["Request", asyncio.StreamWriter], "Reply | Awaitable[None]"]
_END = b"\r\n\r\n"


def told(status: int = 200, body: bytes = b"{}", **headers: str) -> Reply:
    """An answer; the names of headers are written with `_`."""
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@dataclass
class Scripted:
    """What came to a scripted server."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def everything(self) -> str:
        """Every request's head, for looking what was told to the server."""
        return "\n".join(f"{each.method} {each.path} {each.headers}" for each in self.requests)


@contextmanager
def scripted(
    script: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, keep: bool = True
) -> Iterator[Scripted]:
    """A server on `host`; `script` gives a reply for each request, or writes one itself. Bodies are kept or not."""
    made = Scripted()
    loop = asyncio.new_event_loop()
    begun = threading.Event()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                while True:
                    await exchange(reader, writer)
        finally:
            writer.transport.abort()

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(_END)
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        request = Request(method, path, {name.strip().lower(): value.strip() for name, _, value in pairs})
        made.requests.append(request)
        left = int(request.headers.get("content-length", 0))
        body = bytearray()
        while left and "/unread" not in path:
            piece = await reader.read(min(left, 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            request.body += len(piece)
            if keep:
                body += piece
        made.bodies.append(bytes(body))
        reply = script(request, writer)
        if not isinstance(reply, Reply):
            await reply
            return
        headers = {"content-length": str(len(reply.body)), **reply.headers}
        lines_ = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} So\r\n{lines_}\r\n".encode("latin-1"))
        if method != "HEAD":
            writer.write(reply.body)
        await writer.drain()

    async def run() -> None:
        server = await asyncio.start_server(serve, host, 0, ssl=tls, limit=1 << 20)
        made.port = server.sockets[0].getsockname()[1]
        begun.set()
        await over.wait()
        server.close()
        await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    begun.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
