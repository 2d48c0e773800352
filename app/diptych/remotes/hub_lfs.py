"""One file on its way into the Hub's large storage: at once, or in parts that outlive the program.

Which of the two, the server decides. In parts, every part has a signed address of its own; parts go one after the
other, so a lost connection costs at most one of them. Nothing is seen of a file there before a commit names it. The
digest of what goes out is known before its last bytes do, so a file that changed meanwhile never becomes complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diptych.display import elide, visible
from diptych.domain.shipping import Journal, Parcel
from diptych.errors import Conflict, Damaged, Refused
from diptych.job import Job, Tick, retold
from diptych.remotes import answers
from diptych.remotes.answers import PASSING, Answer
from diptych.remotes.body import Body
from diptych.remotes.hub_api import Api, batches, changed, mapping
from diptych.remotes.wire import Lost

_LFS = "application/vnd.git-lfs+json"
_BATCH = 100
_MOST_PARTS = 10_000
_SENDING = "sending a file"
_EXPIRED = (400, 401, 403, 404)
"""What storage says to an address that was signed too long ago, or of an upload that it has forgotten."""


def wanted(api: Api, parcels: Sequence[Parcel], branch: str) -> Job[dict[str, Mapping[str, Any]]]:
    """What the server wants done for each content it does not hold yet, by digest."""
    found: dict[str, Mapping[str, Any]] = {}
    for some in batches(list({parcel.sha256: parcel for parcel in parcels}.values()), _BATCH):
        body = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": parcel.sha256, "size": parcel.bytes} for parcel in some],
            "hash_algo": "sha256",
            "ref": {"name": branch},
        }
        answer = yield from api.ask(
            "POST",
            f"/{api.repo}.git/info/lfs/objects/batch",
            "asking what is there already",
            body=body,
            headers={"Accept": _LFS, "Content-Type": _LFS},
        )
        told = _objects(answer, api.host)
        for parcel in some:
            entry = told.get(parcel.sha256)
            if entry is None:
                raise Damaged(f"{api.host}: says nothing of {visible(parcel.name)}", "Try again.")
            if isinstance(error := entry.get("error"), dict):
                said = elide(visible(str(error.get("message", ""))), 120)
                raise Refused(f"{api.host}: does not take {visible(parcel.name)}: {said}")
            actions = entry.get("actions")
            if isinstance(actions, dict) and isinstance(actions.get("upload"), dict):
                found[parcel.sha256] = actions
    return found


def _objects(answer: Answer, host: str) -> dict[str, Mapping[str, Any]]:
    objects = mapping(answer, host).get("objects")
    if not isinstance(objects, list) or not all(isinstance(entry, dict) for entry in objects):
        raise Damaged(f"{host}: answers a question for files with something else", "Check the address.")
    return {str(entry.get("oid")): entry for entry in objects}


class Upload:
    """Sends one content."""

    def __init__(
        self, api: Api, parcel: Parcel, branch: str, journal: Journal, actions: Mapping[str, Any] | None = None
    ) -> None:
        self.sent = 0
        """Bytes that went out, with those that had to go again."""
        self.place = 0
        """Bytes that have arrived for good."""
        self._api = api
        self._parcel = parcel
        self._branch = branch
        self._journal = journal
        self._key = f"hub {api.host}/{api.repo} {parcel.sha256}"
        self._known = hashlib.sha256()
        self._etags: list[str] = []
        self._offered = actions
        """What the server has said it wants done, not begun yet."""
        self._actions: Mapping[str, Any] | None = None
        self._fruitless = 0
        self._furthest = 0

    def run(self) -> Job[None]:
        """Bring it there. Raises `Conflict` where the file is no longer what was hashed; nothing is kept then."""
        yield from self._take_up()
        while True:
            try:
                if (yield from self._step()):
                    break
            except Lost as loss:
                yield from self._pause(None, loss)
            except Conflict:
                self.forget()
                raise
        self.forget()

    def forget(self) -> None:
        """Begin anew at the next step, and let nothing of it stay in the journal."""
        number = 1
        while self._journal.get(f"{self._key} {number}") is not None:
            self._journal.put(f"{self._key} {number}", None)
            number += 1
        self._journal.put(self._key, None)
        self._actions = None
        self._etags, self._known, self.place = [], hashlib.sha256(), 0

    def _step(self) -> Job[bool]:
        """The next thing to do; True when the server has it."""
        if self._actions is None:
            if self._offered is None:
                there = yield from wanted(self._api, [self._parcel], self._branch)
                self._offered = there.get(self._parcel.sha256)
            if self._offered is None:
                return True
            self._actions, self._offered = self._offered, None
            self._etags, self._known, self.place = [], hashlib.sha256(), 0
            if self._parts():
                self._journal.put(self._key, json.dumps(self._actions))
        parts = self._parts()
        if self.place < self._parcel.bytes:
            yield from self._send(parts)
            return False
        if parts and not (yield from self._complete()):
            return False
        return (yield from self._confirm())

    def _parts(self) -> Sequence[str]:
        """The addresses of the parts; empty where it goes at once."""
        header = self._upload().get("header")
        if not isinstance(header, dict) or "chunk_size" not in header:
            return ()
        numbers = [str(number) for number in range(1, min(len(header), _MOST_PARTS) + 1)]
        parts = [header[number] for number in numbers if isinstance(header.get(number), str)]
        size = self._size()
        if size < 1 or len(parts) != -(-self._parcel.bytes // size):
            raise Damaged(f"{self._api.host}: names the wrong parts for {visible(self._parcel.name)}", "Try again.")
        return parts

    def _size(self) -> int:
        """Bytes of one part; all of the file where it goes at once."""
        header = self._upload().get("header")
        size = str(header.get("chunk_size", "")) if isinstance(header, dict) else ""
        return int(size) if size.isascii() and size.isdigit() and len(size) < 16 else self._parcel.bytes

    def _upload(self) -> Mapping[str, Any]:
        assert self._actions is not None
        upload: Mapping[str, Any] = self._actions["upload"]
        if not isinstance(upload.get("href"), str):
            raise Damaged(f"{self._api.host}: names no place for {visible(self._parcel.name)}", "Try again.")
        return upload

    def _send(self, parts: Sequence[str]) -> Job[None]:
        """Send the next part, or all of it."""
        start, length = self.place, min(self._size(), self._parcel.bytes - self.place)
        digest = self._known
        seen = start

        def begin() -> Callable[[bytes], None]:
            nonlocal digest, seen
            digest, seen = self._known.copy(), start
            return watch

        def watch(piece: bytes) -> None:
            nonlocal seen
            digest.update(piece)
            seen += len(piece)
            if seen == self._parcel.bytes and digest.hexdigest() != self._parcel.sha256:
                raise changed(self._parcel.name)

        body = Body(self._parcel, start, length, watch=begin)
        url = parts[len(self._etags)] if parts else str(self._upload()["href"])
        job = self._api.wire.ask(
            "PUT",
            self._api.wire.admitted(url),
            what=_SENDING,
            headers={} if parts else self._extra(),
            content=body,
            accept=(200, 201, 204, *_EXPIRED, *PASSING),
            retry=False,
        )
        try:
            answer = yield from retold(job, lambda tick: tick._replace(done=start + tick.done))
        finally:
            self.sent += body.sent
        if answer.status in (200, 201, 204):
            etag = answer.headers.get("etag", "")
            if parts and not etag:
                raise Damaged(f"{self._api.host}: gives no receipt for a part of {visible(self._parcel.name)}")
            self._known = digest
            self._etags.append(etag)
            self._move(start + length)
            if parts:
                self._journal.put(f"{self._key} {len(self._etags)}", json.dumps([etag, digest.hexdigest()]))
            return
        yield from self._again(answer)

    def _extra(self) -> dict[str, str]:
        """Headers that the server wants with a file that goes at once."""
        header = self._upload().get("header")
        given = header.items() if isinstance(header, dict) else ()
        return {name: value for name, value in given if isinstance(name, str) and isinstance(value, str)}

    def _complete(self) -> Job[bool]:
        """Let the parts become one; False where it is to be tried again."""
        parts = [{"partNumber": number, "etag": etag} for number, etag in enumerate(self._etags, 1)]
        answer = yield from self._api.wire.ask(
            "POST",
            self._api.wire.admitted(str(self._upload()["href"])),
            what="completing a file",
            headers={"Accept": _LFS, "Content-Type": _LFS},
            content=json.dumps({"oid": self._parcel.sha256, "parts": parts}).encode(),
            accept=(200, 201, 204, *_EXPIRED, *PASSING),
            retry=False,
        )
        if answer.status in (200, 201, 204):
            return True
        yield from self._again(answer)
        return False

    def _confirm(self) -> Job[bool]:
        """Let the server look whether it has all of it, where it offers to."""
        assert self._actions is not None
        verify = self._actions.get("verify")
        if not isinstance(verify, dict) or not isinstance(verify.get("href"), str):
            return True
        url = self._api.wire.admitted(verify["href"])
        body = {"oid": self._parcel.sha256, "size": self._parcel.bytes}
        yield from self._api.ask("POST", url, f"checking {visible(self._parcel.name)}", body=body)
        return True

    def _take_up(self) -> Job[None]:
        """Go on with what an earlier life has sent, as far as the file is still the one that was sent then."""
        noted = self._journal.get(self._key)
        if noted is None:
            return
        self._actions, self._offered = json.loads(noted), None
        size, known = self._size(), hashlib.sha256()
        for number in range(1, len(self._parts()) + 1):
            told = self._journal.get(f"{self._key} {number}")
            if told is None:
                return
            etag, sha256 = json.loads(told)
            length = min(size, self._parcel.bytes - self.place)
            for piece in Body(self._parcel, self.place, length).local():
                known.update(piece)
                yield Tick("reading what was sent before", self.place, self._parcel.bytes, "bytes")
            if known.hexdigest() != sha256:
                return
            self._known = known.copy()
            self._etags.append(etag)
            self._move(self.place + length)

    def _again(self, answer: Answer) -> Job[None]:
        """Wait as long as the server deserves; what has expired begins anew."""
        if answer.status in _EXPIRED:
            if not self._etags and self._fruitless:
                raise answers.error(answer, self._api.host, _SENDING)
            self.forget()
        yield from self._pause(answer, None)

    def _pause(self, answer: Answer | None, loss: Lost | None) -> Job[None]:
        self._fruitless += 1
        network = self._api.wire.network
        if self._fruitless >= network.attempts:
            if answer is not None:
                raise answers.error(answer, self._api.host, _SENDING)
            raise loss or Lost(f"{self._api.host}: does not go on while {_SENDING}")
        seconds = answers.pause(answer, self._fruitless, network.longest_wait)
        yield from self._api.wire.wait(seconds, f"{self._api.host}: trying again")

    def _move(self, place: int) -> None:
        self.place = place
        if place > self._furthest:
            self._furthest, self._fruitless = place, 0
