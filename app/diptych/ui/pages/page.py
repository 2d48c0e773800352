"""What the window asks of a page."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtWidgets import QWidget

from diptych.domain.changes import Changes
from diptych.ui.actions import Action
from diptych.ui.context import Context
from diptych.ui.widgets.reading import go_on

WIDE_ENOUGH_TO_INSPECT = 1500
"""From this width on the inspector is open unless it was closed by hand."""


class Page(QWidget):
    """A page of the rail. It reads what it shows from the workbench and says what it wants through the context."""

    key: ClassVar[str] = ""
    """Also the scope of its actions."""
    title: ClassVar[str] = ""
    symbol: ClassVar[str] = ""
    """Name of its icon."""
    actions_table: ClassVar[tuple[Action, ...]] = ()
    """Its part of the table of actions; the window binds them and lists them in menus and palette."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context

    def entered(self) -> None:
        """The page came to the front: take the focus."""

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes on as one reads; much is made only when there is something to show, in whatever order that is."""
        return go_on(self, forward) or super().focusNextPrevChild(forward)

    def inspects(self, width: int) -> bool:
        """Whether the inspector opens by itself beside the page in a window of this width."""
        return width >= WIDE_ENOUGH_TO_INSPECT

    def busy(self) -> bool:
        """Whether what the page shows is still being found out."""
        return False

    def bound(self) -> None:
        """The actions of the page have their keys from now on."""

    def refresh(self, changes: Changes) -> None:
        """Read again what you show of the versions that changed."""

    def state(self) -> dict[str, object]:
        """What to remember until the next start, in JSON's terms."""
        return {}

    def restore(self, state: dict[str, object]) -> None:
        """Take up what `state` once returned; anything may be missing."""
