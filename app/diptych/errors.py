"""Errors that the user can act on, named by their remedy.

Tree::

    DiptychError           message, hint; exit code 1
    ├── NotFound           the thing named is not there: name another         exit code 3
    ├── Damaged            a file is not what it claims to be: fetch it again  exit code 4
    ├── Conflict           the world changed or already holds it: decide      exit code 5
    ├── Refused            not allowed, or not possible on this machine       exit code 6
    ├── Offline            a server does not answer: try again later          exit code 7
    ├── NeedsSecret        a server wants another login: sign in              exit code 8
    └── NoSpace            a disk or a registry is full: make room            exit code 9

Anything else that escapes is a bug and is reported with its traceback. Exit code 2 belongs to a wrong command line.
"""

from __future__ import annotations

from typing import ClassVar


class DiptychError(Exception):
    """Something went wrong that the user can understand and act on.

    `message` is one line that names the file or thing and the reason; `hint` says what to do about it, or is empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFound(DiptychError):
    """What was named does not exist, or the name fits several things."""

    exit_code = 3


class Damaged(DiptychError):
    """A file breaks the rules of its own format."""

    exit_code = 4


class Conflict(DiptychError):
    """What was asked for clashes with what is there now."""

    exit_code = 5


class Refused(DiptychError):
    """What was asked for is not allowed, or cannot be done on this machine."""

    exit_code = 6


class Offline(DiptychError):
    """A server cannot be reached, or gives up in the middle."""

    exit_code = 7


class NeedsSecret(DiptychError):
    """A server does not accept the login that it was given, or wants one; or the keyring does not give it."""

    exit_code = 8


class NoSpace(DiptychError):
    """There is no room for what was to be written."""

    exit_code = 9
