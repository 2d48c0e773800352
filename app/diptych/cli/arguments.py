"""The command line: verbs and their options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from diptych import __version__
from diptych.cli import (
    annotating,
    comparing,
    fingerprinting,
    lineage,
    listing,
    looking,
    pushing,
    remotes,
    scanning,
    timelapse,
)
from diptych.cli.session import Session

_GROUPS = (scanning, fingerprinting, lineage, timelapse, listing, comparing, annotating, remotes, pushing, looking)
_EPILOG = """REF is the beginning of an id, a name, or a path. Without a command the window opens.
Exit codes: 0 done, 2 wrong command line, 3 not found, 4 damaged file, 5 conflict, 6 refused, 7 no answer from a server,
8 login wanted, 9 no room left, 130 stopped by Ctrl-C; 1 any other error, a difference with `compare --exit-code`, or a
delivery that `verify` finds changed.
A login is never an argument: it rests in the keyring (`remote login NAME`), or comes for one run from the environment:
DIPTYCH_TOKEN_NAME and DIPTYCH_USER_NAME, with the remote's name in capitals.
In JSON, numbers that it cannot spell are the words "NaN", "Infinity" and "-Infinity"."""
_EXCLUDING = re.compile(r"-[^-\d].")
"""A term of a query that excludes, as `-tag:old`; no option has one dash and several letters."""
_SHIELD = "\0"
"""Put before such a term so that it is not taken for an option; no argument can hold it."""


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """What the arguments say; `run` is the verb. Ends the process with code 2 where they are wrong."""
    if _verb(arguments) != "list":
        return parser().parse_args(arguments)
    options = parser().parse_args([_SHIELD + word if _EXCLUDING.match(word) else word for word in arguments])
    options.query = [word.removeprefix(_SHIELD) for word in options.query]
    return options


def _verb(arguments: Sequence[str]) -> str:
    """The first word that is neither an option nor the file that follows `--catalog`."""
    before = ""
    for word in arguments:
        if not word.startswith("-") and before != "--catalog":
            return word
        before = word
    return ""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(
        "diptych",
        description="Keep and compare versions of language models.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"diptych {__version__}")
    _add_common(top)
    top.set_defaults(run=_window)
    parsers: dict[str, argparse.ArgumentParser] = {"": top}
    families: dict[str, argparse._SubParsersAction[Any]] = {"": top.add_subparsers(title="commands", metavar="COMMAND")}

    def add(name: str, text: str, run: Callable[[Session, argparse.Namespace], int]) -> argparse.ArgumentParser:
        family, _, word = name.rpartition(" ")
        if family not in families:
            families[family] = parsers[family].add_subparsers(title="commands", metavar="COMMAND")
        verb: argparse.ArgumentParser = families[family].add_parser(
            word, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        parsers[name] = verb
        verb.set_defaults(run=run)
        _add_common(verb, after_verb=True)
        return verb

    for group in _GROUPS:
        group.register(add)
    return top


class _Parser(argparse.ArgumentParser):
    """Complains without repeating the values of options that do not exist: one may be a token."""

    def error(self, message: str) -> NoReturn:
        """End the process with code 2."""
        if message.startswith("unrecognized arguments"):
            message = re.sub(r"(?<=\s)(--?[^\s=]+)[\s=]+[^\s-]\S*", r"\1 …", message)
        super().error(message)


def _add_common(to: argparse.ArgumentParser, after_verb: bool = False) -> None:
    """Options that may stand before the verb and after it; after it they have no default, which would win."""
    unset, off = (argparse.SUPPRESS, argparse.SUPPRESS) if after_verb else (None, False)
    to.add_argument("--catalog", type=Path, metavar="FILE", default=unset, help="another catalog than your own")
    to.add_argument("--json", action="store_true", default=off, help="answer as JSON")
    to.add_argument("--quiet", action="store_true", default=off, help="no progress and no remarks")


def _window(session: Session, options: argparse.Namespace) -> int:
    return session.window.open(session.catalog, sample=False)
