"""What a tooltip says of a cell of the library: the exact value, whole."""

from __future__ import annotations

from diptych import display
from diptych.domain.version import Version
from diptych.ui.models.columns import METRIC, STATE_REASONS

PROBLEMS = 8
"""Problems of one version that a tooltip lists."""


def tip(version: Version, key: str, text: str) -> str:
    """What to say of the column `key` (`name` of the first one); `text` where it is no more than the cell says."""
    if key == "name":
        return _name(version)
    if key == "state":
        lines = [f"{version.kind}, {version.state}", STATE_REASONS.get(version.state, "")]
        lines += [display.visible(str(problem)) for problem in version.problems[:PROBLEMS]]
        return "\n".join(filter(None, lines))
    if key == "base" and version.base:
        return f"{version.base.relation} {display.visible(version.base.name)}"
    if key == "format":
        return " · ".join(display.visible(part) for part in (version.format, version.dtype) if part)
    return _number(version, key) or text


def _name(version: Version) -> str:
    lines = [display.visible(version.name), display.path(version.path) if version.path else ""]
    lines.append(STATE_REASONS.get(version.state, ""))
    lines.append(f"{version.stars} of 5 stars" if version.stars else "")
    lines.append(", ".join(display.visible(tag) for tag in sorted(version.tags)))
    return "\n".join(filter(None, lines))


def _number(version: Version, key: str) -> str:
    if key == "created" and version.created is not None:
        return display.exact_time(version.created)
    if key == "step" and version.step is not None:
        return f"step {version.step:,}"
    if key == "size" and version.bytes:
        return f"{version.bytes:,} bytes"
    if key == "parameters" and version.parameters is not None:
        return f"{version.parameters:,} parameters"
    name = key.removeprefix(METRIC)
    if name != key and name in version.metrics:
        return f"{display.visible(name)}: {version.metrics[name]!r}"
    return ""


def plain_tip(text: str) -> str:
    """`text` for a tooltip, shown letter by letter: Qt would otherwise take markup in foreign text for its own."""
    from html import escape  # with its table of two thousand entities only when a tip is shown

    return f'<p style="white-space: pre-wrap">{escape(text)}</p>' if text else ""
