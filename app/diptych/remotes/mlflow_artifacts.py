"""Files below one artifact root of an MLflow server that hands files on itself (its proxy for artifacts).

What servers call a path is data: a root elsewhere is not followed, and no name reaches a URL before it is known to be
harmless.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from diptych import display
from diptych.display import visible
from diptych.domain.shipping import Delivered, Parcel
from diptych.errors import Conflict, Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.answers import PASSING, Answer
from diptych.remotes.arriving import Checksum, Piece
from diptych.remotes.body import Body
from diptych.remotes.landing import Arrival
from diptych.remotes.mlflow_server import Server, rows, text
from diptych.remotes.names import Names, safe_name
from diptych.remotes.wire import Lost

_PROXY = "mlflow-artifacts/artifacts"
_MOST_FILES = 10_000
_DEEPEST = 32
_SMALL = 1 << 20
_BYTES = {"Content-Type": "application/octet-stream"}


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
        yield from self.server.wire.ask("PUT", self.url(name), what=what, content=content, headers=_BYTES)

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


class Sending:
    """One file on its way. The server stores it when its last byte has come, and that goes only if the digest is right.

    MLflow's proxy takes a file in one request, so that a connection that breaks costs that file.
    """

    def __init__(self, artifacts: Artifacts, parcel: Parcel) -> None:
        self.sent = 0
        """Bytes that went out, with those that had to go again."""
        self._artifacts = artifacts
        self._parcel = parcel
        self._body = Body(parcel)

    @property
    def moved(self) -> int:
        """Bytes of the file on their way."""
        return self._body.sent

    def run(self) -> Job[None]:
        """Send it. Raises `Conflict` where the file is no longer what was hashed; the server stores nothing then."""
        what = f"sending {self._parcel.name}"
        if not self._parcel.bytes:
            _Guard(self._parcel).check()
        server = self._artifacts.server
        answer = yield from server.once(lambda: self._attempt(what), what, lambda: self._arrived(what))
        if isinstance(answer, Answer) and answer.status != 200:
            raise answers.error(answer, server.wire.host, what)

    def _attempt(self, what: str) -> Job[Answer]:
        self._body = Body(self._parcel, watch=_Guard(self._parcel))
        try:
            return (
                yield from self._artifacts.server.wire.ask(
                    "PUT",
                    self._artifacts.url(self._parcel.name),
                    what=what,
                    headers=_BYTES,
                    content=self._body,
                    accept=(200, *PASSING),
                    retry=False,
                )
            )
        finally:
            self.sent += self._body.sent

    def _arrived(self, what: str) -> Job[bool | None]:
        """Whether the file is there, though no answer came; None where it is not."""
        sizes = yield from self._artifacts.list(what)
        return sizes.get(self._parcel.name) == self._parcel.bytes or None


class _Guard:
    """Lets the last bytes of a file pass only when all of them have the digest that they should have."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel
        self._seen = 0
        self._sha256 = hashlib.sha256()

    def __call__(self, piece: bytes) -> None:
        self._sha256.update(piece)
        self._seen += len(piece)
        if self._seen >= self._parcel.bytes:
            self.check()

    def check(self) -> None:
        """Raises `Conflict` unless what was seen has the right digest."""
        if self._sha256.hexdigest() != self._parcel.sha256:
            place = display.path(self._parcel.path) if self._parcel.path else self._parcel.name
            raise Conflict(f"{place}: changed since it was hashed", "Scan and hash the version again.")


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
