"""What a page, a pane or an action gets: the workbench, the runner, the look, and the few signals that join pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QObject, Signal

from diptych.domain.changes import Changes
from diptych.errors import DiptychError
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.writing import Writing
from diptych.workbench import Workbench


class Alert(NamedTuple):
    """A line at the top of the page: what happened, what to do, and a button that does it."""

    message: str
    hint: str = ""
    remedy: str = ""
    """Text of the button; empty for none."""
    act: Callable[[], None] | None = None
    serious: bool = False
    done: bool = True
    """Whether something was done or found; False where there was nothing to do, which earns no check mark."""


class Inspection(NamedTuple):
    """What the inspector shows of the thing under the cursor."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value; values are shown whole and can be copied."""
    source: str = ""
    """Where the value comes from, in one line."""
    texts: tuple[tuple[str, str], ...] = ()
    """Label and long text, for whole values."""


class Context(QObject):
    """Passed by constructor to everything in the window. Widgets emit intents here and know no other page."""

    changed = Signal(object)
    """`Changes`: read again what you show of these versions."""
    alerted = Signal(object)
    """`Alert`."""
    inspected = Signal(object)
    """`Inspection`, or None when the cursor left."""
    version_asked = Signal(int)
    """Show this version (key)."""
    comparison_asked = Signal(object, object)
    """Compare these two: each a `Version`, a path, or a REF."""
    library_asked = Signal(str)
    """Show the library with this query."""
    lineage_asked = Signal(int)
    """Show what this version (key) descends from and gave rise to."""
    timelapse_asked = Signal(str, object)
    """Show how the weights of this run (its name) moved, at a step or None."""
    page_asked = Signal(str)
    """Show the page with this key."""
    delivered = Signal()
    """A push has ended well, or one that was under way was given up."""

    def __init__(self, workbench: Workbench, runner: Runner, theme: Theme) -> None:
        super().__init__()
        self.workbench = workbench
        self.runner = runner
        self.theme = theme
        self.writing = Writing(runner, self.fail, self)
        runner.unhandled.connect(self.fail)

    def fail(self, error: Exception) -> None:
        """Show an error: kindly where the user can act on it, as a bug otherwise."""
        if isinstance(error, DiptychError):
            self.alerted.emit(Alert(error.message, error.hint, serious=True))
        else:
            self.alerted.emit(Alert(f"This is a bug: {type(error).__name__}: {error}", serious=True))

    def apply(self, changes: Changes) -> None:
        """Tell every page what a write touched."""
        if changes:
            self.changed.emit(changes)
