"""The window ended from outside: by Ctrl-C in its terminal, by the terminal's end, by the system."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from commands import environment, heed_signals

STATUS = "/proc/{}/status"


def awaits(number: int, process: int) -> bool:
    """Whether a process has said what is to happen when it gets this signal."""
    lines = Path(STATUS.format(process)).read_text().splitlines()
    (caught,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.skipif(not Path(STATUS.format("self")).exists(), reason="/proc tells when the window is ready")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 0), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_window_as_closing_it_does(number: int, code: int, home: Path) -> None:
    command = [sys.executable, "-m", "diptych"]
    around = environment(QT_QPA_PLATFORM="offscreen")
    child = subprocess.Popen(command, env=around, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals)
    try:
        while child.poll() is None and not awaits(signal.SIGTERM, child.pid):
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
        child.send_signal(number)
        said = child.communicate(timeout=30)[1]
    finally:
        child.kill()
    assert (child.returncode, said) == (code, "")
    state = json.loads((home / "config" / "session.json").read_text("utf-8"))
    assert state["page"] == "welcome"
