"""What PySide compiles at every start is compiled once, and is the same afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diptych.ui.compiled import file_within, kept

NAME = "shibokensupport/made_up.py"
CODE = """
import builtins
plain, compiled = builtins.compile, []

def counting(source, filename, mode, *rest, **named):
    if str(filename).startswith("shibokensupport/"):
        compiled.append(filename)
    return plain(source, filename, mode, *rest, **named)

builtins.compile = counting
import diptych.ui
assert builtins.compile is counting
from PySide6.QtCore import QPoint
count = len(compiled)
try:
    QPoint("one", "two")
except TypeError as error:
    print(count)
    print(ascii(str(error)))
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where code is kept by a Python that writes compiled modules."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return file_within(tmp_path / "cache")


def start(cache: Path) -> tuple[int, str]:
    """How many of its modules PySide compiles in a new process, and what it tells by them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DIPTYCH_CACHE": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(cache / "modules")
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=environment)
    count, told = run.stdout.splitlines()
    return int(count), told


def run(source: bytes, file: Path) -> object:
    """What a module says whose text is `source`, by way of what is kept."""
    module: dict[str, object] = {}
    with kept(file):
        exec(compile(source, NAME, "exec"), module)
    return module["said"]


def test_the_second_start_compiles_nothing_and_knows_the_same(tmp_path: Path) -> None:
    first, told = start(tmp_path)
    assert first > 5
    assert "(xpos: int, ypos: int, /)" in told
    assert start(tmp_path) == (0, told)


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_what_is_damaged_is_compiled_and_kept_anew(tmp_path: Path, damage: bytes | None) -> None:
    first = start(tmp_path)
    (kept_there,) = tmp_path.glob("*.codes")
    whole = kept_there.read_bytes()
    kept_there.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
    assert start(tmp_path) == first
    assert start(tmp_path) == (0, first[1])


def test_another_text_of_the_same_name_and_length_is_another_module(file: Path) -> None:
    assert run(b"said = 1", file) == 1
    assert run(b"said = 2", file) == 2
    assert run(b"said = 1", file) == 1


def test_only_the_modules_of_pyside_are_kept(file: Path) -> None:
    with kept(file):
        compile(b"said = 1", "elsewhere.py", "exec")
        compile("1 + 1", NAME, "eval")
        compile(b"said = 1", NAME, "exec", dont_inherit=True)
    assert not file.exists()


def test_nothing_is_kept_where_python_keeps_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert run(b"said = 1", file) == 1
    assert not file.parent.exists()


def test_a_folder_that_cannot_be_written_keeps_nothing(file: Path) -> None:
    file.parent.write_text("not a folder")
    assert run(b"said = 1", file) == 1


def test_the_plain_compiler_is_back_after_an_error(file: Path) -> None:
    plain = compile
    with pytest.raises(SyntaxError), kept(file):
        compile(b"said =", NAME, "exec")
    assert compile is plain
    assert not file.exists()


LATE = """
import sys
import diptych.ui
from PySide6.QtCore import QPoint
from PySide6.support.signature.lib import pyi_generator
print("argparse" in sys.modules, hasattr(pyi_generator, "__path__"), "argparse" in sys.modules)
print(pyi_generator.Writer.__name__, hasattr(pyi_generator, "nothing"), "argparse" in sys.modules)
"""


def test_what_writes_stubs_is_run_when_something_is_asked_of_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DIPTYCH_CACHE": str(tmp_path)}
    for _ in range(2):  # compiled anew, and as it was kept
        run = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True, env=environment)
        assert run.stdout.splitlines() == ["False False False", "Writer False True"]


def test_threads_that_ask_at_once_wait_until_it_has_run(file: Path) -> None:
    name = "shibokensupport/signature/layout.py"
    module: dict[str, object] = {"__name__": "layout", "__file__": name}
    with kept(file):
        exec(compile(b"import time\nruns = []\ntime.sleep(0.1)\nruns.append(1)\nsaid = runs", name, "exec"), module)
    ask = module["__getattr__"]
    assert callable(ask)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, ["said"] * 8)) == [[1]] * 8
