"""Taking a login from the command line without letting it stand there."""

from __future__ import annotations

import getpass
import sys
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import Any

from diptych.cli.session import Session
from diptych.domain.secret import Secret
from diptych.errors import Refused

_BY = (
    "Hand it over when you are asked for it, with --token-fd, or in the environment as DIPTYCH_TOKEN_NAME. "
    "What was typed can be read by every program on this machine: have it replaced where it was issued."
)


def add_secret(to: ArgumentParser) -> None:
    """Add `--user` and `--token-fd`; with `refuse_typed`, the only ways to hand a login over."""
    to.add_argument("--user", default="", metavar="USER", help="user name, or access key of S3; none for a bare token")
    to.add_argument("--token-fd", type=_descriptor, metavar="N", help="read the token or password from descriptor N")


def refuse_typed(to: ArgumentParser) -> None:
    """Let every way in which people give a secret as an argument be refused with the reason."""
    for name in ("--token", "--password", "--secret"):
        to.add_argument(name, action=_Refusal, nargs="?", help=SUPPRESS)
    to.add_argument("typed", action=_Refusal, nargs="*", help=SUPPRESS)


def asked_for(options: Namespace, name: str, wants: str, user: str) -> Secret:
    """The login for the remote `name`: from the descriptor, else asked for at the terminal."""
    from diptych.credentials import handed

    user = options.user or user
    if options.token_fd is not None:
        return handed.from_descriptor(options.token_fd, user)
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refused(f"{name}: there is nobody to ask for the login", "Hand it over with --token-fd N.")
    if not user and "user name" in wants:
        user = input("User name (empty for a token): ").strip()
    if not user and "access key" in wants:
        user = input("Access key: ").strip()
    value = getpass.getpass("Password or token: " if user else "Token: ").strip()
    if not value:
        raise Refused(f"{name}: no login was given")
    return Secret(value, user)


class _Refusal(Action):
    """Puts a refusal in the place of what was to be run; the argument is not kept."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        if values or option:
            namespace.run = _refuse


def _refuse(_session: Session, _options: Namespace) -> int:
    raise Refused("more was given than this command takes, and a token or password is never an argument", _BY)


def _descriptor(text: str) -> int:
    """The number of a descriptor, for `argparse`."""
    if not text.isdecimal():
        raise ArgumentTypeError("needs the number of an open file descriptor, never the token itself")
    return int(text)
