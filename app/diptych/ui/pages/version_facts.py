"""The facts of one version as label and value, for the inspector and its own page."""

from __future__ import annotations

from pathlib import Path

from diptych import display
from diptych.domain.version import Problem, State, Version
from diptych.ui.context import Inspection
from diptych.ui.models.columns import STATE_REASONS, metric_text, metric_title
from diptych.ui.models.summary import Summary, best

BEST_SHOWN = 8
"""Metrics of a run that the inspector tells the best value of."""


def inspection(version: Version) -> Inspection:
    """What the inspector shows of a version."""
    problems = "\n".join(display.visible(str(problem)) for problem in version.problems)
    texts = [(title, text) for title, text in (("Note", version.note), ("Problems", problems)) if text]
    source = version.base.source.file if version.base else ""
    return Inspection(
        title=display.visible(version.name),
        facts=facts(version),
        source=f"Base: {display.path(source)}" if source else "",
        texts=tuple(texts),
    )


def told(problem: Problem, version: Version) -> str:
    """A problem in one line, its file named as it lies within the folder of the version."""
    name = problem.file
    if version.path is not None and Path(name).is_relative_to(version.path):
        name = Path(name).relative_to(version.path).as_posix()
    return display.visible(f"{name}: {problem.reason}" if name != "." else problem.reason)


def run_inspection(run: Summary) -> Inspection:
    """What the inspector shows of a run: its checkpoints taken together."""
    steps = f"{run.first_step:,} to {run.last_step:,}" if run.first_step is not None else ""
    states = ", ".join(f"{count:,} {state}" for state, count in run.states.items())
    rows = [
        (run.noun.capitalize() + "s", f"{run.versions:,}"),
        ("Steps", steps if run.first_step != run.last_step else steps.partition(" ")[0]),
        ("Not complete", states),
        ("Base", run.common.get("base", "")),
        ("Format", " · ".join(filter(None, (run.common.get("format", ""), run.common.get("dtype", ""))))),
        ("Weights", display.size(run.bytes) if run.bytes else ""),
        ("Newest", display.exact_time(run.created) if run.created is not None else ""),
    ]
    tops = [(name, best(name, values)) for name, values in run.metrics.items()]
    known = [(name, top) for name, top in tops if top is not None][:BEST_SHOWN]
    rows += [(f"Best {metric_title(name)}", metric_text(top)) for name, top in known]
    return Inspection(
        display.visible(run.model),
        tuple((display.visible(label), display.visible(value)) for label, value in rows if value),
    )


def facts(version: Version) -> tuple[tuple[str, str], ...]:
    """Label and value, exact."""
    reason = STATE_REASONS.get(version.state, "") if version.state is not State.COMPLETE else ""
    rows = [
        ("Id", version.id if version.hashed else f"{version.id} (not hashed yet)"),
        ("Kind", str(version.kind)),
        ("State", str(version.state)),
        ("Which means", reason),
        ("Model", version.model),
        ("Step", f"{version.step:,}" if version.step is not None else ""),
        ("Base", f"{version.base.relation} {version.base.name}" if version.base else ""),
        ("Base revision", (version.base.revision or "") if version.base else ""),
        ("Family", version.family),
        ("Format", " · ".join(filter(None, (version.format, version.dtype)))),
        ("Parameters", f"{version.parameters:,}" if version.parameters is not None else ""),
        ("Weights", f"{version.bytes:,} bytes ({display.size(version.bytes)})" if version.bytes else ""),
        ("Created", display.exact_time(version.created) if version.created is not None else ""),
        ("Files", str(len(version.artifacts)) if version.artifacts else ""),
        ("Stars", f"{version.stars} of 5" if version.stars else ""),
        ("Tags", ", ".join(sorted(version.tags))),
    ]
    places = version.places or ((version.path,) if version.path else ())
    rows += [("Path" if number == 0 else "Also at", str(place)) for number, place in enumerate(places)]
    return tuple((label, display.visible(value)) for label, value in rows if value)
