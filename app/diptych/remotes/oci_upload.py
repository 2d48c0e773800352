"""One blob on its way into an OCI registry: in chunks, going on after every loss from where the server has come to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from diptych.display import visible
from diptych.domain.shipping import Journal
from diptych.errors import Conflict
from diptych.job import Job, Tick, retold
from diptych.remotes import answers
from diptych.remotes.answers import PASSING, Answer
from diptych.remotes.oci_manifest import Blob
from diptych.remotes.oci_registry import Registry, escaped
from diptych.remotes.wire import Lost

CHUNK = 16 << 20
_SMALLEST_CHUNK = 1 << 20
_LARGEST_CHUNK = 1 << 32
_SENDING = "sending a file"
_BYTES = "application/octet-stream"
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")


class Upload:
    """Sends one blob. What the server holds already is asked first; nothing is sent twice but what it has lost."""

    def __init__(self, registry: Registry, blob: Blob, journal: Journal, chunk: int = CHUNK) -> None:
        self.registry = registry
        self.blob = blob
        self.sent = 0
        """Bytes of chunks that went out, with those that had to go again."""
        self.place = 0
        """Bytes that the server has acknowledged."""
        self._journal = journal
        self._key = f"oci {registry.host}/{registry.repository} {blob.digest}"
        self._chunk = chunk
        self._session = journal.get(self._key) or ""
        self._known = hashlib.sha256()
        self._hashed = 0
        self._furthest = 0
        self._fruitless = 0
        self._loss: Lost | None = None
        self._unsure = bool(self._session)
        """Whether the server must be asked how far it has come."""

    def run(self, source: str = "") -> Job[None]:
        """Bring it there. `source` is a repository of the same registry that may hold it."""
        while True:
            try:
                if (yield from self._step(source)):
                    break
            except Lost as loss:
                self._loss = loss
                yield from self._pause(None)
                self._unsure = True
        self._journal.put(self._key, None)

    def _step(self, source: str) -> Job[bool]:
        """The next thing to do; True when the registry has the blob."""
        if self._unsure:
            if self.place == self.blob.bytes and (yield from self.registry.holds(self.blob.digest, retry=False)) >= 0:
                return True
            yield from self._ask_how_far()
            self._unsure = False
            return False
        if not self._session:
            return (yield from self._begin(source))
        if self.place < self.blob.bytes:
            yield from self._send_chunk()
            return False
        return (yield from self._complete())

    def _begin(self, source: str) -> Job[bool]:
        """Open a session; True where the registry has the blob after all."""
        query = f"?mount={escaped(self.blob.digest)}&from={escaped(source)}" if source else ""
        answer = yield from self.registry.ask(
            "POST", f"blobs/uploads/{query}", "beginning an upload", accept=(201, 202, *PASSING), retry=False
        )
        if answer.status in PASSING:
            yield from self._pause(answer)
            return False
        if answer.status == 201:
            return True
        least = answer.headers.get("oci-chunk-min-length", "")
        if least.isascii() and least.isdigit():
            self._chunk = max(self._chunk, min(int(least[:12]), _LARGEST_CHUNK))
        self._move(0)
        self._note(answer)
        return False

    def _send_chunk(self) -> Job[None]:
        start, length = self.place, min(self._chunk, self.blob.bytes - self.place)
        yield from self._hash_until(start)
        digest = self._known

        def watch() -> Callable[[bytes], None]:
            nonlocal digest
            digest = self._known.copy()  # the chunk goes from its start, perhaps once more with another token
            return digest.update

        body = self.blob.body(start, length, watch)
        job = self.registry.wire.ask(
            "PATCH",
            self._session,
            what=_SENDING,
            headers={"Content-Type": _BYTES, "Content-Range": f"{start}-{start + length - 1}"},
            content=body,
            accept=(201, 202, 204, 400, 404, 413, 416, *PASSING),
            retry=False,
        )
        try:
            answer = yield from retold(job, lambda tick: tick._replace(done=start + tick.done, total=self.blob.bytes))
        finally:
            self.sent += body.sent
        if answer.status in (201, 202, 204):
            self._known, self._hashed = digest, start + length
            self._move(start + length)
            self._note(answer)
            return
        if answer.status == 413:
            if self._chunk <= _SMALLEST_CHUNK:
                raise answers.error(answer, self.registry.host, _SENDING)
            self._chunk //= 2
        else:
            yield from self._pause(answer)
        self._unsure = True

    def _complete(self) -> Job[bool]:
        """Close the session; False where it must begin anew. Raises `Conflict` where the file is another one by now."""
        yield from self._hash_until(self.blob.bytes)
        if self._known.hexdigest() != self.blob.sha256:
            self._forget()
            raise Conflict(
                f"{visible(self.blob.parcel.name)}: changed since it was hashed, nothing was committed",
                "Scan and hash it again, then push again.",
            )
        mark = "&" if urlsplit(self._session).query else "?"
        answer = yield from self.registry.wire.ask(
            "PUT",
            f"{self._session}{mark}digest={escaped(self.blob.digest)}",
            what="completing a file",
            headers={"Content-Type": _BYTES},
            content=b"",
            accept=(201, 204, 400, 404, 416, *PASSING),
            retry=False,
        )
        if answer.status in (201, 204):
            return True
        yield from self._pause(answer)
        if answer.status in PASSING:
            self._unsure = True
            return False
        if (yield from self.registry.holds(self.blob.digest)) >= 0:
            return True
        # what has arrived is not what was sent, and the registry has thrown it away
        self._forget()
        return False

    def _ask_how_far(self) -> Job[None]:
        """Take up the session where the server says it is, or forget it."""
        if not self._session:
            return
        what = "asking how far the upload came"
        answer = yield from self.registry.wire.ask(
            "GET", self._session, what=what, accept=(200, 202, 204, 400, 404, 416, *PASSING), retry=False
        )
        if answer.status in PASSING:
            raise Lost(answers.error(answer, self.registry.host, what).message, "Try again later.")
        if answer.status not in (200, 202, 204):
            self._forget()
            return
        told = _RANGE.fullmatch(answer.headers.get("range", ""))
        end = int(told[1]) if told else 0  # 0-0 is said for nothing at all
        self._move(min(end + 1, self.blob.bytes) if end else 0)
        self._note(answer)

    def _hash_until(self, place: int) -> Job[None]:
        """Know the digest of everything before `place`, from the file where it was not sent in this life."""
        if self._hashed > place:
            self._known, self._hashed = hashlib.sha256(), 0
        if self._hashed == place:
            return
        for piece in self.blob.body(self._hashed, place - self._hashed).local():
            self._known.update(piece)
            self._hashed += len(piece)
            yield Tick("reading what was sent before", self._hashed, self.blob.bytes, "bytes")

    def _pause(self, answer: Answer | None) -> Job[None]:
        """Wait as long as the server deserves; give up after too many tries in a row without progress."""
        self._fruitless += 1
        network = self.registry.wire.network
        if self._fruitless >= network.attempts:
            if answer is not None and (answer.status in PASSING or self._loss is None):
                raise answers.error(answer, self.registry.host, _SENDING)
            raise self._loss or Lost(f"{self.registry.host}: does not go on while {_SENDING}")
        seconds = answers.pause(answer, self._fruitless, network.longest_wait)
        yield from self.registry.wire.wait(seconds, f"{self.registry.host}: trying again")

    def _move(self, place: int) -> None:
        self.place = place
        if place > self._furthest:
            self._furthest = place
            self._fruitless = 0

    def _note(self, answer: Answer) -> None:
        """Go on at the session's new address, and keep it for a restart of the program."""
        self._session = self.registry.wire.leads_to(answer)
        self._journal.put(self._key, self._session)

    def _forget(self) -> None:
        self._session = ""
        self._journal.put(self._key, None)
        self._move(0)
