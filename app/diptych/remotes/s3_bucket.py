"""One bucket of S3: requests by key, and what its answers mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import quote, unquote

from diptych.display import elide, visible
from diptych.domain.address import quoted
from diptych.errors import Conflict, Damaged, DiptychError, NeedsSecret, NoSpace, NotFound, Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.answers import Answer
from diptych.remotes.body import Body
from diptych.remotes.s3_login import NOTHING
from diptych.remotes.s3_xml import Element, parse
from diptych.remotes.wire import Lost, Wire

_EXPLAINED = frozenset(range(200, 500)) - answers.PASSING - {401}
"""Statuses that come with a reason in XML; the others mean what they mean everywhere."""
_SIGN_IN = "Sign in again."
_REASONS: Mapping[str, tuple[type[DiptychError], str, str]] = {
    "InvalidAccessKeyId": (NeedsSecret, "does not know the access key", _SIGN_IN),
    "SignatureDoesNotMatch": (NeedsSecret, "the secret key is not that of the access key", _SIGN_IN),
    "ExpiredToken": (NeedsSecret, "the login has expired", _SIGN_IN),
    "InvalidToken": (NeedsSecret, "the login is not valid", _SIGN_IN),
    "RequestTimeTooSkewed": (Refused, "its clock and ours differ too much", "Check this computer's clock."),
    "AccessDenied": (Refused, "this login may not do it", "Ask for the right to do it."),
    "NoSuchBucket": (NotFound, "has no such bucket", "Check the address, or make the bucket there."),
    "QuotaExceeded": (NoSpace, "the quota is used up", "Make room there, or ask for more."),
    "EntityTooLarge": (Refused, "too large for it", "Ask for a higher limit there."),
    "XAmzContentSHA256Mismatch": (Conflict, "other bytes came than were announced", "Scan and hash the version again."),
    "BadDigest": (Conflict, "other bytes came than were announced", "Scan and hash the version again."),
    "PermanentRedirect": (Refused, "the bucket is in another region", "Set the region of the remote."),
    "AuthorizationHeaderMalformed": (Refused, "the bucket is in another region", "Set the region of the remote."),
}


class Taker(Protocol):
    """What takes in the bytes of an object, and knows how many have come."""

    @property
    def received(self) -> int:
        """Bytes so far."""

    def __call__(self, piece: bytes) -> None:
        """Take the next piece."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the server describes it."""

    key: str
    bytes: int
    etag: str
    """The server's own fingerprint, which is no digest; it changes when the object is written anew with other bytes."""
    sha256: str = ""
    """What whoever wrote it says that it is."""
    modified: float | None = None
    """Seconds since 1970."""


