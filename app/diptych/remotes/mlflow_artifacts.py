"""Files below one artifact root of an MLflow server that hands files on itself (its proxy for artifacts).

What servers call a path is data: a root elsewhere is not followed, and no name reaches a URL before it is known to be
harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from diptych.display import visible
from diptych.domain.shipping import Delivered
from diptych.errors import Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.arriving import Checksum, Piece
from diptych.remotes.landing import Arrival
from diptych.remotes.mlflow_server import Server, rows, text
from diptych.remotes.names import Names, safe_name
from diptych.remotes.wire import Lost

_PROXY = "mlflow-artifacts/artifacts"
_MOST_FILES = 10_000
_DEEPEST = 32
_SMALL = 1 << 20
BYTES = {"Content-Type": "application/octet-stream"}


class _Enough(Exception):
    """What was asked for has come; the rest of the file is not wanted."""


@dataclass(slots=True)
class _Window:
    """The part of a whole file that is wanted, from a server that knows no ranges."""

    skip: int
    take: Piece
    length: int

    def __call__(self, piece: bytes) -> None:
        dropped = min(self.skip, len(piece))
        self.skip -= dropped
        wanted = piece[dropped : dropped + self.length - self.take.received]
        if wanted:
            self.take(wanted)
        if self.take.received == self.length:
            raise _Enough


class Artifacts:
    """The files of one version, run or model."""

    def __init__(self, server: Server, uri: str) -> None:
        """Raises `Refused` where `uri`, which the server has told, is not within its own proxy."""
        self.server = server
        self.root = _root(server, uri)
        self._ranges: bool | None = None
        """Whether the server gives parts of files; None until it was asked."""

    def url(self, name: str) -> str:
        """Where a file is."""
        return self.server.url(f"{_PROXY}/{quote(f'{self.root}/{name}', safe='/')}")

    def multipart(self, step: str, folder: str) -> str:
        """The path of the interface for a `step` of an upload in parts into a folder."""
        return quote(f"mlflow-artifacts/mpu/{step}/{self.root}/{folder}".rstrip("/"), safe="/")

    def list(self, what: str) -> Job[dict[str, int]]:
        """The sizes of all files, by name."""
        found: dict[str, int] = {}
        names = Names()
        folders = [""]
        while folders:
            folder = folders.pop()
            query = {"path": f"{self.root}/{folder}".rstrip("/")}
            told = yield from self.server.get(_PROXY, what, query)
            for row in rows(told, "files"):
                leaf = text(row, "path").rpartition("/")[2] if folder else text(row, "path")
                name = safe_name(f"{folder}/{leaf}" if folder else leaf)
                if isinstance(row, dict) and row.get("is_dir") is True:
                    folders.append(name)
                else:
                    names.admit(name)
                    size = text(row, "file_size")
                    found[name] = int(size) if size.isdecimal() and len(size) < 19 else 0
                if len(found) + len(folders) > _MOST_FILES or name.count("/") > _DEEPEST:
                    raise Refused(f"{self.server.wire.host}: lists more files than a version may have")
        return found

    def small(self, name: str, what: str) -> Job[bytes]:
        """A small file. Raises `NotFound` where there is none. It shows by the way whether the server gives parts."""
        answer = yield from self.server.wire.ask(
            "GET", self.url(name), what=what, headers={"Range": "bytes=0-"}, accept=(200, 206)
        )
        self._ranges = answer.status == 206
        return answer.content

    def put(self, name: str, content: bytes, what: str) -> Job[None]:
        """Store a small file; it may be there already."""
        yield from self.server.wire.ask("PUT", self.url(name), what=what, content=content, headers=BYTES)

    def fetch(self, file: Delivered, take: Arrival | Checksum, what: str) -> Job[None]:
        """Give a whole file to `take`, going on from where a connection broke where the server gives parts."""
        yield from self._learn(what)
        fruitless = 0
        while True:
            before = take.received
            part = {"Range": f"bytes={before}-"} if before else {}
            accept = (206,) if before else (200,)
            try:
                yield from self.server.wire.ask(
                    "GET", self.url(file.name), what=what, headers=part, accept=accept, sink=take
                )
            except Lost:
                fruitless = 1 if take.received > before and self._ranges else fruitless + 1
                if fruitless >= self.server.wire.network.attempts:
                    raise
            else:
                return
            if take.received == file.bytes:
                return
            if not self._ranges:
                take.restart()
            longest = self.server.wire.network.longest_wait
            yield from self.server.wire.wait(answers.pause(None, fruitless, longest), f"Trying {what} again")

    def read(self, file: Delivered, start: int, length: int, what: str) -> Job[bytes]:
        """A range of a file; where the server gives no parts, what lies before it comes along and is dropped."""
        if length == 0:
            return b""
        yield from self._learn(what)
        fruitless = 0
        while True:
            take = Piece(length)
            try:
                if self._ranges:
                    headers = {"Range": f"bytes={start}-{start + length - 1}"}
                    yield from self.server.wire.ask(
                        "GET", self.url(file.name), what=what, headers=headers, accept=(206,), sink=take
                    )
                else:
                    window = _Window(start, take, length)
                    yield from self.server.wire.ask("GET", self.url(file.name), what=what, sink=window)
            except _Enough:
                pass
            except Lost:
                fruitless += 1
                if fruitless >= self.server.wire.network.attempts:
                    raise
                continue
            return take.whole(visible(file.name), file.sha256 if length == file.bytes else "")

    def fingerprint(self, name: str, what: str) -> Job[str]:
        """What changes when the server's file is written anew (its ETag, no digest); empty where it tells none.

        One byte is asked for, since servers with logins let nobody ask for the head of an answer alone.
        """
        yield from self._learn(what)
        if not self._ranges:
            return ""
        answer = yield from self.server.wire.ask(
            "GET", self.url(name), what=what, headers={"Range": "bytes=0-0"}, accept=(206, 404)
        )
        return answer.headers.get("etag", "") if answer.status == 206 else ""

    def in_parts(self) -> Job[bool]:
        """Whether the server lets files be sent in parts, to the store that it keeps them in."""
        told = yield from self.server.about()
        return told is not None and told.get("multipart_uploads_enabled") is True

    def elsewhere(self) -> Job[bool]:
        """Whether the server keeps files in a store of somebody else, from which it fetches whole ones to look at."""
        told = yield from self.server.about()
        return told is None or told.get("multipart_uploads_enabled") is not False

    def _learn(self, what: str) -> Job[None]:
        """Find out by a small file whether the server gives parts, where none was asked for yet."""
        if self._ranges is None:
            self._ranges = False
            sizes = yield from self.list(what)
            small = next((name for name, count in sizes.items() if 0 < count <= _SMALL), "")
            if small:
                yield from self.small(small, what)


def _root(server: Server, uri: str) -> str:
    """The path within the proxy that an artifact address means."""
    wire = server.wire
    split = urlsplit(uri)
    path = ""
    if split.scheme == "mlflow-artifacts" and split.netloc in ("", wire.host):
        path = split.path
    elif split.scheme in ("http", "https") and uri.startswith(wire.origin + server.url(_PROXY)):
        path = uri.removeprefix(wire.origin + server.url(_PROXY))
    path = unquote(path).strip("/")
    if path and not split.query and not split.fragment:
        return safe_name(path)
    kind = f"{split.scheme}://" if split.scheme not in ("", "file") else "a folder of its own"
    raise Refused(
        f"{wire.host}: keeps the files of models in {visible(kind)}, where they cannot be reached through it",
        "Let the server hand on artifacts itself (mlflow server --serve-artifacts).",
    )
