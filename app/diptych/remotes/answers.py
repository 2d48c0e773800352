"""What answers of servers mean: which are worth another try, how long to wait, and what to tell the user."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import secrets
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx

from diptych.display import elide, visible
from diptych.errors import Conflict, DiptychError, NeedsSecret, NoSpace, NotFound, Offline, Refused

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be gone at the next try."""
_QUOTA = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has said."""

    status: int
    headers: httpx.Headers = field(repr=False)
    content: bytes = field(repr=False)
    """Empty where a sink took it."""
    url: str = field(repr=False)
    """Where it came from in the end; may be signed, so never shown."""

    def json(self) -> object:
        """Its content as JSON. Raises `Refused` for anything else."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            host = httpx.URL(self.url).host
            raise Refused(f"{host}: answers with something that is not JSON", "Check the address.") from None


def pause(answer: Answer | None, tries: int, longest: float) -> float:
    """Seconds to wait before the next try: as the server says, in seconds or as a date, else doubling from a half.

    It says so in `Retry-After`, or where a quota is used up in `RateLimit: "api";r=0;t=55`.
    """
    headers: Mapping[str, str] = answer.headers if answer is not None else {}
    quota = _QUOTA.search(headers.get("ratelimit", "")[:200])
    asked = headers.get("retry-after", "").strip() or (quota[1] if quota else "")
    if asked.isascii() and asked.isdigit():
        return float(min(int(asked[:9]), longest))
    try:
        return min(max(parsedate_to_datetime(asked).timestamp() - time.time(), 0), longest)
    except (ValueError, TypeError, OverflowError):
        # spread, so that many clients do not come back at the same moment
        return float(min(0.5 * 2.0 ** (tries - 1), 8, longest)) * (0.75 + secrets.randbelow(251) / 1000)


def error(answer: Answer, host: str, what: str) -> DiptychError:
    """The error that an answer stands for, in one line."""
    said = told(answer)
    because = f": {said}" if said else ""
    status = answer.status
    if status == 401:
        return NeedsSecret(f"{host}: does not accept the login while {what}{because}", "Sign in again.")
    if status == 403:
        return Refused(f"{host}: not allowed to go on while {what}{because}", "Ask for the right to do it.")
    if status in (404, 410):
        return NotFound(f"{host}: found nothing while {what}{because}", "Check the address.")
    if status in (409, 412):
        return Conflict(f"{host}: something else is there while {what}{because}", "Look at the plan again.")
    if status == 413:
        return Refused(f"{host}: too large for it while {what}{because}", "Ask for a higher limit there.")
    if status == 507:
        return NoSpace(f"{host}: has no room while {what}{because}", "Make room there.")
    if status in PASSING:
        return Offline(f"{host}: answers {status} while {what}{because}", "Try again later.")
    return Refused(f"{host}: answers {status} while {what}{because}")


def discreet(answer: Answer, login: str) -> Answer:
    """A complaint without the login that it may repeat; `login` is the header that proved who we are."""
    if answer.status < 400 or not login:
        return answer
    scheme, _, proof = login.partition(" ")
    words = [proof]
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(proof).decode("utf-8")
        except ValueError:
            pair = ""
        words += [pair, pair.partition(":")[2]]
    # as a server may write them
    forms = {form for word in words if len(word) > 2 for form in (word, json.dumps(word)[1:-1], quote(word, safe=""))}
    hidden = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    headers = httpx.Headers([(name, hidden.sub("…", value)) for name, value in answer.headers.multi_items()])
    content = re.sub(hidden.pattern.encode(), "…".encode(), answer.content)
    return replace(answer, headers=headers, content=content)


def told(answer: Answer) -> str:
    """What the server itself says of an error, on one line, shortened and made visible; empty if it says nothing."""
    try:
        said: object = json.loads(answer.content)
    except (ValueError, RecursionError):
        return ""
    for _ in range(3):
        if isinstance(said, list) and said:
            said = said[0]
        if isinstance(said, dict):
            said = next(
                (said[key] for key in ("message", "error", "errors", "detail", "error_code") if said.get(key)), ""
            )
    return elide(visible(said.strip()), 120) if isinstance(said, str) else ""


def is_private(host: str) -> bool:
    """Whether `host` is an address that does not exist on the open network. Names are not looked up."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            # what the system understands as an address as well: 127.1, 2130706433, 0x7f.0.0.1
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    return not address.is_global or address.is_multicast


def is_distrusted(error: BaseException) -> bool:
    """Whether a connection failed because of the server's certificate."""
    return _verification(error) is not None


def distrust(error: BaseException) -> str:
    """Why the certificate is not accepted."""
    found = _verification(error)
    return visible(found.verify_message or "unknown reason") if found is not None else ""


def loss(error: httpx.HTTPError) -> str:
    """What happened to a connection, for people."""
    if isinstance(error, httpx.ConnectTimeout):
        return "does not answer"
    if isinstance(error, httpx.TimeoutException):
        return "went silent"
    if isinstance(error, httpx.ConnectError):
        return "cannot be reached"
    return "broke off the connection"


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