class Bucket:
    """Speaks to one bucket; `path` is where it is at the wire's origin."""

    def __init__(self, wire: Wire, path: str) -> None:
        self.wire = wire
        self._path = path

    def ask(
        self,
        method: str,
        key: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | Body | None = None,
        sha256: str = "",
        accept: Collection[int] = (200,),
        sink: Callable[[bytes], None] | None = None,
    ) -> Job[Answer]:
        """Send one request; `sha256` is the digest of a `Body`. Raises what the code of an error stands for."""
        digest = sha256 or (hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else NOTHING)
        words = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in (query or {}).items())
        answer = yield from self.wire.ask(
            method,
            f"{self._path}/{quoted(key)}{'?' if words else ''}{words}",
            what=what,
            headers={**(headers or {}), "x-amz-content-sha256": digest},
            content=content,
            # what a sink takes is what was asked for and no reason
            accept=accept if sink is not None else _EXPLAINED,
            sink=sink,
        )
        if answer.status in accept:
            return answer
        raise self._failure(answer, what)

    def xml(self, answer: Answer) -> Element:
        """The document that an answer is."""
        return parse(answer.content, self.wire.host)

    def stat(self, key: str, what: str) -> Job[Stored | None]:
        """What is known of an object; None where there is none."""
        answer = yield from self.ask("HEAD", key, what=what, accept=(200, 404))
        if answer.status == 404:
            return None
        length = answer.headers.get("content-length", "")
        count = int(length) if length.isdecimal() else -1
        sha256 = answer.headers.get("x-amz-meta-sha256", "")
        return Stored(key, count, answer.headers.get("etag", "").strip('"'), sha256)

    def get(self, key: str, what: str) -> Job[bytes | None]:
        """A small object; None where there is none."""
        answer = yield from self.ask("GET", key, what=what, accept=(200, 404))
        if answer.status == 404 and self._code(answer) == "NoSuchBucket":
            raise self._failure(answer, what)
        return answer.content if answer.status == 200 else None

    def put(self, key: str, content: bytes, what: str, condition: Mapping[str, str]) -> Job[bool]:
        """Store a small object; False where `condition` does not hold."""
        headers = {"content-type": "application/json", **condition}
        answer = yield from self.ask(
            "PUT", key, what=what, headers=headers, content=content, accept=(200, 409, 412) if condition else (200,)
        )
        return answer.status == 200

    def fetch(self, key: str, take: Taker, start: int, length: int, what: str) -> Job[None]:
        """Give `length` bytes of an object to `take`, going on from where a connection broke.

        An answer that is shorter than what was asked for ends it: whoever takes the bytes sees that some are missing.
        """
        fruitless = 0
        while take.received < length:
            before = take.received
            headers = {"range": f"bytes={start + before}-{start + length - 1}"}
            try:
                answer = yield from self.ask("GET", key, what=what, headers=headers, accept=(206,), sink=take)
            except Lost:
                fruitless = 1 if take.received > before else fruitless + 1
                if fruitless >= self.wire.network.attempts:
                    raise
                longest = self.wire.network.longest_wait
                yield from self.wire.wait(answers.pause(None, fruitless, longest), f"Trying {what} again")
                continue
            if not answer.headers.get("content-range", "").startswith(f"bytes {start + before}-"):
                raise Damaged(f"{self.wire.host}: sends another part than it was asked for while {what}", "Try again.")
            return

    def list(self, prefix: str, what: str) -> Job[tuple[Stored, ...]]:
        """All objects whose keys begin with `prefix`."""
        found: list[Stored] = []
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        token: str | None = ""
        while token is not None:
            pages = {**query, "continuation-token": token} if token else query
            root = self.xml((yield from self.ask("GET", "", what=what, query=pages)))
            found.extend(_listed(root.all("Contents")))
            token = root.of("NextContinuationToken") if root.of("IsTruncated") == "true" else None
        return tuple(found)

    def _code(self, answer: Answer) -> str:
        return self._said(answer).of("Code")

    def _said(self, answer: Answer) -> Element:
        try:
            return self.xml(answer)
        except Refused:
            return Element("")

    def _failure(self, answer: Answer, what: str) -> DiptychError:
        host = self.wire.host
        said = self._said(answer)
        code = said.of("Code")
        if not code and answer.status == 403:
            code = "AccessDenied"  # the answer to HEAD has no body
        kind, reason, hint = _REASONS.get(code, (None, "", ""))
        if code == "AccessDenied" and self.wire.login is None:
            kind, reason, hint = NeedsSecret, "wants a login", "Sign in."
        if kind is None:
            failure = answers.error(answer, host, what)
            told = elide(visible(said.of("Message") or code), 120)
            return type(failure)(f"{failure.message}: {told}", failure.hint) if told else failure
        region = elide(visible(said.of("Region")), 40)
        return kind(f"{host}: {reason} while {what}", f"{hint[:-1]} to {region}." if region else hint)


def _listed(elements: Iterable[Element]) -> Iterable[Stored]:
    for element in elements:
        count = element.of("Size")
        try:
            modified = datetime.fromisoformat(element.of("LastModified")).timestamp()
        except ValueError:
            modified = None
        yield Stored(
            unquote(element.of("Key")),
            int(count) if count.isdecimal() else -1,
            element.of("ETag").strip('"'),
            modified=modified,
        )
