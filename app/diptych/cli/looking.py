"""Around the work: `doctor`, `sample`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from diptych import display
from diptych.cli.session import Session
from diptych.cli.verb import Add


def register(add: Add) -> None:
    """Add the verbs."""
    add("doctor", "look at the installation; the exit code is 1 where something is wrong", _doctor)
    sample = add("sample", "open the window on the sample library", _sample)
    sample.add_argument("--render", type=Path, metavar="FOLDER", help="draw its pages to pictures instead")


def _doctor(session: Session, options: Namespace) -> int:
    checks = session.terminal.run(session.workbench.doctor())
    if session.terminal.json:
        session.terminal.say_json(
            [{"name": check.name, "ok": check.ok, "text": check.text, "hint": check.hint} for check in checks]
        )
    else:
        room = max(len(check.name) for check in checks)
        for check in checks:
            session.terminal.say(f"{'ok' if check.ok else 'NO'}  {check.name:<{room}}  {display.visible(check.text)}")
            if not check.ok and check.hint:
                session.terminal.say(f"    {'':<{room}}  {display.visible(check.hint)}")
    return 0 if all(check.ok for check in checks) else 1


def _sample(session: Session, options: Namespace) -> int:
    if options.render is None:
        return session.window.open(session.catalog, sample=True)
    for file in session.window.render(options.render):
        session.terminal.say(display.visible(str(file)))
    return 0
