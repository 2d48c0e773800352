"""Logins of OCI registries: Basic, or a token that a server named by the registry gives for the login."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from diptych.display import visible
from diptych.domain.address import is_loopback
from diptych.domain.secret import Secret
from diptych.errors import NeedsSecret, Refused
from diptych.job import Job
from diptych.remotes.answers import Answer
from diptych.remotes.wire import Wire

_PART = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_CLIENT = "diptych"


class Login:
    """What an OCI registry asks for, learnt from its 401."""

    def __init__(self, secret: Secret | None, repository: str, giver: str = "") -> None:
        """`giver` is the host that may give tokens for the login, where it is not of the registry's own domain."""
        self.scopes = [f"repository:{repository}:pull,push"]
        """What tokens are asked for."""
        self._secret = secret
        self._giver = giver
        self._header = ""
        self._asking = False

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The login, once the registry has said of which kind it is to be."""
        return {} if self._asking or not self._header else {"Authorization": self._header}

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        """Do what the challenge asks for. Raises `NeedsSecret` where there is nothing to prove who we are."""
        if self._asking:
            return False
        before = self._header
        for kind, parts in challenges(answer.headers.get_list("www-authenticate")):
            if kind == "basic" and self._secret is not None and self._secret.user:
                self._header = self._basic(self._secret)
                return self._header != before
            if kind == "bearer" and parts.get("realm"):
                self._asking = True
                try:
                    self._header = yield from self._token(wire, parts)
                finally:
                    self._asking = False
                return self._header != before
            if self._secret is not None and not self._secret.user and not before:
                self._header = f"Bearer {self._secret.reveal()}"
                return True
        if self._secret is None:
            raise NeedsSecret(f"{wire.host}: wants a login", "Sign in with a user name and a password or token.")
        return False

    def _basic(self, secret: Secret) -> str:
        return "Basic " + base64.b64encode(f"{secret.user}:{secret.reveal()}".encode()).decode()

    def _token(self, wire: Wire, parts: Mapping[str, str]) -> Job[str]:
        realm = self._trusted(wire, parts["realm"])
        scopes = list(dict.fromkeys([*self.scopes, *parts.get("scope", "").split()]))
        fields = [("service", parts.get("service", "")), *(("scope", scope) for scope in scopes)]
        headers = {"Accept": "application/json"}
        what = "asking for a token"
        if self._secret is not None and not self._secret.user:
            # an identity token, as docker keeps it: exchanged as OAuth has it
            form = {"grant_type": "refresh_token", "refresh_token": self._secret.reveal(), "client_id": _CLIENT}
            form |= {"service": parts.get("service", ""), "scope": " ".join(scopes)}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = yield from wire.ask("POST", realm, what=what, headers=headers, content=urlencode(form).encode())
        else:
            if self._secret is not None:
                headers["Authorization"] = self._basic(self._secret)
                fields.append(("account", self._secret.user))
            mark = "&" if urlsplit(realm).query else "?"
            url = realm + mark + urlencode(fields, quote_via=quote)
            answer = yield from wire.ask("GET", url, what=what, headers=headers)
        given = answer.json()
        token = (given.get("token") or given.get("access_token")) if isinstance(given, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Refused(f"{wire.host}: its token server gives no token", "Check the address of the registry.")
        return f"Bearer {token}"

    def _trusted(self, wire: Wire, realm: str) -> str:
        """`realm`, when the login may go there: over TLS, and to the registry's own domain or to the host allowed."""
        here = urlsplit(wire.origin).hostname or ""
        there, scheme = "", ""
        try:
            split = urlsplit(realm)
            there, scheme = split.hostname or "", split.scheme
            if split.username is not None or split.password is not None:
                there = ""
        except ValueError:
            pass
        shown = visible(there) or "something that is not an address"
        if scheme != "https" and not (scheme == "http" and is_loopback(there) and is_loopback(here)):
            raise Refused(f"{wire.host}: wants the login sent to {shown} without TLS", "Nothing was sent.")
        if self._secret is not None and there not in (here, self._giver) and not related(here, there):
            raise Refused(
                f"{wire.host}: wants the login sent to another domain, {shown}",
                "Nothing was sent. If that is right, name the host as token server in the settings of the remote.",
            )
        return realm


def challenges(lines: list[str]) -> list[tuple[str, dict[str, str]]]:
    """The kinds of login that `WWW-Authenticate` names, in lower case, each with its parts."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in lines:
        for piece in re.split(r",\s*(?=[A-Za-z]+\s+[A-Za-z_]+\s*=)", line[:8192]):
            kind, _, rest = piece.strip().partition(" ")
            parts = {name.lower(): quoted or bare for name, quoted, bare in _PART.findall(rest)}
            found.append((kind.lower(), parts))
    return found


def related(one: str, other: str) -> bool:
    """Whether two hosts are of one registered domain, such as `registry-1.docker.io` and `auth.docker.io`.

    Told by their last two labels, or three where the second is as short as in `co.uk`. Addresses are never related.
    """
    mine, yours = one.rstrip(".").split("."), other.rstrip(".").split(".")
    if mine[-1].isdigit() or ":" in one or len(mine) < 2 or len(yours) < 2:
        return False
    count = 3 if len(mine[-2]) <= 3 else 2
    return len(mine) >= count and mine[-count:] == yours[-count:]
