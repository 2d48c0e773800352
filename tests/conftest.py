"""What every test stands on: a home of its own, so that none touches the user's catalog or settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from diptych.workbench import Workbench


os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

_USERS = frozenset({"XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_CONFIG", "NETRC", "PYTHON_KEYRING_BACKEND"})


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the user's home."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("DIPTYCH_CATALOG", str(folder / "catalog.db"))
    monkeypatch.setenv("DIPTYCH_CONFIG", str(folder / "config"))
    for name in list(os.environ):
        # nor the user's keyring and logins
        if name in _USERS or name.startswith(("HF_", "AWS_", "DIPTYCH_TOKEN_", "DIPTYCH_USER_")):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes what a test has measured, with its denominator, to be printed when all have ended."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, by whichever process."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    found = {
        value
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == "figure"
    }
    if found:
        terminalreporter.section("figures")
        for text in sorted(map(str, found)):
            terminalreporter.line(text)


@pytest.fixture
def workbench(home: Path) -> Iterator[Workbench]:
    """A workbench over an empty catalog, with the default settings."""
    from diptych.catalog import Catalog
    from diptych.settings import Settings
    from diptych.workbench import Workbench

    made = Workbench(Catalog(home / "catalog.db"), Settings())
    yield made
    made.catalog.close()
