"""A secret on its way from the keyring to the one server that it is for."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A token, or a user name with a password. It never shows itself: not in texts, logs, pickles or tracebacks."""

    __slots__ = ("_value", "user")

    def __init__(self, value: str, user: str = "") -> None:
        self._value = value
        self.user = user
        """The user name, or the access key of S3; empty for a bare token."""

    def reveal(self) -> str:
        """The secret itself, to be put into a header or a signature and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret(user={self.user!r})" if self.user else "Secret()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._value, self.user) == (other._value, other.user)

    def __hash__(self) -> int:
        return hash((self._value, self.user))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
