"""One file on its way into a bucket: at once where it is small, else in parts that outlive the program.

What goes is read once: a part lies in memory while it is hashed and until it has arrived, so that the bytes that were
hashed are those that are sent. An upload in parts is not seen by anybody before it is completed, and it is completed
when the digest over all parts is that of the file. A small file is signed with that digest. Parts are not hashed a
second time for their signatures: on the way TLS vouches for them, since plain http does not leave this machine. Only
parts that are too large to lie in memory are; then the server refuses what changed between hashing and sending.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from diptych import display
from diptych.domain.shipping import Journal, Parcel
from diptych.errors import Conflict, DiptychError, Offline
from diptych.job import Job, Tick
from diptych.remotes.answers import Answer
from diptych.remotes.body import Body
from diptych.remotes.s3_bucket import Bucket, Stored
from diptych.remotes.s3_login import UNSIGNED

PART = 8 << 20
_MOST_PARTS = 9000  # S3 takes ten thousand
_ABREAST = 6
_MEMORY = 64 << 20
"""What parts may take up: the one that is hashed, and those on their way."""
_PATIENCE = 0.1


@dataclass(slots=True)
class _Flight:
    """A part on its way."""

    number: int
    body: Body
    job: Job[Answer]
    memory: bytearray
    """Where the part lies; empty for one that does not lie in memory."""


class Upload:
    """The upload of one parcel under `key`."""

    def __init__(self, bucket: Bucket, key: str, parcel: Parcel, journal: Journal, part: int = PART) -> None:
        self.sent = 0
        """Bytes that have arrived by this upload."""
        self._bucket = bucket
        self._key = key
        self._parcel = parcel
        self._journal = journal
        self._note = f"s3 {key}"
        self._what = f"sending {parcel.name}"
        self._part = max(part, -(-parcel.bytes // _MOST_PARTS))
        fit = _MEMORY // self._part
        self._holds = fit > 1
        self._abreast = min(_ABREAST, fit - 1) if self._holds else _ABREAST
        if bucket.wire.network.bytes_per_second:
            self._abreast = 1  # so that little is lost when the push is stopped
        self._free: list[bytearray] = []
        self._flights: list[_Flight] = []
        self._lost: Offline | None = None
        self._etags: dict[int, str] = {}
        self._meta = {"content-type": "application/octet-stream", "x-amz-meta-sha256": parcel.sha256}

    @property
    def moved(self) -> int:
        """Bytes on their way or arrived, for people."""
        return self.sent + sum(flight.body.sent for flight in self._flights)

    def run(self) -> Job[None]:
        """Send it. Raises `Conflict` where the file is no longer what was hashed; nothing is stored then."""
        try:
            if self._parcel.bytes <= self._part:
                yield from self._at_once()
            else:
                yield from self._in_parts()
        finally:
            self._stop()

    def abandon(self) -> Job[None]:
        """Let the server forget the parts of an upload that was broken off."""
        upload = self._journal.get(self._note)
        if upload is None:
            return
        query = {"uploadId": upload}
        yield from self._bucket.ask(
            "DELETE", self._key, what=f"cleaning up {self._parcel.name}", query=query, accept=(204, 200, 404)
        )
        self._journal.put(self._note, None)

    def _at_once(self) -> Job[None]:
        whole, body = hashlib.sha256(), Body(self._parcel)
        memory = bytearray(self._parcel.bytes if self._holds else 0)
        yield from self._hash(body, memory, whole)
        self._expect(whole.hexdigest())
        job = self._bucket.ask(
            "PUT", self._key, what=self._what, headers=self._meta, content=body, sha256=self._parcel.sha256
        )
        self._flights.append(_Flight(1, body, job, memory))
        yield from self._land(0)

    def _in_parts(self) -> Job[None]:
        upload, known = yield from self._begun()
        whole = hashlib.sha256()
        try:
            for number, start in enumerate(range(0, self._parcel.bytes, self._part), 1):
                body = Body(self._parcel, start, min(self._part, self._parcel.bytes - start))
                memory = self._room()
                there, digest, fingerprint = known.get(number), hashlib.sha256(), hashlib.md5(usedforsecurity=False)
                also = [fingerprint] if there else []
                yield from self._hash(body, memory, whole, *also, *([] if memory else [digest]))
                if there and (there.bytes, there.etag) == (body.length, fingerprint.hexdigest()):
                    self._etags[number] = there.etag
                    self._free.append(memory)
                    continue
                query = {"partNumber": str(number), "uploadId": upload}
                signed = UNSIGNED if memory else digest.hexdigest()
                job = self._bucket.ask("PUT", self._key, what=self._what, query=query, content=body, sha256=signed)
                self._flights.append(_Flight(number, body, job, memory))
                yield from self._land(self._abreast - 1)
            yield from self._land(0)
            self._expect(whole.hexdigest())
            yield from self._complete(upload)
        except Conflict:
            self._stop()
            yield from self.abandon()
            raise
        self._journal.put(self._note, None)

    def _begun(self) -> Job[tuple[str, Mapping[int, Stored]]]:
        """The upload that the journal knows of with the parts that have arrived, else a new one."""
        upload = self._journal.get(self._note)
        if upload is not None:
            known = yield from self._arrived(upload)
            if known is not None:
                return upload, known
        answer = yield from self._bucket.ask(
            "POST", self._key, what=self._what, query={"uploads": ""}, headers=self._meta, content=b""
        )
        upload = self._bucket.xml(answer).of("UploadId")
        if not upload:
            raise Offline(f"{self._bucket.wire.host}: began no upload while {self._what}", "Try again later.")
        self._journal.put(self._note, upload)
        return upload, {}

    def _arrived(self, upload: str) -> Job[Mapping[int, Stored] | None]:
        """The parts that the server has; None where it does not know the upload any more."""
        found: dict[int, Stored] = {}
        marker = "0"
        while True:
            query = {"uploadId": upload, "part-number-marker": marker}
            answer = yield from self._bucket.ask("GET", self._key, what=self._what, query=query, accept=(200, 404))
            if answer.status == 404:
                return None
            root = self._bucket.xml(answer)
            for part in root.all("Part"):
                number, count = part.of("PartNumber"), part.of("Size")
                if number.isdecimal() and count.isdecimal():
                    found[int(number)] = Stored(self._key, int(count), part.of("ETag").strip('"'))
            following = root.of("NextPartNumberMarker")
            if root.of("IsTruncated") != "true" or following == marker:
                return found
            marker = following

    def _room(self) -> bytearray:
        """Memory for a part, that of one that has arrived if there is any; none for parts that are too large."""
        return self._free.pop() if self._free else bytearray(self._part if self._holds else 0)

    def _hash(self, body: Body, memory: bytearray, *hashes: hashlib._Hash) -> Job[None]:
        """Read what a body holds into each of `hashes`, and into memory. What is on its way moves on meanwhile."""
        for piece in body.hold(memory) if memory else body.local():
            for each in hashes:
                each.update(piece)
            yield from self._move_on(self._flights[:1], 0)
            yield Tick(self._what)

    def _land(self, most: int) -> Job[None]:
        """Wait until at most so many parts are on their way. Those beside one that is lost are let arrive first."""
        while len(self._flights) > (0 if self._lost else most):
            yield from self._move_on(tuple(self._flights), 0)
            yield from self._move_on(self._flights[:1], _PATIENCE)
        if self._lost:
            raise self._lost

    def _move_on(self, flights: Iterable[_Flight], patience: float) -> Job[None]:
        """Let parts move on, waiting for any of all so long at most, and take note of those that have arrived."""
        wire = self._bucket.wire
        usual, wire.patience = wire.patience, patience
        try:
            for flight in flights:
                try:
                    tick = next(flight.job)
                except StopIteration as stop:
                    self._flights.remove(flight)
                    self._free.append(flight.memory)
                    self.sent += flight.body.length
                    self._etags[flight.number] = str(stop.value.headers.get("etag", ""))
                except Offline as error:
                    self._flights.remove(flight)
                    self._lost = error
                except Conflict:
                    raise self._changed("changed while it was sent") from None
                else:
                    if patience:
                        yield tick
        finally:
            wire.patience = usual

    def _complete(self, upload: str) -> Job[None]:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in sorted(self._etags.items())
        )
        content = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = yield from self._bucket.ask(
            "POST", self._key, what=self._what, query={"uploadId": upload}, content=content, accept=(200, 404)
        )
        if answer.status == 200 and self._bucket.xml(answer).name != "Error":
            return
        # the answer to an earlier try may have been lost; and an error may come after the status of success
        stored = yield from self._bucket.stat(self._key, self._what)
        if stored is None or (stored.bytes, stored.sha256) != (self._parcel.bytes, self._parcel.sha256):
            raise Offline(
                f"{self._bucket.wire.host}: could not put the parts together while {self._what}", "Try again."
            )

    def _expect(self, digest: str) -> None:
        if digest != self._parcel.sha256:
            raise self._changed("changed since it was hashed")

    def _changed(self, how: str) -> DiptychError:
        place = display.path(self._parcel.path) if self._parcel.path else self._parcel.name
        return Conflict(f"{place}: {how}", "Scan and hash the version again.")

    def _stop(self) -> None:
        for flight in self._flights:
            flight.job.close()
        self._flights.clear()
