"""What a keyring can answer, and what each answer means to the user."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """How a keyring stands, or how it has answered."""

    NONE = "none"
    """There is none on this machine."""
    UNSAFE = "unsafe"
    """There is one that keeps secrets readable on disk; it is not used."""
    LOCKED = "locked"
    """It is locked."""
    MUTE = "mute"
    """It is locked, and nothing on this machine could ask for its password."""
    DENIED = "denied"
    """It asked, and was told no."""
    SILENT = "silent"
    """It asked, and nobody has answered for minutes."""
    BROKEN = "broken"
    """It does not do what it should."""
    READY = "ready"
    """It is unlocked, or answers without being unlocked first."""


@dataclass(frozen=True, slots=True)
class KeyringView:
    """The keyring of this machine as it stands."""

    backend: str
    """What it is called, for people; empty where there is none."""
    condition: Condition

    def __str__(self) -> str:
        said = _STANDING[self.condition]
        return f"{self.backend}: {said}" if self.backend else said


_STANDING = {
    Condition.NONE: "no keyring on this machine; logins are kept for one session only",
    Condition.UNSAFE: "keeps secrets readable on disk, so it is not used; logins are kept for one session only",
    Condition.LOCKED: "locked; it asks for its password when a login is needed",
    Condition.MUTE: "locked, and nothing here can ask for its password",
    Condition.DENIED: "locked; the question for its password was declined",
    Condition.SILENT: "does not answer",
    Condition.BROKEN: "does not work",
    Condition.READY: "ready",
}

TOLD = {
    Condition.NONE: (
        "there is no keyring on this machine to keep a login in",
        "Install GNOME Keyring, KWallet or another Secret Service, or use the login for this session only.",
    ),
    Condition.UNSAFE: (
        "the keyring here would keep the login readable on disk, so it is not used",
        "Install GNOME Keyring, KWallet or another Secret Service, or use the login for this session only.",
    ),
    Condition.LOCKED: ("the keyring is locked", "Unlock it, then try again."),
    Condition.MUTE: (
        "the keyring is locked, and nothing here can ask for its password",
        "Unlock it in a desktop session or with `gnome-keyring-daemon --unlock`, then try again.",
    ),
    Condition.DENIED: (
        "the keyring stays locked, since its question was declined",
        "Try again and unlock it, or use the login for this session only.",
    ),
    Condition.SILENT: ("nobody has answered the keyring's question", "Look for its window, then try again."),
    Condition.BROKEN: ("the keyring does not do what was asked", "Look at it in the keyring's own program."),
}
"""For each answer that is a failure: what happened, and what to do about it."""
