"""Finding versions and reading their files: `scan`, `hash`."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.session import Session
from diptych.cli.verb import Add

if TYPE_CHECKING:
    from diptych.domain.changes import Changes
    from diptych.domain.evidence import Plain
    from diptych.domain.version import Problem


def register(add: Add) -> None:
    """Add the verbs."""
    scan = add("scan", "find the versions in folders and remember the folders", _scan)
    scan.add_argument("paths", nargs="*", type=_path, metavar="PATH", help="default: the folders scanned before")
    hashing = add("hash", "read every file once: final ids, duplicates, moved folders", _hash)
    hashing.add_argument("refs", nargs="*", metavar="REF", help="default: every version not hashed yet")


def _path(text: str) -> Path:
    """A path, for `argparse`; an empty one would mean the current folder."""
    if not text:
        raise ArgumentTypeError("an empty path; . is the current folder")
    return Path(text)


def _scan(session: Session, options: Namespace) -> int:
    workbench = session.workbench
    paths = options.paths or [root.path for root in workbench.roots()]
    report = session.terminal.run(workbench.scan(paths))
    if session.terminal.json:
        session.terminal.say_json(
            {
                "versions": report.versions,
                "files": report.files,
                **_counts(report.changes),
                "problems": _problems(report.problems),
                "seconds": round(report.seconds, 3),
            }
        )
        return 0
    for problem in report.problems:
        session.terminal.tell(display.visible(str(problem)))
    session.terminal.say(f"{report} · {report.seconds:.1f} s")
    if not paths:
        session.terminal.tell("No library folder is known yet. Name one: diptych scan FOLDER")
    elif not report.versions and any(path.exists() for path in paths):
        names = display.listing(display.path(path) for path in paths)
        session.terminal.tell(f"Nothing in {names} is a model, an adapter, a checkpoint or a record of one.")
    return 0


def _hash(session: Session, options: Namespace) -> int:
    workbench = session.workbench
    keys = [workbench.resolve(ref).key for ref in options.refs] if options.refs else None
    report = session.terminal.run(workbench.hash(keys))
    if session.terminal.json:
        session.terminal.say_json(
            {
                "files": report.files,
                "bytes": report.bytes,
                "duplicates": report.duplicates,
                **_counts(report.changes),
                "problems": _problems(report.problems),
            }
        )
        return 0
    for problem in report.problems:
        session.terminal.tell(display.visible(str(problem)))
    session.terminal.say(str(report) if report.files else "nothing to hash")
    return 0


def _counts(changes: Changes) -> dict[str, Plain]:
    return {"added": len(changes.added), "updated": len(changes.updated), "removed": len(changes.removed)}


def _problems(problems: Sequence[Problem]) -> list[Plain]:
    return [{"file": problem.file, "reason": problem.reason} for problem in problems]
