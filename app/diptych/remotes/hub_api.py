"""What the Hub is asked, and what it answers: repositories, revisions, trees, references."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from diptych.display import elide, visible
from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.domain.shipping import Delivered, Ref
from diptych.errors import Conflict, Damaged, DiptychError, NeedsSecret, NotFound, Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.answers import Answer
from diptych.remotes.body import Body
from diptych.remotes.network import Network
from diptych.remotes.wire import Wire

T = TypeVar("T")
PUBLIC = "https://huggingface.co"
_SPECIAL = (401, 403, 404)
_MOST_PAGES = 1000
_COMMIT = re.compile("[0-9a-f]{40}")
_DIGEST = re.compile("[0-9a-f]{64}")
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_UNKNOWN = frozenset({"RepoNotFound", "RevisionNotFound", "EntryNotFound"})


@dataclass(frozen=True, slots=True)
class Held:
    """One file of a tree."""

    name: str
    bytes: int
    sha256: str
    """Of a file in the large storage; empty for one that git itself keeps."""
    blob: str
    """The git blob SHA-1 of a file that git itself keeps; empty for others."""

    @property
    def delivered(self) -> Delivered:
        """As every remote lists it."""
        return Delivered(self.name, self.bytes, self.sha256)


class Token:
    """An access token in a header."""

    def __init__(self, secret: Secret | None) -> None:
        self._secret = secret

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The header to add; none without a token."""
        return {"Authorization": f"Bearer {self._secret.reveal()}"} if self._secret is not None else {}

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        """There is only the one token."""
        yield from ()
        return False


class Api:
    """One model repository at one endpoint."""

    def __init__(self, address: Address, secret: Secret | None, network: Network) -> None:
        self.address = address
        self.repo = address.path
        self.signed_in = secret is not None
        self.wire = Wire(address.origin or PUBLIC, network, Token(secret))
        self.host = self.wire.host
        self._models = f"/api/models/{quote(self.repo)}"

    def ask(
        self,
        method: str,
        url: str,
        what: str,
        *,
        body: object = None,
        content: bytes | Body = b"",
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
        retry: bool = True,
    ) -> Job[Answer]:
        """Ask the endpoint; `body` goes as JSON. What it refuses is told in its own terms."""
        given = dict(headers or {})
        if body is not None:
            given.setdefault("Content-Type", "application/json")
            content = json.dumps(body).encode()
        answer = yield from self.wire.ask(
            method,
            url,
            what=what,
            headers=given,
            content=content if method == "POST" else None,
            accept=(*accept, *_SPECIAL),
            retry=retry,
        )
        if answer.status not in accept:
            raise self._refusal(answer, what)
        return answer

    def models(self, path: str = "") -> str:
        """An address below that of the repository in the API."""
        return f"{self._models}{path}"

    def file(self, commit: str, name: str) -> str:
        """Where the bytes of a file are."""
        return f"/{quote(self.repo)}/resolve/{part(commit)}/{quote(name)}"

    def whoami(self) -> Job[dict[str, Any]]:
        """The account behind the token. Raises `NeedsSecret` without one."""
        if not self.signed_in:
            raise NeedsSecret(f"{self.host}: wants an access token", "Sign in with one that may write.")
        answer = yield from self.ask("GET", "/api/whoami-v2", "asking who we are")
        return mapping(answer, self.host)

    def head(self, revision: str) -> Job[str]:
        """The commit that a branch, tag, pull request or part of the history stands for."""
        what = f"looking for {visible(revision)}"
        answer = yield from self.ask("GET", self.models(f"/revision/{part(revision)}"), what)
        return commit(mapping(answer, self.host).get("sha"), self.host)

    def tree(self, revision: str) -> Job[dict[str, Held]]:
        """Every file of a revision by its name."""
        found: dict[str, Held] = {}
        url = self.models(f"/tree/{part(revision)}?recursive=true&expand=false")
        for _ in range(_MOST_PAGES):
            answer = yield from self.ask("GET", url, "listing files")
            for held in entries(answer.json(), self.host):
                if held.name in found:
                    raise Damaged(f"{self.host}: lists {visible(held.name)} twice")
                found[held.name] = held
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return found
            url = self.wire.admitted(urljoin(answer.url, following[1]))
        raise Refused(f"{self.host}: has no end of files")

    def refs(self, pull_requests: bool = True) -> Job[tuple[Ref, ...]]:
        """Branches, tags and pull requests."""
        query = "?include_prs=1" if pull_requests else ""
        answer = yield from self.ask("GET", self.models(f"/refs{query}"), "listing references")
        told = mapping(answer, self.host)
        kinds = (("tags", "tag", ""), ("branches", "branch", ""), ("pullRequests", "pull request", "refs/pr/"))
        found = []
        for key, kind, begin in kinds:
            for entry in told.get(key) or ():
                name = entry.get("ref" if begin else "name") if isinstance(entry, dict) else None
                if not isinstance(name, str) or not name.startswith(begin):
                    raise Damaged(f"{self.host}: describes a reference wrongly")
                found.append(Ref(name, kind, commit(entry.get("targetCommit"), self.host)))
        return tuple(found)

    def post(self, path: str, body: object, what: str, accept: Collection[int] = (200, 201)) -> Job[Answer]:
        """Ask for a change below the address of the repository; it does no harm twice."""
        return (yield from self.ask("POST", self.models(path), what, body=body, accept=accept))

    def close(self) -> None:
        """End its connections."""
        self.wire.close()

    def _refusal(self, answer: Answer, what: str) -> DiptychError:
        """What 401, 403 and 404 mean here: the Hub says more in its headers than in the status."""
        code = answer.headers.get("x-error-code", "")
        said = elide(visible(answer.headers.get("x-error-message", "").strip()), 120)
        if code == "GatedRepo":
            return Refused(
                f"{self.host}: {self.repo} is given only to those who agree to its terms",
                "Open its page there, agree, and try again with a token of that account.",
            )
        if code == "DisabledRepo":
            return Refused(f"{self.host}: {self.repo} was disabled by the Hub", "Ask its owner.")
        if code == "RepoNotFound" and not self.signed_in:
            return NeedsSecret(
                f"{self.host}: {self.repo} does not exist, or is private", "Sign in if it is a private one of yours."
            )
        if code == "RepoNotFound":
            return NotFound(
                f"{self.host}: {self.repo} does not exist, or this account may not see it", "Check the address."
            )
        if code in _UNKNOWN:
            return NotFound(
                f"{self.host}: found nothing while {what}{f': {said}' if said else ''}", "List what it has."
            )
        return answers.error(answer, self.host, what)


