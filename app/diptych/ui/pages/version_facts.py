"""The facts of one version as label and value, for the inspector and its own page."""

from __future__ import annotations

from diptych import display
from diptych.domain.version import State, Version
from diptych.ui.context import Inspection
from diptych.ui.models.columns import STATE_REASONS


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


def facts(version: Version) -> tuple[tuple[str, str], ...]:
    """Label and value, exact."""
    state = str(version.state)
    reason = STATE_REASONS.get(version.state, "") if version.state is not State.COMPLETE else ""
    rows = [
        ("Id", version.id if version.hashed else f"{version.id} (not hashed yet)"),
        ("Kind", str(version.kind)),
        ("State", f"{state}: {reason}" if reason else state),
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
