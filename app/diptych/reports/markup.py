"""Text from files made harmless in HTML, and the few signs that all parts of a report share."""

from __future__ import annotations

from html import escape
from pathlib import PurePath

from diptych import display
from diptych.domain.sheet import Cell

LONG = 160
"""Characters beyond which a value folds."""

SIDES = (("a", "A", "●"), ("b", "B", "■"))


def text(value: str, keep_newlines: bool = False) -> str:
    """Any text as HTML text or attribute: nothing in it is markup, and nothing in it hides or reorders."""
    return escape(display.visible(value, keep_newlines), quote=True)


def number(value: float, form: str) -> str:
    """A number as a column asks for it."""
    if form == "bytes":
        return display.size(int(value))
    if form == "count":
        return display.count(int(value)) if isinstance(value, int) else display.number(value)
    if form == "percent":
        return f"{display.number(100 * value, 3)} %"
    digits = int(form[1:]) if form[:1] == "g" and form[1:].isdigit() else 4
    return display.number(value, digits)


def source(cell: Cell | None) -> str:
    """Where a value comes from, as a `title` attribute; the last two parts of a path name a file well enough."""
    if cell is None or cell.source is None or not cell.source.file:
        return ""
    place = "/".join(PurePath(cell.source.file).parts[-2:]).replace("//", "/")
    return f' title="{text(f"{place} {cell.source.pointer}".strip())}"'


def anchor(facet: str) -> str:
    """The id of a section."""
    return f"facet-{''.join(letter if letter.isalnum() else '-' for letter in facet)}"
