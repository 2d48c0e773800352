"""Where the program keeps its own files."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def catalog_file() -> Path:
    """The catalog: `DIPTYCH_CATALOG`, or the platform's folder for data."""
    chosen = os.environ.get("DIPTYCH_CATALOG")
    return Path(chosen).expanduser() if chosen else _folder("data", "XDG_DATA_HOME", ".local/share") / "catalog.db"


def settings_file() -> Path:
    """The settings: in the folder `DIPTYCH_CONFIG`, or the platform's folder for configuration."""
    chosen = os.environ.get("DIPTYCH_CONFIG")
    folder = Path(chosen).expanduser() if chosen else _folder("config", "XDG_CONFIG_HOME", ".config")
    return folder / "settings.json"


def cache_folder() -> Path:
    """What can be made again at any time: the folder `DIPTYCH_CACHE`, or the platform's folder for caches."""
    chosen = os.environ.get("DIPTYCH_CACHE")
    return Path(chosen).expanduser() if chosen else _folder("cache", "XDG_CACHE_HOME", ".cache")


def resources() -> Path:
    """What ships with the program: beside the package when installed, at the top of the repository in a checkout."""
    installed = Path(__file__).parent / "resources"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "resources"


def _folder(kind: str, variable: str, usual: str) -> Path:
    """The program's folder of one kind. On Linux the rule is short enough to start without a library for it."""
    if sys.platform == "linux":
        chosen = Path(os.environ.get(variable, ""))
        parent = chosen if chosen.is_absolute() else Path.home() / usual
        if parent.is_absolute():  # unless the home folder is not
            return parent / "diptych"
    from platformdirs import PlatformDirs

    return Path(getattr(PlatformDirs("diptych", appauthor=False), f"user_{kind}_dir"))
