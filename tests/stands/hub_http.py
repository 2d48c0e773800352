"""What the double of the Hub needs of HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_PIECE = 1 << 20


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    """Without the query, as it came: with what is escaped in it."""
    query: dict[str, str]
    headers: dict[str, str]
    pieces: Iterator[bytes]
    """The body; must be read to its end."""

    def body(self) -> bytes:
        return b"".join(self.pieces)

    def json(self) -> Any:
        return json.loads(self.body() or b"null")

    @property
    def parts(self) -> list[str]:
        return [unquote(part) for part in self.path.strip("/").split("/")]


@dataclass
class Told:
    """An answer."""

    status: int = 200
    body: object = b""
    """Bytes, an iterator of bytes with `length`, or what becomes JSON."""
    headers: dict[str, str] = field(default_factory=dict)
    length: int = -1


class Server:
    """A server on a free port of 127.0.0.1, in threads of this process."""

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        self._connections: set[socket.socket] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                outer._connections.add(self.connection)

            def finish(self) -> None:
                outer._connections.discard(self.connection)
                super().finish()

            def log_message(self, *told: object) -> None:
                """Nobody reads it."""

            def handle_any(self) -> None:
                _handle(self, answer)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                """Connections break; that is what they are for here."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()


def serve(answer: Callable[[Asked], Told]) -> Server:
    """Serve until closed."""
    return Server(answer)


def _handle(handler: BaseHTTPRequestHandler, answer: Callable[[Asked], Told]) -> None:
    split = urlsplit(handler.path)
    query = {key: values[-1] for key, values in parse_qs(split.query, keep_blank_values=True).items()}
    headers = {name.lower(): value for name, value in handler.headers.items()}
    pieces = _body(handler, headers)
    told = answer(Asked(handler.command, split.path, query, headers, pieces))
    for _ in pieces:
        pass  # what nobody wanted
    content, length = _content(told)
    lines = {"Content-Length": str(length), **told.headers}
    handler.send_response(told.status)
    for name, value in lines.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        for piece in content:
            handler.wfile.write(piece)


def _content(told: Told) -> tuple[Iterator[bytes], int]:
    if isinstance(told.body, bytes):
        return iter((told.body,)), len(told.body) if told.length < 0 else told.length
    if isinstance(told.body, Iterator):
        return told.body, told.length
    told.headers.setdefault("Content-Type", "application/json")
    content = json.dumps(told.body).encode()
    return iter((content,)), len(content)


def _body(handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> Iterator[bytes]:
    if headers.get("transfer-encoding", "") == "chunked":
        while size := int(handler.rfile.readline().split(b";")[0] or b"0", 16):
            yield _exactly(handler, size)
            handler.rfile.readline()
        handler.rfile.readline()
        return
    left = int(headers.get("content-length", 0))
    while left:
        piece = _exactly(handler, min(left, _PIECE))
        left -= len(piece)
        yield piece


def _exactly(handler: BaseHTTPRequestHandler, count: int) -> bytes:
    piece = handler.rfile.read(count)
    if len(piece) < count:
        raise ConnectionError("the client went away")
    return piece
