"""The verbs of the program, the same for the window and the terminal."""

from __future__ import annotations

from diptych.workbench.bench import Subject, Workbench
from diptych.workbench.hash import HashReport
from diptych.workbench.scan import ScanReport
from diptych.workbench.usual import UsualPlace

__all__ = ["HashReport", "ScanReport", "Subject", "UsualPlace", "Workbench"]
