"""What every test stands on: a home of its own, so that none touches the user's catalog or settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from diptych.workbench import Workbench


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
def workbench(home: Path) -> Iterator[Workbench]:
    """A workbench over an empty catalog, with the default settings."""
    from diptych.catalog import Catalog
    from diptych.settings import Settings
    from diptych.workbench import Workbench

    made = Workbench(Catalog(home / "catalog.db"), Settings())
    yield made
    made.catalog.close()
