"""The verbs of the workbench in a terminal: one group of verbs a file, answers for people or as JSON."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from diptych.cli.arguments import read
from diptych.cli.session import Session, Window
from diptych.cli.terminal import Closed, Terminal
from diptych.errors import DiptychError

INTERRUPTED = 130
BROKEN_PIPE = 141
BUG = 70


def main(arguments: Sequence[str], window: Window) -> int:
    """Do what `arguments` ask for and return the exit code.

    0 done; 1 an error without a kind, or a difference with `compare --exit-code`; 2 wrong command line; 3 to 6 as
    `errors` says; 70 a bug; 130 stopped by Ctrl-C; 141 nobody reads the output any more.
    """
    options = read(arguments)
    terminal = Terminal(sys.stdout or Closed(), sys.stderr or Closed(), options.quiet, options.json)
    session = Session(terminal, options.catalog, window)
    try:
        code: int = options.run(session, options)
        terminal.flush()
    except DiptychError as error:
        terminal.complain(error)
        code = error.exit_code
    except KeyboardInterrupt:
        terminal.note("Stopped. What was stored stays.")
        code = INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        code = BROKEN_PIPE
    except Exception:  # whatever else escapes is ours to repair, and is told as such
        terminal.note(f"This is a bug in Diptych; please report it with the lines below.\n{traceback.format_exc()}")
        code = BUG
    finally:
        session.close()
    try:
        terminal.flush()
    except (DiptychError, BrokenPipeError):
        _forget_output()
    return code


def _forget_output() -> None:
    """Let what is still unwritten go: the interpreter flushes at its end and would complain once more."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
