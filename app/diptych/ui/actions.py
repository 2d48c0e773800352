"""Everything that can be done, as data: menus, keys, the command palette and the shortcut sheet read one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from diptych.ui.icons import icon


class Action(NamedTuple):
    """One thing a user can do in one scope."""

    id: str
    """`scope.verb`; the scope is the window or the page whose keys it may take."""
    text: str
    do: Callable[[Any], object]
    """Called with the window or page of the scope."""
    keys: tuple[str, ...] = ()
    icon: str = ""
    menu: str = ""
    """Menu of the menu bar; empty: reached by key, context menu and palette."""
    when: Callable[[Any], bool] | None = None
    """Whether it can be done now; None: always."""

    @property
    def scope(self) -> str:
        """The part of the id before its first dot."""
        return self.id.partition(".")[0]


class Bound(QAction):
    """An action bound to the widget it acts on."""

    def __init__(self, action: Action, target: QWidget) -> None:
        from PySide6.QtGui import QKeySequence  # a window binds its actions after its first page

        super().__init__(action.text, target)
        self.action = action
        self._target = target
        if action.icon:
            self.setIcon(icon(action.icon))
        self.setShortcuts([QKeySequence(key) for key in action.keys])
        keys = self.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        self.setToolTip(f"{action.text}  {keys}" if keys else action.text)
        scope = Qt.ShortcutContext.WindowShortcut if action.scope == "window" else _WITHIN
        self.setShortcutContext(scope)
        self.triggered.connect(self._do)

    def refresh(self) -> None:
        """Look again whether it can be done now."""
        self.setEnabled(self.action.when is None or self.action.when(self._target))

    def _do(self) -> None:
        self.action.do(self._target)


_WITHIN = Qt.ShortcutContext.WidgetWithChildrenShortcut


def bind(actions: Iterable[Action], target: QWidget) -> dict[str, Bound]:
    """Bind the actions to `target` and add them to it, so that their keys work while it has the focus."""
    bound = {action.id: Bound(action, target) for action in actions}
    target.addActions(list(bound.values()))
    return bound
