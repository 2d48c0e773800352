"""Logins handed over for one run, as continuous integration does: by environment or by a file descriptor.

Never by an argument: every program on the machine can read those.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from diptych.domain.secret import Secret
from diptych.errors import NeedsSecret, Refused

_TOKENS, _USERS = "DIPTYCH_TOKEN_", "DIPTYCH_USER_"
_LONGEST = 1 << 16


def variable(name: str) -> str:
    """How the variables for the remote `name` end: capitals, digits and underscores."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def take_environment() -> Mapping[str, Secret]:
    """The logins in the environment by the ends of their variables; they are taken out of it, so no child gets them."""
    taken = {}
    for key in [key for key in os.environ if key.startswith(_TOKENS)]:
        end = key.removeprefix(_TOKENS)
        value = os.environ.pop(key).strip()
        user = os.environ.pop(_USERS + end, "").strip()
        if value:
            taken[end] = Secret(value, user)
    return taken


def from_descriptor(number: int, user: str = "") -> Secret:
    """The login that can be read from an open file descriptor up to its end; white space around it is left out."""
    try:
        if os.isatty(number):
            raise Refused(f"descriptor {number}: is a terminal", "Leave --token-fd away to be asked for the secret.")
        with os.fdopen(os.dup(number), "rb") as stream:
            content = stream.read(_LONGEST + 1)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Refused(f"descriptor {number}: cannot be read: {reason}", "Open it first, as in 3<FILE.") from None
    try:
        value = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        value = ""
    if not value:
        raise NeedsSecret(f"descriptor {number}: holds no token", "Write the token into it.")
    if len(content) > _LONGEST or len(value.splitlines()) > 1:
        raise Refused(f"descriptor {number}: holds more than a token", "Write the token alone into it.")
    return Secret(value, user)
