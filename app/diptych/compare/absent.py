"""Why a version has nothing of a kind, in one line: what is not here is no difference."""

from __future__ import annotations

from pathlib import PurePath

from diptych import display
from diptych.domain.dossier import Dossier
from diptych.domain.version import Problem, Role, State
from diptych.formats import FORMATS

_WORDS = {State.DAMAGED: "are damaged", State.PARTIAL: "are not complete"}


def weights(dossier: Dossier, side: str) -> str:
    """Why `side` has no tensor: no file, a format that is not read, or a file that is broken."""
    version = dossier.version
    if version.format and all(version.format != read.key for read in FORMATS):
        return f"{side}'s weights are in a format that is not read yet: {display.visible(version.format)}"
    if fault := _fault(dossier, Role.WEIGHTS):
        return f"{side}'s weights {_WORDS.get(version.state, 'cannot be read')}: {display.visible(fault.reason)}"
    return f"no weights of {side} are here"


def incomplete(dossier: Dossier, side: str) -> str:
    """Why a tensor that `side` has not may well belong to it; empty where all of its files are here."""
    state = dossier.version.state
    partial = state is State.PARTIAL or (state is State.OFFLINE and _was_partial(dossier))
    return f"{side}'s weights are not complete" if partial else ""


def _was_partial(dossier: Dossier) -> bool:
    """Whether weights were missing or broken when the files of a version were last here."""
    weights = {
        PurePath(artifact.path).suffix for artifact in dossier.version.artifacts if artifact.role is Role.WEIGHTS
    }
    return any(PurePath(problem.file).suffix in weights for problem in dossier.problems)


def configuration(dossier: Dossier, side: str) -> str:
    """Why `side` has no setting of its architecture."""
    if fault := _fault(dossier, Role.CONFIG):
        return f"{side}'s configuration cannot be read: {display.visible(_told(fault))}"
    return f"no configuration of {side} is here"


def _fault(dossier: Dossier, role: Role) -> Problem | None:
    """The first problem with a file of that role."""
    names = {PurePath(artifact.path).name for artifact in dossier.version.artifacts if artifact.role is role}
    return next((problem for problem in dossier.problems if PurePath(problem.file).name in names), None)


def _told(problem: Problem) -> str:
    return f"{PurePath(problem.file).name}: {problem.reason}"