def part(text: str) -> str:
    """`text` as one part of a path."""
    return quote(text, safe="")


def mapping(answer: Answer, host: str) -> dict[str, Any]:
    """An answer that must be a JSON object. Raises `Damaged` for another."""
    told = answer.json()
    if not isinstance(told, dict):
        raise Damaged(f"{host}: answers with something that is not an object", "Check the address.")
    return told


def commit(value: object, host: str) -> str:
    """A commit as the server names it. Raises `Damaged` for anything else."""
    if not isinstance(value, str) or not _COMMIT.fullmatch(value):
        raise Damaged(f"{host}: names no commit", "Check the address.")
    return value


def entries(told: object, host: str) -> Iterator[Held]:
    """The files of one page of a tree. Raises `Damaged` for what is no tree."""
    if not isinstance(told, list):
        raise Damaged(f"{host}: lists no files", "Check the address.")
    for entry in told:
        if isinstance(entry, dict) and entry.get("type") == "directory":
            continue
        held = _held(entry) if isinstance(entry, dict) else None
        if held is None:
            raise Damaged(f"{host}: describes a file wrongly", "Check the address.")
        yield held


def _held(entry: Mapping[str, Any]) -> Held | None:
    name, size, oid, large = (entry.get(key) for key in ("path", "size", "oid", "lfs"))
    if not isinstance(name, str) or type(size) is not int or size < 0 or not isinstance(oid, str):
        return None
    if large is None:
        return Held(name, size, "", oid) if _COMMIT.fullmatch(oid) else None
    sha256 = large.get("oid") if isinstance(large, dict) else None
    if not isinstance(sha256, str) or not _DIGEST.fullmatch(sha256):
        return None
    return Held(name, size, sha256, "")


def batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """`items`, so many at a time."""
    for at in range(0, len(items), most):
        yield items[at : at + most]


def changed(name: str) -> Conflict:
    """The error for a file that is not any more what was hashed."""
    return Conflict(
        f"{visible(name)}: changed since it was hashed, nothing was committed", "Scan and hash it again, then push."
    )
