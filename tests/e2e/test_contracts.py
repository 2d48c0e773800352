"""The house rules on who may import whom hold, and are seen to fail when broken."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import diptych

ROOT = Path(__file__).parents[2]
MODULES = sorted(module.name for module in pkgutil.walk_packages(diptych.__path__, "diptych."))

CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
]

VIOLATIONS = [
    ("Each layer knows only the ones below", {"domain/stray.py": "import diptych.catalog"}),
    ("Each layer knows only the ones below", {"compare/stray.py": "import diptych.catalog"}),
    ("Each layer knows only the ones below", {"stray.py": '"""A module without a layer."""'}),
    ("Qt and matplotlib stay in the window", {"domain/stray.py": "import PySide6.QtCore"}),
    ("SQL stays in the catalog", {"workbench/stray.py": "import sqlite3"}),
    ("Widgets know nothing of models", {"ui/widgets/stray.py": "import diptych.domain.version"}),
    (
        "Panes do not know one another",
        {"ui/panes/stray.py": "import diptych.ui.panes.other", "ui/panes/other.py": '"""Another pane."""'},
    ),
]


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house / "app")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_is_broken_here_once() -> None:
    assert {name for name, _ in VIOLATIONS} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "files"), VIOLATIONS, ids=[next(iter(files)) for _, files in VIOLATIONS])
def test_a_violation_is_seen(contract: str, files: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in files.items():
        (tmp_path / "app" / "diptych" / name).write_text(f"{text}\n", encoding="utf-8")
    done = lint(tmp_path)
    broken = [line.removesuffix("BROKEN").strip() for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert done.returncode == 1
    assert broken == [contract], done.stdout


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_imported(name: str) -> None:
    importlib.import_module(name)


def test_the_core_and_the_command_line_live_without_qt() -> None:
    program = (
        "import sys\n"
        "for name in ('PySide6', 'shiboken6', 'matplotlib', 'qtawesome'):\n"
        "    sys.modules[name] = None\n"
        "import diptych.workbench, diptych.cli, diptych.__main__\n"
    )
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT / "app")}, check=True)
