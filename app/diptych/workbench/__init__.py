"""The verbs of the program, the same for the window and the terminal."""

from __future__ import annotations

from diptych.workbench.bench import Subject, Workbench

__all__ = ["Subject", "Workbench"]
