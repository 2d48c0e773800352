"""What a verb works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from diptych.cli.terminal import Terminal

if TYPE_CHECKING:
    from diptych.workbench import Workbench


class Window(Protocol):
    """The way into the window, which the command line does not know. Each raises `Refused` where it cannot be."""

    def open(self, catalog: Path | None, sample: bool) -> int:
        """Show the window until it is closed; return the exit code."""

    def render(self, folder: Path) -> list[Path]:
        """Draw the pages over the sample library into `folder`; return the files."""


def subject(ref: str) -> str | Path:
    """What is meant by a REF: a path where it can be nothing else, so that one that is not there is told as such."""
    return Path(ref) if ref.startswith(("/", "./", "../", "~/")) or ref in (".", "..", "~") else ref


@dataclass(slots=True)
class Session:
    """The terminal, the window, and the workbench, which opens when it is first used."""

    terminal: Terminal
    catalog: Path | None
    window: Window
    _workbench: Workbench | None = field(default=None, init=False)

    @property
    def workbench(self) -> Workbench:
        """The workbench over the chosen catalog."""
        if self._workbench is None:
            from diptych.workbench import Workbench

            self._workbench = Workbench.open(self.catalog)
        return self._workbench

    def close(self) -> None:
        """Close the catalog if it was opened."""
        if self._workbench is not None:
            self._workbench.catalog.close()
