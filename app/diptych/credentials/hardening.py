"""Keeping what a process knows out of files that a crash would leave behind."""

from __future__ import annotations

import ctypes
import signal
import sys
from contextlib import suppress

_SET_PARENT_DEATH_SIGNAL = 1
_SET_DUMPABLE = 4


def forbid_core_files() -> None:
    """No core file of this process is written when it crashes."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def forbid_looking() -> None:
    """Other processes of the user cannot look into the memory of this one; nor can a desktop ask who it is.

    A window needs the latter for its file dialogs, so this is for children that only handle secrets.
    """
    _control(_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """End this process when the one that started it is gone."""
    _control(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
