"""The window: Qt widgets over the workbench. The only part that knows Qt.

PySide replaces Python's `import` by one that reads the source of every module imported after it, to see whether that
wants to write `set_title` for `setTitle`. None of ours does, so the window takes the plain `import` back: its own
modules then come in a third less time, and so does what is imported later (matplotlib has two hundred modules).
"""

from __future__ import annotations

import builtins

from diptych import places
from diptych.ui.compiled import file_within, kept
from diptych.ui.enumerations import make_quickly

make_quickly()
with kept(file_within(places.cache_folder())):
    import PySide6

assert PySide6.__version__
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
