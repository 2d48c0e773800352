"""Reading weights once and asking what lies near: `fingerprint`, `neighbours`."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace

from diptych import display
from diptych.cli.session import Session
from diptych.cli.table import Heading, aligned
from diptych.cli.verb import Add


def register(add: Add) -> None:
    """Add the verbs."""
    making = add("fingerprint", "read weights once: final ids, and comparisons without the files", _fingerprint)
    making.add_argument("refs", nargs="*", metavar="REF", help="default: every version that has none")
    asking = add("neighbours", "the versions whose weights lie nearest to those of a version", _neighbours)
    asking.add_argument("ref", metavar="REF")
    asking.add_argument("--limit", type=_positive, default=20, metavar="N", help="at most so many (20)")


def _positive(text: str) -> int:
    """A number of versions, for `argparse`."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _fingerprint(session: Session, options: Namespace) -> int:
    workbench = session.workbench
    keys = [workbench.resolve(ref).key for ref in options.refs] if options.refs else None
    report = session.terminal.run(workbench.fingerprint(keys))
    if session.terminal.json:
        session.terminal.say_json(
            {
                "versions": report.versions,
                "known": report.known,
                "files": report.files,
                "bytes": report.bytes,
                "duplicates": report.duplicates,
                "problems": [{"file": problem.file, "reason": problem.reason} for problem in report.problems],
            }
        )
        return 0
    for problem in report.problems:
        session.terminal.tell(display.visible(str(problem)))
    session.terminal.say(str(report) if report.files or report.known else "no weights to read")
    return 0


def _neighbours(session: Session, options: Namespace) -> int:
    workbench = session.workbench
    found = workbench.neighbours(workbench.resolve(options.ref), options.limit)
    if session.terminal.json:
        session.terminal.say_json(
            [{"id": one.version.id, "name": one.version.name, "distance": one.distance} for one in found]
        )
        return 0
    if not found:
        session.terminal.say("no other version with a fingerprint has the same tensors")
        return 0
    headings = (Heading("ID"), Heading("NAME", elastic=True), Heading("DISTANCE", right=True))
    cells = [[one.version.short_id, display.visible(one.version.name), distance(one.distance)] for one in found]
    for line in aligned(headings, cells, session.terminal.width):
        session.terminal.say(line)
    session.terminal.tell("Distances are ‖ΔW‖ ∕ ‖W‖ over all tensors, estimated from fingerprints.")
    return 0


def distance(value: float) -> str:
    """The distance of two versions in words."""
    return f"≈ {display.number(value, 3)}" if value else "equal"
