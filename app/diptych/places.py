"""Where the program keeps its own files."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

_DIRS = PlatformDirs("diptych", appauthor=False)


def catalog_file() -> Path:
    """The catalog: `DIPTYCH_CATALOG`, or the platform's folder for data."""
    chosen = os.environ.get("DIPTYCH_CATALOG")
    return Path(chosen).expanduser() if chosen else Path(_DIRS.user_data_dir) / "catalog.db"


def settings_file() -> Path:
    """The settings: in the folder `DIPTYCH_CONFIG`, or the platform's folder for configuration."""
    chosen = os.environ.get("DIPTYCH_CONFIG")
    return (Path(chosen).expanduser() if chosen else Path(_DIRS.user_config_dir)) / "settings.json"


def cache_folder() -> Path:
    """What can be made again at any time: the folder `DIPTYCH_CACHE`, or the platform's folder for caches."""
    chosen = os.environ.get("DIPTYCH_CACHE")
    return Path(chosen).expanduser() if chosen else Path(_DIRS.user_cache_dir)


def resources() -> Path:
    """What ships with the program: beside the package when installed, at the top of the repository in a checkout."""
    installed = Path(__file__).parent / "resources"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "resources"
