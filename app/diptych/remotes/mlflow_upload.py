"""One file on its way into MLflow: in one request to its proxy, or in parts to the store behind it.

The proxy takes a file in one request, so that there a connection that breaks costs the file. Where the server lets
files be sent in parts, it names signed addresses of its store, one for each; then a loss costs a part. These addresses
are as good as a login, so they are not kept: after a restart of the program a file that was begun is sent anew.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

import httpx

from diptych import display
from diptych.domain.shipping import Journal, Parcel
from diptych.errors import Conflict, NotFound, Offline, Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.answers import PASSING, Answer
from diptych.remotes.body import Body
from diptych.remotes.mlflow_artifacts import BYTES, Artifacts
from diptych.remotes.mlflow_server import rows, text

PART = 32 << 20
_MOST_PARTS = 9000  # stores take ten thousand


class Upload:
    """Sends one file. It is stored when its last byte has come, and that goes only if the digest is right."""

    def __init__(self, artifacts: Artifacts, parcel: Parcel, journal: Journal, part: int = PART) -> None:
        self.sent = 0
        """Bytes that went out, with those that had to go again."""
        self._artifacts = artifacts
        self._server = artifacts.server
        self._parcel = parcel
        self._journal = journal
        self._note = f"mlflow parts {artifacts.root}/{parcel.name}"
        self._what = f"sending {parcel.name}"
        self._part = max(part, -(-parcel.bytes // _MOST_PARTS))
        self._done = 0
        self._body = Body(parcel)

    @property
    def moved(self) -> int:
        """Bytes of the file that have arrived or are on their way."""
        return self._done + self._body.sent

    def run(self) -> Job[None]:
        """Send it. Raises `Conflict` where the file is no longer what was hashed; the server stores nothing then."""
        yield from self.abandon()
        if self._parcel.bytes > self._part and (yield from self._artifacts.in_parts()):
            yield from self._in_parts()
        else:
            yield from self._at_once()

    def abandon(self) -> Job[None]:
        """Let the store forget the parts of an upload that was broken off."""
        upload = self._journal.get(self._note)
        if upload is None:
            return
        with suppress(NotFound, Offline, Refused):  # it is gone already, or the store forgets it by itself in time
            yield from self._server.send("POST", self._path("abort"), "cleaning up", self._named(upload))
        self._journal.put(self._note, None)

    def _at_once(self) -> Job[None]:
        if not self._parcel.bytes:
            _Guard(self._parcel).check()

        def attempt() -> Job[Answer]:
            body = Body(self._parcel, watch=lambda: _Guard(self._parcel))
            return self._put(self._artifacts.url(self._parcel.name), body)

        answer = yield from self._server.once(attempt, self._what, self._arrived)
        self._expect(answer)

    def _in_parts(self) -> Job[None]:
        starts = range(0, self._parcel.bytes, self._part)
        begun = {"path": self._leaf, "num_parts": len(starts)}
        told = yield from self._server.send("POST", self._path("create"), self._what, begun)
        upload = text(told, "upload_id")
        self._journal.put(self._note, upload)
        places = {int(text(row, "part_number") or 0): row for row in rows(told, "credentials")}
        guard = _Guard(self._parcel)
        parts = []
        try:
            for number, start in enumerate(starts, 1):
                url = self._trusted(text(places.get(number), "url"))
                headers = _headers(places.get(number))
                length = min(self._part, self._parcel.bytes - start)
                etag, guard = yield from self._send_part(url, headers, start, length, guard)
                self._done += length
                self._body = Body(self._parcel, 0, 0)
                parts.append({"part_number": number, "etag": etag, "url": url})
        except Conflict:
            yield from self.abandon()
            raise
        content = {**self._named(upload), "parts": parts}
        answer = yield from self._server.once(
            lambda: self._server.ask("POST", self._path("complete"), self._what, content), self._what, self._arrived
        )
        self._expect(answer)
        self._journal.put(self._note, None)

    def _send_part(
        self, url: str, headers: dict[str, str], start: int, length: int, guard: _Guard
    ) -> Job[tuple[str, _Guard]]:
        """Send one part, as often as it takes; its fingerprint, and the digest so far."""
        after = guard

        def watch() -> _Guard:
            nonlocal after
            after = guard.copy()
            return after

        def attempt() -> Job[Answer]:
            return self._put(url, Body(self._parcel, start, length, watch=watch), headers)

        answer = yield from self._server.once(attempt, self._what, self._unknown)
        self._expect(answer)
        return (answer.headers.get("etag", "") if isinstance(answer, Answer) else ""), after

    def _put(self, url: str, body: Body, headers: dict[str, str] | None = None) -> Job[Answer]:
        self._body = body
        try:
            return (
                yield from self._server.wire.ask(
                    "PUT",
                    url,
                    what=self._what,
                    headers=BYTES if headers is None else headers,
                    content=body,
                    accept=(200, *PASSING),
                    retry=False,
                )
            )
        finally:
            self.sent += body.sent

    def _arrived(self) -> Job[bool | None]:
        """Whether the file is there, though no answer came; None where it is not."""
        sizes = yield from self._artifacts.list(self._what)
        return sizes.get(self._parcel.name) == self._parcel.bytes or None

    def _unknown(self) -> Job[bool | None]:
        """Nobody can say whether a part has arrived."""
        yield from ()
        return None

    def _expect(self, answer: object) -> None:
        if isinstance(answer, Answer) and answer.status != 200:
            raise answers.error(answer, self._server.wire.host, self._what)

    def _trusted(self, url: str) -> str:
        """A signed address, when files may go there: the rules are those for a redirect."""
        here = Answer(307, httpx.Headers({"location": url}), b"", self._server.wire.origin)
        if not url.isascii() or not url.startswith(("https://", "http://")):
            raise Refused(f"{self._server.wire.host}: names no address for a part of {self._parcel.name}")
        return self._server.wire.leads_to(here)

    @property
    def _leaf(self) -> str:
        return self._parcel.name.rpartition("/")[2]

    def _named(self, upload: str) -> dict[str, object]:
        return {"path": self._leaf, "upload_id": upload}

    def _path(self, step: str) -> str:
        folder = self._parcel.name.rpartition("/")[0]
        return self._artifacts.multipart(step, folder)


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

    def copy(self) -> _Guard:
        """As it stands, for a part that may have to go again."""
        other = _Guard(self._parcel)
        other._seen, other._sha256 = self._seen, self._sha256.copy()
        return other

    def check(self) -> None:
        """Raises `Conflict` unless what was seen has the right digest."""
        if self._sha256.hexdigest() != self._parcel.sha256:
            place = display.path(self._parcel.path) if self._parcel.path else self._parcel.name
            raise Conflict(f"{place}: changed since it was hashed", "Scan and hash the version again.")


def _headers(place: object) -> dict[str, str]:
    """Headers that a signed address wants; never a login of ours."""
    found = place.get("headers") if isinstance(place, dict) else None
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(name): str(value) for name, value in pairs if str(value).isprintable() and str(name).isascii()}
