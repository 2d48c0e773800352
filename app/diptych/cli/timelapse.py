"""How the weights of a run moved from checkpoint to checkpoint: `timelapse`."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.session import Session
from diptych.cli.table import Heading, aligned
from diptych.cli.verb import Add
from diptych.domain.version import Version
from diptych.errors import NotFound

if TYPE_CHECKING:
    from diptych.compare.moments import Measured, Moment
    from diptych.compare.timelapse import Timelapse
    from diptych.domain.evidence import Plain
    from diptych.workbench.timelapse import RunLapse

_NAMED = 4
"""Checkpoints that a hint names one by one."""
_HEADINGS = (
    Heading("STEP", right=True),
    Heading("SINCE PREVIOUS", right=True),
    Heading("FROM START", right=True),
    Heading("TO END", right=True),
    Heading("MOVED MOST", elastic=True),
)


def register(add: Add) -> None:
    """Add the verb."""
    asking = add("timelapse", "how far the weights of a run moved, checkpoint by checkpoint", _timelapse)
    asking.add_argument("ref", metavar="RUN", help="the name of a run, or REF of any of its checkpoints")


def _timelapse(session: Session, options: Namespace) -> int:
    workbench, terminal = session.workbench, session.terminal
    found = terminal.run(workbench.timelapse(workbench.run_of(options.ref)))
    if found.moved is None:
        raise _too_few(found)
    # what it needs computes, which other verbs do not wait for
    from diptych.compare.moments import SOURCE, moments

    steps = moments(found.moved)
    if terminal.json:
        terminal.say_json(_as_json(found, found.moved, steps))
        return 0
    cells = [
        [f"{one.step:,}", "–" if one.before is None else str(one.stride), str(one.from_start), str(one.to_end),
         display.listing([str(layer) for layer in one.most])]
        for one in steps
    ]  # fmt: skip
    terminal.say_all(aligned(_HEADINGS, cells, terminal.width))
    terminal.say()
    terminal.say_all(found.told)
    terminal.tell(f"Distances are ‖ΔW‖ ∕ ‖W₀‖ over all tensors, {SOURCE}; ± holds in 95 of 100 cases.")
    if found.moved.left_out:
        terminal.tell(f"Not in every checkpoint in one shape: {display.plural(found.moved.left_out, 'tensor')}.")
    missing = len(found.waiting) + found.absent
    if missing:
        terminal.tell(f"Left out, since they have no fingerprint: {display.plural(missing, 'checkpoint')}."
                      + (f" {_hint(found.waiting)}" if found.waiting else ""))  # fmt: skip
    return 0


def _too_few(found: RunLapse) -> NotFound:
    name = display.visible(found.model)
    total = len(found.versions) + len(found.waiting) + found.absent
    if total == 1:
        return NotFound(f"{name}: has one checkpoint; a time-lapse needs two")
    known = f"only 1 of {total:,} checkpoints has a fingerprint" if found.versions else "no fingerprints yet"
    if not found.waiting:
        return NotFound(f"{name}: {known}", "Scan the folder that holds its weights, then fingerprint them.")
    return NotFound(f"{name}: {known}", _hint(found.waiting))


def _hint(waiting: Sequence[Version]) -> str:
    names = " ".join(shlex.quote(one.name) for one in waiting) if len(waiting) <= _NAMED else ""
    return f"Make them: diptych fingerprint {display.visible(names)}".rstrip()


def _as_json(found: RunLapse, moved: Timelapse, steps: Sequence[Moment]) -> Plain:
    from diptych.compare.moments import SOURCE, of
    from diptych.compare.timelapse import Against

    def layers(place: int) -> dict[str, Plain]:
        return {
            row: {against.value: _pair(of(moved.layers[against], place, number)) for against in Against}
            for number, row in enumerate(moved.rows)
        }

    return {
        "run": found.model,
        "source": SOURCE,
        "steps": [
            {
                "step": one.step,
                "id": version.id,
                "name": version.name,
                "since_previous": _pair(one.stride),
                "from_start": _pair(one.from_start),
                "to_end": _pair(one.to_end),
                "most": [layer.row for layer in one.most],
                "layers": layers(one.place),
                "path": [float(value) for value in moved.path.points[one.place]],
            }
            for one, version in zip(steps, found.versions, strict=True)
        ],
        "path_explained": list(moved.path.explained),
        "told": list(found.told),
        "tensors_left_out": moved.left_out,
        "without_fingerprint": len(found.waiting) + found.absent,
    }


def _pair(one: Measured) -> Plain:
    return {"value": one.value, "error": one.error}
