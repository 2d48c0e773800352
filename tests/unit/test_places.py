"""Where the program keeps its own files: as the platform's rules say, and as the environment says before them."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import PlatformDirs

from diptych import places

VARIABLES = ("DIPTYCH_CATALOG", "DIPTYCH_CONFIG", "DIPTYCH_CACHE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize("chosen", [None, "", "relative", "/somewhere/else", " /blank/before"])
@pytest.mark.parametrize("home", ["/home/somebody", "relative"])
def test_folders_are_those_that_the_platform_names(
    chosen: str | None, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        if chosen is not None and variable.startswith("XDG"):
            monkeypatch.setenv(variable, chosen)
    expected = PlatformDirs("diptych", appauthor=False)
    assert places.catalog_file() == Path(expected.user_data_dir) / "catalog.db"
    assert places.settings_file() == Path(expected.user_config_dir) / "settings.json"
    assert places.cache_folder() == Path(expected.user_cache_dir)


def test_the_environment_decides_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "~/here")
    assert places.catalog_file() == Path("/home/somebody/here")
    assert places.settings_file() == Path("/home/somebody/here/settings.json")
    assert places.cache_folder() == Path("/home/somebody/here")
