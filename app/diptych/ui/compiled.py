"""Keeps what PySide compiles at every start, and leaves undone what a window does without.

PySide carries the modules behind its signatures as text within its library, so that no file of theirs can be compiled
for good: each process compiles them anew, which is a tenth of the time to a window. Most of them only serve to say what
is wrong with a call and to write stubs for type checkers, yet all are run at once: a twentieth. They are run when
something is asked of them.
"""

from __future__ import annotations  # as in PySide's own importer: `compile` takes over what its caller has of these

import builtins
import marshal
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from types import CodeType
from typing import Any, TypeAlias

_PLACE = "shibokensupport/"
_LATE = frozenset(
    f"{_PLACE}signature/{name}.py"
    for name in ("errorhandler", "layout", "parser", "lib/enum_sig", "lib/pyi_generator", "lib/tool")
)
_Sign: TypeAlias = tuple[str, int, int]
"""Of a text: its name, its length and its check sum."""
_waiting: dict[str, bytes] = {}
"""Code of modules that were not run, by the names of their files."""
_running = RLock()


def file_within(folder: Path) -> Path:
    """Where code is kept for this interpreter: another one may not understand it."""
    tag = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"
    return folder / f"pyside-{tag}.codes"


@contextmanager
def kept(file: Path) -> Iterator[None]:
    """Until this is left, take from `file` what PySide has compiled; afterwards keep there what it had to compile."""
    known = _read(file)
    used: dict[_Sign, bytes] = {}
    plain: Any = builtins.compile

    def look_up(source: Any, filename: Any, mode: str, *rest: Any, **named: Any) -> Any:
        if not (isinstance(source, bytes) and str(filename).startswith(_PLACE) and mode == "exec") or rest or named:
            return plain(source, filename, mode, *rest, **named)
        sign = str(filename), len(source), zlib.crc32(source)
        used[sign] = known.get(sign) or marshal.dumps(plain(source, filename, mode))
        if filename in _LATE:
            _waiting[filename] = used[sign]
            return _wait.__code__
        return _code(used[sign])

    builtins.compile = look_up
    try:
        yield
    finally:
        builtins.compile = plain
    if used.keys() - known.keys() and not sys.dont_write_bytecode:
        _write(file, used)


def _wait() -> None:
    """What a module runs in place of its text, until something is asked of it."""
    from functools import partial

    from diptych.ui.compiled import asked_late

    globals()["__getattr__"] = partial(asked_late, globals())


def asked_late(module: dict[str, Any], name: str) -> Any:
    """Run a module after all, since `name` is asked of it. Raises AttributeError where it has no such name.

    Whoever else asks meanwhile, in another thread, waits until it has run.
    """
    with _running:
        code = None if name.startswith("__") else _waiting.pop(module["__file__"], None)
        if code is not None:
            del module["__getattr__"]
            exec(_code(code), module)  # noqa: S102 - as PySide's own importer does
        if name not in module:
            raise AttributeError(f"module {module['__name__']!r} has no attribute {name!r}")
        return module[name]


def _code(data: bytes) -> CodeType:
    found: CodeType = marshal.loads(data)  # noqa: S302 - what this program wrote, as Python its own
    return found


def _read(file: Path) -> dict[_Sign, bytes]:
    """What was kept; nothing if that is not there or not whole."""
    try:
        data = file.read_bytes()
    except OSError:
        return {}
    if len(data) <= 4 or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
        return {}
    found: dict[_Sign, bytes] = marshal.loads(data[4:])  # noqa: S302 - as above
    return found


def _write(file: Path, codes: dict[_Sign, bytes]) -> None:
    """Keep them, whole or not at all; a folder that cannot be written keeps nothing."""
    data = marshal.dumps(codes)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_bytes(zlib.crc32(data).to_bytes(4, "big") + data)
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)
