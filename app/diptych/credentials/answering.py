"""The one process that speaks with the OS keyring: a short-lived child, so that a question can be waited for and left.

A keyring blocks its caller for as long as it asks the user something, and no library can take the call back. In a child
of its own the call ends when the child is ended, and the secret passes through pipes that nobody else can read. The
request is `verb NUL name NUL value` on standard input; the answer is `condition NUL backend NUL value`, and before it
`begun NUL` arrives when a keyring is asked that may ask the user in its turn.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from diptych.credentials.hardening import die_with_parent, forbid_core_files, forbid_looking
from diptych.credentials.states import Condition

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "diptych"
"""What every entry is filed under; the name of the remote is the user name of the entry."""
BEGUN = "begun"
_KNOWN = {
    "keyring.backends.SecretService": "Secret Service",
    "keyring.backends.libsecret": "Secret Service (libsecret)",
    "keyring.backends.kwallet": "KWallet",
    "keyring.backends.macOS": "macOS Keychain",
    "keyring.backends.Windows": "Windows Credential Locker",
}
"""Keyrings of operating systems, used without being chosen."""
_NO_KEYRINGS = ("keyring.backends.fail", "keyring.backends.null")
_UNSAFE = ("keyrings.alt",)
_CHAIN = "keyring.backends.chainer"
_GNOME = "org.gnome.keyring"
_PROMPTER = "org.gnome.keyring.SystemPrompter"


def main() -> int:
    """Answer the one request on standard input."""
    forbid_core_files()
    forbid_looking()
    die_with_parent()
    verb, name, value = sys.stdin.buffer.read().decode("utf-8").split("\0", 2)
    pipe = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a keyring prints is no answer
    condition, backend, found = _answer(verb, name, value, lambda: os.write(pipe, f"{BEGUN}\0".encode()))
    with os.fdopen(pipe, "wb") as answer:
        answer.write(f"{condition}\0{backend}\0{found}".encode())
    return 0


def _answer(verb: str, name: str, value: str, begin: Callable[[], object]) -> tuple[Condition, str, str]:
    """What the keyring says; `begin` is called before one is asked that may ask the user first."""
    from keyring.errors import InitError, KeyringLocked, NoKeyringError

    title = ""
    try:
        backend, condition = choose()
        title = title_of(backend) if backend is not None else ""
        if backend is None or condition is not Condition.READY:
            return condition, title, ""
        standing = _standing(backend)
        if verb == "look" or standing is Condition.MUTE:
            return standing, title, ""
        if standing is not Condition.READY or not _tells(backend):
            begin()
        return Condition.READY, title, _act(backend, verb, name, value)
    except NoKeyringError:
        return Condition.NONE, title, ""
    except (KeyringLocked, InitError):
        # asked for and not given: a keyring that could not even ask was told apart before
        return Condition.DENIED, title, ""
    except Exception:  # backends raise whatever their systems do, and their words may repeat the secret
        return Condition.BROKEN, title, ""


def _act(backend: KeyringBackend, verb: str, name: str, value: str) -> str:
    """Do it; the answer begins with `+` where an entry was found."""
    found = backend.get_password(SERVICE, name) if verb in ("get", "move", "forget") else None
    if verb == "put":
        backend.set_password(SERVICE, name, value)
    if verb == "move" and found is not None:
        backend.set_password(SERVICE, value, found)
    if verb in ("move", "forget") and found is not None:
        backend.delete_password(SERVICE, name)
    if found is None:
        return ""
    return f"+{found}" if verb == "get" else "+"


def choose() -> tuple[KeyringBackend | None, Condition]:
    """The keyring to use: the one the user has configured, else the best that belongs to an operating system."""
    from keyring import core
    from keyring.backend import get_all_keyring

    chosen = core.load_env() or core.load_config()
    if chosen is not None and _module(chosen) != _CHAIN:
        offered, trusted = [chosen], True
    else:
        # a chain only passes calls on to the others, whoever they are
        offered, trusted = list(getattr(chosen, "backends", None) or get_all_keyring()), False
    safe = [one for one in offered if is_safe(one) and (trusted or _module(one) in _KNOWN)]
    if safe:
        return max(safe, key=lambda one: float(one.priority)), Condition.READY
    unsafe = [one for one in offered if not _module(one).startswith((*_NO_KEYRINGS, _CHAIN))]
    return (unsafe[0], Condition.UNSAFE) if unsafe else (None, Condition.NONE)


def is_safe(backend: KeyringBackend) -> bool:
    """Whether a keyring keeps secrets from being read on disk, as far as its own makers say."""
    name = f"{_module(backend)}.{type(backend).__name__}".casefold()
    if name.startswith((*_NO_KEYRINGS, *_UNSAFE, _CHAIN)) or "plaintext" in name:
        return False
    return float(backend.priority) >= 1


def title_of(backend: KeyringBackend) -> str:
    """What a keyring is called, for people."""
    module = _module(backend)
    return _KNOWN.get(module) or f"{module}.{type(backend).__name__}"


def _module(backend: KeyringBackend) -> str:
    return type(backend).__module__


def _tells(backend: KeyringBackend) -> bool:
    """Whether a keyring can say that it is locked without asking for its password."""
    return _module(backend) in ("keyring.backends.SecretService", "keyring.backends.libsecret")


def _standing(backend: KeyringBackend) -> Condition:
    """How the keyring stands, without making it ask: one that cannot tell counts as ready."""
    if not _tells(backend):
        return Condition.READY
    import secretstorage
    from jeepney import MessageType, message_bus

    with closing(secretstorage.dbus_init()) as bus:
        try:
            if not secretstorage.Collection(bus).is_locked():
                return Condition.READY
        except secretstorage.ItemNotFoundException:
            pass  # nothing was ever kept: the first entry asks for a password to make a keyring with
        if not bus.send_and_get_reply(message_bus.NameHasOwner(_GNOME)).body[0]:
            return Condition.LOCKED
        # GNOME Keyring has a program of its own that asks; where that cannot start, nobody is ever asked
        started = bus.send_and_get_reply(message_bus.StartServiceByName(_PROMPTER))
        return Condition.MUTE if started.header.message_type is MessageType.error else Condition.LOCKED


if __name__ == "__main__":
    sys.exit(main())
