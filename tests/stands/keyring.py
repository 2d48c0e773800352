"""A real GNOME Keyring on a D-Bus of its own, in each of the states that a desktop knows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "correct horse battery"
PROMPTER = Path(__file__).with_name("prompter.py")
_DAEMON = ("gnome-keyring-daemon", "--components=secrets")


@contextmanager
def session(folder: Path, keyring: str, prompter: str = "") -> Iterator[dict[str, str]]:
    """The environment of a session whose keyring is `unlocked`, `locked` or absent (empty).

    `prompter` stands for the person at the screen: `silent` leaves every question open, `declining` says no to it, and
    empty means that there is no screen to ask on. Everything ends with the context.
    """
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime), "XDG_DATA_HOME": str(folder / "data")}
    if keyring == "locked":
        # it must exist before it can be locked
        with _bus(environment):
            _daemon(environment, "unlocked")
    with _bus(environment):
        helper = None
        if prompter:
            helper = subprocess.Popen(
                [sys.executable, str(PROMPTER), prompter], env=environment, stdout=subprocess.PIPE, text=True
            )
            assert helper.stdout is not None
            assert helper.stdout.readline() == "ready\n"
        if keyring:
            _daemon(environment, keyring)
        try:
            yield environment
        finally:
            if helper is not None:
                helper.kill()
                helper.communicate()


def is_here() -> bool:
    """Whether the programs are installed."""
    return all(shutil.which(name) for name in ("dbus-daemon", "gnome-keyring-daemon"))


@contextmanager
def _bus(environment: dict[str, str]) -> Iterator[None]:
    """A bus of its own; its address stands in `environment` meanwhile. The daemons on it end with it."""
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
    try:
        yield
    finally:
        bus.send_signal(signal.SIGTERM)
        bus.communicate()
        del environment["DBUS_SESSION_BUS_ADDRESS"]


def _daemon(environment: dict[str, str], keyring: str) -> None:
    """Start the keyring on the bus; it goes on in the background once it has its name, and ends with the bus."""
    how, given = ("--unlock", PASSWORD) if keyring == "unlocked" else ("--start", "")
    subprocess.run([*_DAEMON, how], input=given, env=environment, capture_output=True, text=True, check=True)
