"""What stays of a job when whoever waited for its result has it."""

from __future__ import annotations

from diptych.domain.sheet import Sheet
from diptych.domain.shipping import Standing, Verified, Voyage
from diptych.domain.version import Problem
from diptych.job import Tick


def told(result: object) -> str:
    """What it came to, in one line."""
    if isinstance(result, Sheet):
        return result.counts
    for_people = isinstance(result, str) or type(result).__str__ is not object.__str__
    return str(result) if for_people else "Done"


def problems_of(result: object) -> tuple[Problem, ...]:
    """The files it could not use; of a delivery those that are not as delivered."""
    if isinstance(result, Verified):
        changed = (one for one in result.files if one[1] is not Standing.SAME)
        return tuple(Problem(name, f"{standing}, {found}" if found else standing) for name, standing, found in changed)
    return tuple(problem for problem in getattr(result, "problems", ()) if isinstance(problem, Problem))


def left_of(tick: Tick) -> Tick:
    """The last tick of a job: where a push was stays with it, a part of the result does not."""
    return tick if isinstance(tick.partial, Voyage) else tick._replace(partial=None)
