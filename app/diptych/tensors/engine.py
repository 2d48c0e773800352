"""Which arithmetic serves: the compiled one where its library is there, NumPy's until then.

Compiling takes seconds. A child process does it once a machine and release; what it leaves is loaded in milliseconds,
without the compiler.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from diptych import places
from diptych.tensors.native import Arithmetic, Spoilt

_WORTH = 2**27
"""Bytes of work below which nothing is compiled, since NumPy is done before."""
_PROGRAM = ("-m", "diptych.tensors.compiling")
_SOURCES = (
    "kernels.py", "counting.py", "octaves.py", "prints.py", "compiling.py", "linking.py", "rooms.py", "sums.py",
    "sketch.py", "tally.py",
)  # fmt: skip
"""What is compiled, what is compiled into it, and what does it."""
_PATIENCE = 5.0
"""Seconds for the child process to end when it is no longer wanted."""


class Engine:
    """The compiled arithmetic, as soon as it can be had."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{_fingerprint()}.so"
        self._child: subprocess.Popen[bytes] | None = None
        self._arithmetic: Arithmetic | None = None
        self._given_up = False
        self._lock = Lock()

    def arithmetic(self, size: int) -> Arithmetic | None:
        """The compiled arithmetic for work on `size` bytes; None where NumPy must serve, or does as well."""
        with self._lock:
            if self._arithmetic is None and not self._given_up:
                self._look(worth=size >= _WORTH)
            return self._arithmetic

    def warm(self) -> None:
        """Have it compiled, unless it is. Does not wait."""
        self.arithmetic(_WORTH)

    def wait(self) -> bool:
        """Wait until the compiled arithmetic is there; False where it cannot be had."""
        self.warm()
        if self._child is not None:
            self._child.wait()
        return self.arithmetic(_WORTH) is not None

    def _look(self, *, worth: bool) -> None:
        """Load the library, if it is there; start to make it, if it is not and that is `worth` while."""
        if self._child is not None:
            status = self._child.poll()
            if status is None:
                return
            self._child = None
            atexit.unregister(self.close)
            self._given_up = status != 0
        try:
            self._arithmetic = Arithmetic(self._file)
        except (FileNotFoundError, Spoilt):
            if worth and not self._given_up:
                self._start()
        except OSError:
            # it cannot be read, or nothing may be executed from that place
            self._given_up = True

    def _start(self) -> None:
        source = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._child = subprocess.Popen(  # noqa: S603 - this very interpreter, with a module of ours
                [sys.executable, *_PROGRAM, str(self._file)],
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            # no room or no right to write: NumPy serves
            self._given_up = True
        else:
            atexit.register(self.close)

    def close(self) -> None:
        """End the child process, if it still runs; the next process that needs it begins anew."""
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            child.wait(_PATIENCE)
        atexit.unregister(self.close)


def _fingerprint() -> str:
    """What compiled code depends on: its source, the compiler and the processor."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    for name in ("numba", "llvmlite"):
        digest.update(_release(name))
    digest.update(_processor())
    return digest.hexdigest()[:16]


def _release(package: str) -> bytes:
    """The release of a package, told by its own file of it: its metadata take longer to find than all the rest."""
    found = find_spec(package)
    if found is None or found.origin is None:
        return b""
    return Path(found.origin).with_name("_version.py").read_bytes()


def _processor() -> bytes:
    """The first processor's model and abilities; a home folder may serve many machines."""
    try:
        with Path("/proc/cpuinfo").open("rb") as file:
            text = file.read(1 << 14)
    except OSError:
        return b""
    return b"".join(line for line in text.split(b"\n\n", 1)[0].splitlines() if line.startswith(_ABOUT))


_ABOUT = (b"model", b"flags", b"CPU part", b"Features")
"""How the lines begin that tell processors apart."""

_engine: list[Engine] = []


def engine() -> Engine:
    """The one engine of this process."""
    if not _engine:
        _engine.append(Engine(places.cache_folder() / "kernels"))
    return _engine[0]
