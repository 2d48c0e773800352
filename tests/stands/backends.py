"""Keyrings that are not what they should be, for the child that asks keyrings; chosen by PYTHON_KEYRING_BACKEND."""

from __future__ import annotations

from typing import ClassVar

from keyring.backend import KeyringBackend


class Sound(KeyringBackend):
    """A keyring of somebody's own that holds one entry, and prints."""

    priority: ClassVar[float] = 9

    def get_password(self, service: str, username: str) -> str | None:
        print(f"looking for {service} {username}")
        return "jane\nsecret" if (service, username) == ("diptych", "mine") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Weak(Sound):
    """One that its own makers do not recommend."""

    priority: ClassVar[float] = 0.5


class PlaintextKeyring(Sound):
    """One that says by its name what it does."""


class Raising(Sound):
    """One whose complaints repeat the secret."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(f"cannot store {password}")


class ByHand(Sound):
    """One whose entry was made by hand: a bare token."""

    def get_password(self, service: str, username: str) -> str | None:
        return "bare-token"


class Dying(Sound):
    """One that takes the process with it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise SystemExit(3)
