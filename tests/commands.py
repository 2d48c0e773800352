"""The command line in processes of its own, as people and scripts run it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

APP = Path(__file__).parents[1] / "app"


def environment(**further: str) -> dict[str, str]:
    """That of the tests, with the program in reach and no display."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PYTHONPATH": str(APP), **further}


def heed_signals() -> None:
    """For a child before it begins: signals mean to it what they mean to a program that a user starts.

    What a shell or `nohup` started in the background ignores some of them, and so do all its children.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def diptych(*arguments: str | Path, given: str = "", **further: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `given` is what it can read, `further` goes into its environment."""
    command = [sys.executable, "-m", "diptych", *map(str, arguments)]
    return subprocess.run(
        command, env=environment(**further), input=given, capture_output=True, text=True, check=False, timeout=110
    )


def answer(*arguments: str | Path) -> object:
    """What it says as JSON, which has no NaN; it has to succeed and to say nothing else."""
    done = diptych(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")

    def refuse(word: str) -> object:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(done.stdout, parse_constant=refuse)


def in_terminal(*arguments: str | Path, **further: str) -> tuple[bytes, int]:
    """Run on a terminal; return all that it was shown, and the exit code."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "diptych", *map(str, arguments)]
    child = subprocess.Popen(
        command, env=environment(TERM="xterm", **further), stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    return shown, child.wait()
