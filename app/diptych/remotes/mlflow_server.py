"""MLflow's REST interface: logins, requests, and how requests that make something are repeated without making two."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

from diptych.domain.secret import Secret
from diptych.errors import DiptychError, NeedsSecret, Refused
from diptych.job import Job
from diptych.remotes import answers
from diptych.remotes.answers import PASSING, Answer
from diptych.remotes.wire import Lost, Wire

T = TypeVar("T")
_API = "/api/2.0/"
_GONE = frozenset({"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND"})


class Login:
    """User name and password where there is a name, else a bearer token."""

    def __init__(self, secret: Secret | None) -> None:
        self._secret = secret

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The login; none where there is nothing to prove who we are."""
        if self._secret is None:
            return {}
        if not self._secret.user:
            return {"Authorization": f"Bearer {self._secret.reveal()}"}
        pair = f"{self._secret.user}:{self._secret.reveal()}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        """There is never another one. Raises `NeedsSecret` where there is none at all."""
        if self._secret is None:
            raise NeedsSecret(f"{wire.host}: wants a login", "Sign in with a user name and a password, or a token.")
        yield from ()
        return False


class Server:
    """One MLflow server, which may lie below a path of its host."""

    def __init__(self, wire: Wire, prefix: str) -> None:
        """`prefix` is that path: empty, or with a slash before it and none after it."""
        self.wire = wire
        self.prefix = prefix
        self._about: dict[str, object] | None = None

    def url(self, path: str) -> str:
        """Where `path` of the interface is, at this host."""
        return quote(self.prefix, safe="/") + _API + path

    def about(self) -> Job[dict[str, object] | None]:
        """What the server can do, as told since MLflow 3; None where it does not tell."""
        if self._about is None:
            url = quote(self.prefix, safe="/") + "/api/3.0/mlflow/server-info"
            answer = yield from self.wire.ask("GET", url, what="asking what the server can do", accept=(200, 404))
            self._about = self.read(answer) if answer.status == 200 else {}
        return self._about or None

    def get(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Job[dict[str, object]]:
        """What the server tells of something. Raises `NotFound` where there is nothing."""
        answer = yield from self.wire.ask("GET", self.url(path) + _query(query), what=what)
        return self.read(answer)

    def find(self, path: str, what: str, query: Mapping[str, str], missing: str = "") -> Job[dict[str, object] | None]:
        """The same; None where there is no such thing, which some servers tell with the error code `missing`."""
        url = self.url(path) + _query(query)
        answer = yield from self.wire.ask("GET", url, what=what, accept=(200, 400, 404))
        if answer.status == 200:
            return self.read(answer)
        if _code(answer) in _GONE | {missing}:
            return None
        raise answers.error(answer, self.wire.host, what)

    def send(self, method: str, path: str, what: str, content: Mapping[str, object]) -> Job[dict[str, object]]:
        """Change something in a way that may be repeated."""
        answer = yield from self.ask(method, path, what, content, (200,), retry=True)
        return self.read(answer)

    def create(
        self, path: str, what: str, content: Mapping[str, object], known: Callable[[], Job[T | None]]
    ) -> Job[dict[str, object] | T]:
        """Make something once: what the server says of it, or what `known` finds of an earlier try."""
        done = yield from self.once(lambda: self.ask("POST", path, what, content, (200, 400, *PASSING)), what, known)
        if not isinstance(done, Answer):
            return done
        if done.status == 200:
            return self.read(done)
        found = (yield from known()) if _code(done) == "RESOURCE_ALREADY_EXISTS" else None
        if found is None:
            raise answers.error(done, self.wire.host, what)
        return found

    def once(
        self, attempt: Callable[[], Job[Answer]], what: str, known: Callable[[], Job[T | None]]
    ) -> Job[Answer | T]:
        """Try until there is an answer that is no passing one; every `attempt` is a request that is not repeated.

        `known` is asked before another try: what it finds is what an earlier one did without our learning of it.
        """
        network = self.wire.network
        fruitless = 0
        while True:
            answer: Answer | None = None
            try:
                answer = yield from attempt()
                failure: DiptychError = answers.error(answer, self.wire.host, what)
            except Lost as lost:
                failure = lost
            if answer is not None and answer.status not in PASSING:
                return answer
            fruitless += 1
            if fruitless >= network.attempts:
                raise failure
            seconds = answers.pause(answer, fruitless, network.longest_wait)
            yield from self.wire.wait(seconds, f"Trying {what} again")
            found = yield from known()
            if found is not None:
                return found

    def read(self, answer: Answer) -> dict[str, object]:
        """What an answer says. Raises `Refused` where it is no object of JSON."""
        found = answer.json()
        if not isinstance(found, dict):
            raise Refused(f"{self.wire.host}: does not answer as MLflow does", "Check the address.")
        return found

    def ask(
        self,
        method: str,
        path: str,
        what: str,
        content: Mapping[str, object],
        accept: tuple[int, ...] = (200, *PASSING),
        retry: bool = False,
    ) -> Job[Answer]:
        """One request with JSON in it, as `Wire.ask`."""
        return self.wire.ask(
            method,
            self.url(path),
            what=what,
            headers={"Content-Type": "application/json"},
            content=json.dumps(content).encode(),
            accept=accept,
            retry=retry,
        )


def text(found: object, *path: str) -> str:
    """The text, or the number as text, at a place of nested objects; empty where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else ""


def rows(found: object, *path: str) -> list[object]:
    """The list at a place of nested objects; empty where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, list) else []


def tags(found: object, *path: str) -> dict[str, str]:
    """Tags, or what else is kept as a list of keys with values."""
    return {text(row, "key"): text(row, "value") for row in rows(found, *path)}


def _query(query: Mapping[str, str] | None) -> str:
    return f"?{urlencode(query, quote_via=quote)}" if query else ""


def _code(answer: Answer) -> str:
    try:
        return text(answer.json(), "error_code")
    except Refused:
        return ""
