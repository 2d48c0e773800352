"""Files of PyTorch, listed by a child process with little memory and little time, kept while all goes well."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Generator
from io import FileIO
from pathlib import Path

import diptych

SECONDS = 20.0
"""Time for one file; a hundred thousand tensors take four."""
_PACE = 0.05
_MOST_ANSWER = 512 * 2**20
_START = "import sys; sys.path.append(sys.argv[1]); from diptych.pickles.child import main; main()"


class Failed(Exception):
    """The child gave no answer; the text says why."""


class Confined:
    """The child, started at the first question, and anew after each failure."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._child: _Child | None = None

    def ask(self, file: FileIO) -> Generator[None, None, list[dict[str, object]]]:
        """What the child says of an open file, line by line; yields while it waits. Raises `Failed`."""
        child: _Child | None = self._child or _Child()
        assert child is not None
        self._child = None
        lines: list[dict[str, object]] = []
        try:
            child.hand(file)
            received, held, size = b"", [], 0
            until = time.monotonic() + self._seconds
            while True:
                while not child.ready():
                    if time.monotonic() > until:
                        raise Failed(f"takes longer than {self._seconds:.0f} seconds to be listed")
                    yield
                received = child.received()
                size += len(received)
                if not received or size > _MOST_ANSWER:
                    raise Failed("could not be listed: the process that reads it ended")
                held.append(received)
                if b"\n" not in received:
                    continue
                whole, _, rest = b"".join(held).rpartition(b"\n")
                held = [rest]
                for line in whole.split(b"\n"):
                    lines.append(json.loads(line))
                    yield
                if "tensors" not in lines[-1]:
                    break
        except OSError:
            raise Failed("could not be listed: the process that reads it ended") from None
        else:
            if "fault" not in lines[-1]:
                self._child, child = child, None
            return lines
        finally:
            if child is not None:
                child.end()


class _Child:
    """One process and the socket to it. It ends with this object."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this very interpreter, with a constant as its program
                [sys.executable, "-I", "-S", "-B", "-c", _START, str(Path(diptych.__file__).parents[1])],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._ending = weakref.finalize(self, _end, process, self._socket)

    def hand(self, file: FileIO) -> None:
        socket.send_fds(self._socket, [b"?"], [file.fileno()])

    def ready(self) -> bool:
        return bool(self._poll.poll(_PACE * 1000))

    def received(self) -> bytes:
        return self._socket.recv(2**20)

    def end(self) -> None:
        self._ending()


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.kill()
    process.wait()
