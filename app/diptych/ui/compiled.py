"""Keeps what PySide compiles at every start.

PySide carries the modules behind its signatures as text within its library, so that no file of theirs can be compiled
for good: each process compiles them anew, which is a tenth of the time to a window. One of them, which writes stubs for
type checkers, is imported every time, brings half a dozen modules of Python's along, and is never asked for anything:
it is not run before it is.
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
from types import CodeType
from typing import Any, TypeAlias

_PLACE = "shibokensupport/"
_STUBS = _PLACE + "signature/lib/pyi_generator.py"
_UNTIL_ASKED = b"""
def __getattr__(name):
    from diptych.ui.compiled import run_late
    return run_late(__name__, globals(), name)
"""
_late: dict[str, bytes] = {}
"""Texts of modules that were not run, by the last part of their name."""
_Sign: TypeAlias = tuple[str, int, int]
"""Of a text: its name, its length and its check sum."""


def file_within(folder: Path) -> Path:
    """Where code is kept for this interpreter: another one may not understand it."""
    tag = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"
    return folder / f"pyside-{tag}.code"


@contextmanager
def kept(file: Path) -> Iterator[None]:
    """Until this is left, take from `file` what PySide has compiled; afterwards keep there what it had to compile."""
    known = _read(file)
    used: dict[_Sign, CodeType] = {}
    plain: Any = builtins.compile

    def look_up(source: Any, filename: Any, mode: str, *rest: Any, **named: Any) -> Any:
        if filename == _STUBS:
            _late["pyi_generator"], source = source, _UNTIL_ASKED
        if not (isinstance(source, bytes) and str(filename).startswith(_PLACE) and mode == "exec") or rest or named:
            return plain(source, filename, mode, *rest, **named)
        sign = str(filename), len(source), zlib.crc32(source)
        used[sign] = code = known.get(sign) or plain(source, filename, mode)
        return code

    builtins.compile = look_up
    try:
        yield
    finally:
        builtins.compile = plain
    if used.keys() - known.keys() and not sys.dont_write_bytecode:
        _write(file, used)


def run_late(module: str, names: dict[str, Any], name: str) -> Any:
    """Run a module after all, since `name` is asked of it. Raises AttributeError where it has none."""
    source = None if name.startswith("__") else _late.pop(module.rpartition(".")[2], None)
    if source is not None:
        del names["__getattr__"]
        exec(compile(source, _STUBS, "exec"), names)  # noqa: S102 - as PySide's own importer does
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return names[name]


def _read(file: Path) -> dict[_Sign, CodeType]:
    """What was kept; nothing if that is not there or not whole."""
    try:
        data = file.read_bytes()
    except OSError:
        return {}
    if len(data) <= 4 or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
        return {}
    found: dict[_Sign, CodeType] = marshal.loads(data[4:])  # noqa: S302 - what this program wrote, as Python its own
    return found


def _write(file: Path, codes: dict[_Sign, CodeType]) -> None:
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
