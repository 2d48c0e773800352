"""Starts the program: without arguments the window, with arguments the command line."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from diptych.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from diptych.cli.session import Window


def main() -> int:
    """Run the program and return its exit code."""
    try:
        # imported here, since Ctrl-C may come as early as that
        from diptych import cli

        return cli.main(sys.argv[1:], _Window())
    except KeyboardInterrupt:
        return 130


class _Window:
    """The window, imported when it is asked for: the command line starts without Qt."""

    def open(self, catalog: Path | None, sample: bool) -> int:
        """Show the window until it is closed."""
        gc.disable()  # while all of it is made, nothing is thrown away; `app.main` enables it again
        try:
            from diptych.ui import app
        except ModuleNotFoundError as error:
            raise _without(error) from None
        if not app.has_display():
            raise Refused(
                "there is no display to open a window on",
                "`diptych sample --render FOLDER` draws the pages to pictures; `diptych --help` lists the commands.",
            )
        return app.main(catalog, sample)

    def render(self, folder: Path) -> list[Path]:
        """Draw the pages over the sample library into `folder`."""
        try:
            from diptych.ui import gallery
        except ModuleNotFoundError as error:
            raise _without(error) from None
        return gallery.render(folder)


def _without(error: ModuleNotFoundError) -> Refused:
    """What the lack of a library means; the lack of a module of our own is a bug and goes on."""
    name = (error.name or "").partition(".")[0]
    if name in ("", "diptych"):
        raise error
    return Refused(f"the window needs {name}, which is not installed", "`diptych --help` lists the commands.")


if TYPE_CHECKING:
    _window: Window = _Window()

if __name__ == "__main__":
    sys.exit(main())
