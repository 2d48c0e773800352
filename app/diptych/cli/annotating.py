"""The user's own judgement: `tag`, `note`, `remove`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.session import Session
from diptych.cli.verb import Add

if TYPE_CHECKING:
    from diptych.domain.version import Version


def register(add: Add) -> None:
    """Add the verbs."""
    tag = add("tag", "put tags on versions or take them off; without either, show them", _tag)
    tag.add_argument("refs", nargs="+", metavar="REF")
    tag.add_argument("--add", action="append", default=[], metavar="TAG", help="may be given several times")
    tag.add_argument("--remove", action="append", default=[], metavar="TAG", help="may be given several times")
    note = add("note", "write a note on a version in place of the one before; without text, show it", _note)
    note.add_argument("ref", metavar="REF")
    note.add_argument("text", nargs="?", metavar="TEXT", help="'' takes the note away")
    remove = add("remove", "forget versions; their files are not touched, and the next scan finds them again", _remove)
    remove.add_argument("refs", nargs="+", metavar="REF")


def _tag(session: Session, options: Namespace) -> int:
    versions = _resolved(session, options.refs)
    if options.add or options.remove:
        session.workbench.tag([version.key for version in versions], options.add, options.remove)
        versions = session.workbench.versions([version.key for version in versions])
    if session.terminal.json:
        session.terminal.say_json(
            [{"id": version.id, "name": version.name, "tags": [*sorted(version.tags)]} for version in versions]
        )
        return 0
    for version in versions:
        session.terminal.say(display.visible(f"{version.name}: {', '.join(sorted(version.tags)) or 'no tags'}"))
    return 0


def _note(session: Session, options: Namespace) -> int:
    version = session.workbench.resolve(options.ref)
    if options.text is not None:
        session.workbench.note(version.key, options.text)
        (version,) = session.workbench.versions([version.key])
    if session.terminal.json:
        session.terminal.say_json({"id": version.id, "name": version.name, "note": version.note})
    elif version.note:
        session.terminal.say(display.visible(version.note, keep_newlines=True))
    else:
        session.terminal.tell("no note" if options.text is None else "Took the note away.")
    return 0


def _remove(session: Session, options: Namespace) -> int:
    versions = _resolved(session, options.refs)
    session.workbench.remove([version.key for version in versions])
    if session.terminal.json:
        session.terminal.say_json([{"id": version.id, "name": version.name} for version in versions])
        return 0
    session.terminal.tell(f"Forgot {display.plural(len(versions), 'version')}; no file was touched.")
    return 0


def _resolved(session: Session, refs: list[str]) -> list[Version]:
    """Every version named, each once; all must be found before anything is written."""
    found = {version.key: version for version in map(session.workbench.resolve, refs)}
    return list(found.values())
