"""Names of files that come from a server: harmless on every system, or not taken."""

from __future__ import annotations

import re
import unicodedata

from diptych import display
from diptych.display import visible
from diptych.errors import Refused

_LONGEST_NAME = 1000
_LONGEST_PART = 255
_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"})
_PORT = re.compile("(com|lpt)[0-9¹²³]")


def safe_name(name: str) -> str:
    """`name`, if it names a file within a folder on every system. Raises `Refused`, saying what is wrong with it."""
    reason = _harm(name)
    if reason:
        shown = display.elide(visible(name), 120)
        raise Refused(f"{shown}: {reason}", "The server's names are not to be trusted; nothing was written.")
    return name


class Names:
    """Names that are to lie in one folder together."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}
        """Every file, and with a slash every folder it needs, by how it looks without case and composition."""

    def admit(self, name: str) -> None:
        """Take in a name; again is no harm. Raises `Refused` for a harmful one, and for the twin of an earlier one."""
        parts = safe_name(name).split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            whole = path if depth == len(parts) else f"{path}/"
            known = self._taken.setdefault(_folded(path), whole)
            if known != whole:
                raise Refused(
                    f"{visible(name)}: on many systems it is the same name as {visible(known)}",
                    "Ask whoever made this version to rename one of them.",
                )


def _folded(path: str) -> str:
    """How a path looks to systems that keep neither case nor composition apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _harm(name: str) -> str:
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "is not proper Unicode"
    if not 0 < length <= _LONGEST_NAME:
        return "is too long for a name" if length else "an empty name"
    if visible(name) != name:
        return "holds hidden characters"
    if "\\" in name or name.startswith("/"):
        return "is not a relative name"
    for part in name.split("/"):
        reason = _harm_of_part(part)
        if reason:
            return reason
    return ""


def _harm_of_part(part: str) -> str:
    stem = part.partition(".")[0].rstrip(" ").lower()
    if part in ("", ".", ".."):
        return "leads out of its folder or nowhere"
    if len(part.encode()) > _LONGEST_PART:
        return "is too long for a name"
    if part[1:2] == ":" and part[0].isalpha():
        return "names a drive"
    if part[-1] in ". ":
        return "ends in a dot or a space"
    if stem in _DEVICES or _PORT.fullmatch(stem):
        return "is the name of a device on Windows"
    if part.lower() == ".git":
        return "would become a repository that runs what it likes"
    return ""
