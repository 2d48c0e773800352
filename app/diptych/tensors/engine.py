"""Which arithmetic serves: the compiled one where its cache is filled, NumPy's until then.

Compiling takes seconds, in which other threads stand still again and again. A child process does it once a machine and
release, and only then is the compiler imported here.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from threading import Lock, Thread
from types import ModuleType

from diptych import places

_WORTH = 2**27
"""Bytes to compare below which NumPy is done before the compiler is imported."""
_FILL = (
    "import os; os.nice(10); from diptych.tensors import kernels; kernels.fill_cache();"
    "from diptych.tensors import prints; prints.fill_cache()"
)
_SOURCES = ("kernels.py", "sums.py", "prints.py", "sketch.py", "tally.py")
"""What is compiled, and what is compiled into it."""
_PATIENCE = 5.0
"""Seconds for the child process to end when it is no longer wanted."""


class Engine:
    """The compiled arithmetic, as soon as it can be had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = folder / f"{_fingerprint()}.ready"
        self._child: subprocess.Popen[bytes] | None = None
        self._modules: dict[str, ModuleType] = {}
        self._loaders: dict[str, Thread] = {}
        self._given_up = False
        self._lock = Lock()

    def kernels(self, size: int) -> ModuleType | None:
        """`diptych.tensors.kernels` for a comparison of `size` bytes; None where NumPy must or better does serve."""
        return self._module("kernels", size)

    def prints(self, size: int) -> ModuleType | None:
        """`diptych.tensors.prints` for fingerprints of `size` bytes; None as with `kernels`."""
        return self._module("prints", size)

    def loading(self, name: str) -> bool:
        """Whether a module will be there within a moment, so that waiting is better than NumPy."""
        loader = self._loaders.get(name)
        return loader is not None and loader.is_alive()

    def _module(self, name: str, size: int) -> ModuleType | None:
        if size < _WORTH:
            return None
        with self._lock:
            if name not in self._modules:
                self._prepare(name)
            return self._modules.get(name)

    def warm(self) -> None:
        """Have the cache filled, unless it is. Does not wait."""
        with self._lock:
            self._filled()

    def wait(self, name: str = "kernels") -> bool:
        """Wait until a module of compiled arithmetic is there; False where it cannot be had."""
        self.warm()
        if self._child is not None:
            self._child.wait()
        with self._lock:
            self._prepare(name)
        if name in self._loaders:
            self._loaders[name].join()
        return name in self._modules

    def _prepare(self, name: str) -> None:
        """Start to load what the cache holds, once it is filled: beside the work, which goes on and can be stopped."""
        if name not in self._loaders and self._filled():
            self._loaders[name] = Thread(target=self._load, args=(name,), name=f"load-{name}")
            self._loaders[name].start()

    def _load(self, name: str) -> None:
        # read by the compiler when it is imported
        os.environ["NUMBA_CACHE_DIR"] = str(self._folder)
        module = import_module(f"diptych.tensors.{name}")
        module.fill_cache()
        self._modules[name] = module

    def _filled(self) -> bool:
        """Whether the cache is filled. Starts the child process where it is not, once."""
        if self._given_up:
            return False
        if self._child is None:
            if self._ready.exists():
                return True
            self._start()
            return False
        status = self._child.poll()
        if status is None:
            return False
        self._child = None
        self._given_up = status != 0
        if status == 0:
            self._ready.touch()
        return status == 0

    def _start(self) -> None:
        source = str(Path(__file__).parents[2])
        environment = os.environ | {
            "NUMBA_CACHE_DIR": str(self._folder),
            "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", "")))),
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._child = subprocess.Popen(  # noqa: S603 - this very interpreter, with a constant as its program
                [sys.executable, "-c", _FILL],
                env=environment,
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
        """End the child process, if it still runs; what it has compiled stays."""
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            child.wait(_PATIENCE)
        atexit.unregister(self.close)


def _fingerprint() -> str:
    """What compiled code depends on: its source, the compiler, the interpreter and the processor."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    for part in (sys.version, version("numba"), version("llvmlite"), _processor()):
        digest.update(part.encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """The processor's model and abilities; a home folder may serve many machines."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(line for line in text.split("\n\n", 1)[0].splitlines() if line.startswith(("model", "flags")))


_engine: list[Engine] = []


def engine() -> Engine:
    """The one engine of this process."""
    if not _engine:
        _engine.append(Engine(places.cache_folder() / "kernels"))
    return _engine[0]
