"""What a user can do on the page of one version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diptych.ui.actions import Action
from diptych.ui.pages.verbs import Verbs, ratings

if TYPE_CHECKING:
    from diptych.domain.version import Version
    from diptych.ui.pages.version import VersionPage


def _known(page: VersionPage) -> bool:
    return page.version is not None


def _checkpoint(page: VersionPage) -> bool:
    return page.version is not None and page.version.step is not None


def _timelapse(page: VersionPage) -> None:
    page.with_version(lambda version: page.context.timelapse_asked.emit(version.model, version.step))


def _to_version(verb: Callable[[Verbs, Version], object]) -> Callable[[VersionPage], None]:
    """A verb done to the version on show."""
    return lambda page: page.with_version(lambda version: verb(page.verbs, version))


ACTIONS = (
    Action("version.back", "Back", lambda page: page.back(), ("Escape", "Alt+Left"), "back"),
    Action("version.compare", "Compare with…", lambda page: page.compare(), ("C",), "compare", when=_known),
    Action("version.tag", "Tag…", lambda page: page.tag(), ("T",), "tag", when=_known),
    Action("version.note", "Note…", _to_version(Verbs.note), ("N",), "note", when=_known),
    *ratings("version", lambda page, stars: page.star(stars), _known),
    Action("version.push", "Push", _to_version(Verbs.push), ("P",), "push", when=_known),
    Action("version.push_to", "Push to…", _to_version(Verbs.push_to), ("Shift+P",), "push", when=_known),
    Action("version.card", "Model card…", _to_version(Verbs.card), ("M",), "text", when=_known),
    Action(
        "version.fingerprint", "Fingerprint weights", _to_version(Verbs.fingerprint), (), "fingerprint", when=_known
    ),
    Action("version.timelapse", "Time-lapse of the run", _timelapse, ("Shift+T",), "activity", when=_checkpoint),
    Action("version.copy", "Copy", lambda page: page.copy(), ("Ctrl+C",), "copy", when=_known),
    Action("version.copy_id", "Copy id", _to_version(Verbs.copy_id), ("Ctrl+Shift+C",), "fingerprint", when=_known),
    Action("version.reveal", "Reveal in folder", lambda page: page.reveal(), (), "folder", when=_known),
    Action("version.base", "Open the base", lambda page: page.open_base(), ("B",), "cube", when=_known),
)
