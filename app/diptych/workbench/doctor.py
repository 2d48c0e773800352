"""Whether everything the program stands on is in order."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from diptych import __version__, credentials, display, places
from diptych.catalog import Catalog
from diptych.credentials import Condition
from diptych.credentials.states import TOLD
from diptych.job import Job, Tick

_LITTLE_ROOM = 1 << 30
"""Bytes that should be free where the catalog lies."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    text: str
    hint: str = ""


def doctor(catalog: Catalog) -> Job[tuple[Check, ...]]:
    """Look at the program, the catalog and the library folders; nothing is changed."""
    looks: tuple[tuple[str, Callable[[Catalog], Check]], ...] = (
        ("program", _program),
        ("SQLite", _sqlite),
        ("catalog", _catalog),
        ("room", _room),
        ("library folders", _folders),
        ("settings", _settings),
        ("kernels", _kernels),
        ("window", _window),
    )
    checks = []
    for number, (name, look) in enumerate(looks):
        yield Tick(f"Looking at {name}", number, len(looks))
        checks.append(look(catalog))
    checks.append((yield from _keyring()))
    return tuple(checks)


def _program(_catalog: Catalog) -> Check:
    python = ".".join(str(part) for part in sys.version_info[:3])
    return Check("program", True, f"Diptych {__version__} on Python {python}")


def _sqlite(catalog: Catalog) -> Check:
    return Check("SQLite", True, f"version {catalog.sqlite_version}")


def _catalog(catalog: Catalog) -> Check:
    name = display.path(catalog.file)
    wrong = catalog.check()
    if wrong:
        return Check("catalog", False, f"{name}: {wrong}", "Move the file away and scan your folders again.")
    if catalog.readonly:
        return Check("catalog", False, f"{name}: cannot be written", "Make the file and its folder writable.")
    return Check("catalog", True, f"{name}: {display.plural(catalog.count(), 'version')}, in order")


def _room(catalog: Catalog) -> Check:
    free = shutil.disk_usage(catalog.file.parent).free
    enough = free >= _LITTLE_ROOM
    return Check("room", enough, f"{display.size(free)} free beside the catalog", "" if enough else "Free some space.")


def _folders(catalog: Catalog) -> Check:
    roots = catalog.roots()
    gone = [display.path(root.path) for root in roots if not root.path.is_dir()]
    if gone:
        hint = "Connect the drive, or remove the folder in Settings."
        return Check("library folders", False, f"not there: {display.listing(gone)}", hint)
    return Check("library folders", True, display.plural(len(roots), "library folder"))


def _settings(_catalog: Catalog) -> Check:
    file = places.settings_file()
    return Check("settings", True, display.path(file) if file.is_file() else "as delivered")


def _kernels(_catalog: Catalog) -> Check:
    """The compiled arithmetic is kept for all later processes; where it cannot be, slower arithmetic serves."""
    folder = places.cache_folder() / "kernels"
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        return Check("kernels", True, f"kept in {display.path(folder)}")
    hint = "Make that folder writable; until then comparisons of weights take longer."
    return Check("kernels", False, f"cannot be kept in {display.path(folder)}", hint)


def _keyring() -> Job[Check]:
    """Without a keyring everything works but keeping logins, so only one that is broken is wrong."""
    view = yield from credentials.look()
    broken = view.condition in (Condition.BROKEN, Condition.SILENT)
    return Check("keyring", not broken, str(view), TOLD[view.condition][1] if broken else "")


def _window(_catalog: Catalog) -> Check:
    if find_spec("PySide6") is None:
        return Check("window", False, "PySide6 is not installed", "The command line works without it.")
    seen = sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return Check("window", True, "can be opened" if seen else "no display here; pages can be drawn to pictures")
