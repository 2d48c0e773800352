"""What a facet is: one question put to two versions."""

from __future__ import annotations

from typing import Protocol

from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.job import Job


class Facet(Protocol):
    """One question put to two versions. Pure: it sees dossiers and rules, and answers with a sheet.

    A facet is total. Missing evidence, an unreadable file or an empty side become rows and notes, not errors.
    """

    @property
    def key(self) -> str:
        """The name in commands and JSON (`weights`)."""
        ...

    @property
    def title(self) -> str:
        """The heading that people see."""
        ...

    @property
    def heavy(self) -> bool:
        """Whether it reads files, so that it should run after the others."""
        ...

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """What differs, with ticks whose `partial` is the sheet so far where that helps."""
        ...
