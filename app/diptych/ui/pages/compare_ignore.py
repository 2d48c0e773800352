"""Saying of a row that its difference does not matter: here, or in every comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

from diptych import display
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row
from diptych.ui.context import Alert, Context

if TYPE_CHECKING:
    from diptych.ui.pages.compare_facets import Facets
    from diptych.ui.pane import Pane

IGNORABLE = frozenset({"hyperparameters", "metrics", "config"})
"""Facets whose rows can be left out of the count: settings and results, never what was found in files."""


class Ignoring:
    """Offers to ignore rows of one comparison, and to count them again."""

    def __init__(self, context: Context, facets: Facets) -> None:
        self._context = context
        self._facets = facets

    def offer(self, pane: Pane, facet: str, row: Row) -> bool:
        """Open a menu at the row under the cursor; False where nothing can be done to it."""
        menu = QMenu(pane)
        menu.setAccessibleName("Ignore")
        able = self.fill(menu, facet, row)
        if able:
            menu.setActiveAction(menu.actions()[0])
            menu.popup(pane.mapToGlobal(pane.cursor_rect().bottomLeft()))
        return able

    def fill(self, menu: QMenu, facet: str, row: Row) -> bool:
        """Add what can be done to `row`; False where nothing can."""
        if facet not in IGNORABLE or not (row.differs or row.ignored):
            return False
        rules = self._facets.comparison.rules
        name = display.visible(display.elide(row.key, 60))
        if row.ignored:
            if not rules.ignores(row.key):
                return False
            self._add(menu, f"Count “{name}” here", lambda: self._here(rules.counting(row.key)))
            self._add(menu, f"Count “{name}” in every comparison", lambda: self._always(row, ignore=False))
            return True
        self._add(menu, f"Ignore “{name}” here", lambda: self._here(rules.ignoring(row.key)))
        self._add(menu, f"Ignore “{name}” in every comparison", lambda: self._always(row, ignore=True))
        return True

    def _add(self, menu: QMenu, text: str, do: Callable[[], None]) -> None:
        menu.addAction(text.replace("&", "&&"), do)

    def _here(self, rules: Rules) -> None:
        self._facets.judge(rules)

    def _always(self, row: Row, *, ignore: bool) -> None:
        """Keep it in the settings; what they were can be had back."""
        settings = self._context.workbench.settings
        here, before = self._facets.comparison.rules, settings.ignored
        changed = settings.rules.ignoring(row.key) if ignore else settings.rules.counting(row.key)

        def back() -> None:
            self._keep(before)
            self._facets.judge(here)

        self._keep(changed.ignored)
        self._facets.judge(here.ignoring(row.key) if ignore else here.counting(row.key))
        if ignore:
            said = f"“{display.visible(row.key)}” is ignored from now on. It is still counted."
        else:
            gone = [glob for glob in before if glob not in changed.ignored]
            said = f"No longer ignored: {display.listing([display.visible(glob) for glob in gone or [row.key]])}"
        self._context.alerted.emit(Alert(said, remedy="Undo", act=back))

    def _keep(self, ignored: tuple[str, ...]) -> None:
        settings = self._context.workbench.settings
        settings.ignored = ignored
        settings.save()
