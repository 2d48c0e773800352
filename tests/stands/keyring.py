"""A real GNOME Keyring on a D-Bus of its own, in each of the states that a desktop knows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

PASSWORD = "correct horse battery"
PROMPTER = Path(__file__).with_name("prompter.py")
PATIENCE = 30.0
"""Seconds that a program may take to start or to end."""
_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")


@contextmanager
def session(folder: Path, keyring: str, prompter: str = "") -> Iterator[dict[str, str]]:
    """The environment of a session whose keyring is `unlocked`, `locked` or `none` (there is no bus to find one on).

    `prompter` stands for the person at the screen: `silent` leaves every question open, `declining` says no to it, and
    empty means that there is no screen to ask on. Everything ends with the context.
    """
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    bare = {name: value for name, value in os.environ.items() if name not in _DESKTOP}
    bare |= {"HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime), "XDG_DATA_HOME": str(folder / "data")}
    if keyring == "none":
        yield bare
        return
    with ExitStack() as stack:
        if keyring == "locked":
            # it must exist before it can be locked
            with _bus(bare) as first, _daemon(first, "unlocked"):
                pass
        environment = stack.enter_context(_bus(bare))
        if prompter:
            stack.enter_context(_prompter(environment, prompter))
        stack.enter_context(_daemon(environment, keyring))
        yield environment


@contextmanager
def _bus(bare: dict[str, str]) -> Iterator[dict[str, str]]:
    """A bus of its own."""
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"]
    with _running(command, bare) as bus:
        assert bus.stdout is not None
        yield bare | {"DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}


@contextmanager
def _daemon(environment: dict[str, str], keyring: str) -> Iterator[None]:
    """The keyring on the bus."""
    unlocked = keyring == "unlocked"
    command = ["gnome-keyring-daemon", "--foreground", "--components=secrets", *(["--unlock"] if unlocked else [])]
    with _running(command, environment, PASSWORD if unlocked else "") as daemon:
        with closing(open_dbus_connection(environment["DBUS_SESSION_BUS_ADDRESS"])) as bus:
            until = time.monotonic() + PATIENCE
            while not bus.send_and_get_reply(message_bus.NameHasOwner("org.freedesktop.secrets")).body[0]:
                assert daemon.poll() is None, "the keyring ended"
                assert time.monotonic() < until, "the keyring does not come"
        yield


@contextmanager
def _prompter(environment: dict[str, str], manner: str) -> Iterator[None]:
    with _running([sys.executable, str(PROMPTER), manner], environment) as prompter:
        assert prompter.stdout is not None
        assert prompter.stdout.readline() == "ready\n"
        yield


@contextmanager
def _running(command: list[str], environment: dict[str, str], given: str = "") -> Iterator[subprocess.Popen[str]]:
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=quiet, text=True)
    assert process.stdin is not None
    process.stdin.write(given)
    process.stdin.close()
    process.stdin = None
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
