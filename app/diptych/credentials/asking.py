"""Asking the keyring, as jobs: they tick while it asks the user something, and leave it alone when they are closed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeAlias

import diptych
from diptych.credentials.states import TOLD, Condition, KeyringView
from diptych.domain.secret import Secret
from diptych.errors import NeedsSecret, Refused
from diptych.job import Job, Tick

PATIENCE = 300.0
"""Seconds that the user has to answer what the keyring asks."""
_SLICE = 0.05
_UNHURRIED = 0.5
"""Seconds after which a keyring that does not answer is taken to ask the user."""
_BEGUN = b"begun\0"
_SECRETIVE = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY", re.IGNORECASE)
_Answer: TypeAlias = tuple[Condition, str, str]


class NoKeyring(NeedsSecret):
    """There is no keyring here that may be used; a login can be kept for this session only."""


def look() -> Job[KeyringView]:
    """Which keyring this machine has and how it stands; the user is asked nothing."""
    condition, backend, _ = yield from _ask("look")
    return KeyringView(backend, condition)


def get(name: str) -> Job[Secret | None]:
    """The login kept under `name`. `NoKeyring` or `NeedsSecret` where the keyring does not tell."""
    found = _given((yield from _ask("get", name)))
    if not found:
        return None
    user, line, value = found[1:].partition("\n")
    # an entry that was made by hand is a bare token
    return Secret(value, user) if line else Secret(user)


def put(name: str, secret: Secret) -> Job[None]:
    """Keep a login under `name`, in place of the one before."""
    if any(mark in secret.user for mark in "\n\0") or any(mark in secret.reveal() for mark in "\n\0"):
        raise Refused("the login holds a line break", "Copy it again, without what stands around it.")
    _given((yield from _ask("put", name, f"{secret.user}\n{secret.reveal()}")))


def move(old: str, new: str) -> Job[bool]:
    """Keep what was under `old` under `new`; False where there was nothing."""
    return bool(_given((yield from _ask("move", old, new))))


def forget(name: str) -> Job[bool]:
    """Delete the login kept under `name`; False where there was none."""
    return bool(_given((yield from _ask("forget", name))))


def environment() -> dict[str, str]:
    """The environment of a child of ours: as our own, without what looks like a secret."""
    kept = {name: value for name, value in os.environ.items() if not _SECRETIVE.search(name)}
    here = str(Path(diptych.__file__).resolve().parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return kept


def _given(answer: _Answer) -> str:
    """What the keyring has given, or the error that its answer stands for."""
    condition, backend, value = answer
    if condition is Condition.READY:
        return value
    message, hint = TOLD[condition]
    kind = NoKeyring if condition in (Condition.NONE, Condition.UNSAFE) else NeedsSecret
    raise kind(f"{backend}: {message}" if backend else message, hint)


def _ask(verb: str, name: str = "", value: str = "") -> Job[_Answer]:
    """One request to a child that ends with it; see `answering`."""
    # -P: a folder that somebody works in must not lend its modules to the process that sees secrets
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "diptych.credentials.answering"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    asked = time.monotonic()
    begun: float | None = None
    request: bytes | None = "\0".join((verb, name, value)).encode()
    try:
        while True:
            try:
                said, _ = child.communicate(request, timeout=_SLICE)
                break
            except subprocess.TimeoutExpired as waiting:
                request = None
                now = time.monotonic()
                if begun is None and (waiting.output or b"").startswith(_BEGUN):
                    begun = now
            if now - asked > PATIENCE:
                return Condition.SILENT, "", ""
            asking = begun is not None and now - begun > _UNHURRIED
            yield Tick("The keyring is asking: look for its window" if asking else "Asking the keyring")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
    parts = said.removeprefix(_BEGUN).decode("utf-8", "replace").split("\0", 2)
    if len(parts) != 3:
        return Condition.BROKEN, "", ""
    return Condition(parts[0]), parts[1], parts[2]
