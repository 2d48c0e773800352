"""The verdict: what the rules say about two versions, each statement a link to its evidence."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from diptych.domain.sheet import Clause, Sheet
from diptych.ui.context import Context
from diptych.ui.pane import Pane
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.flow import Flow
from diptych.ui.widgets.link import Link
from diptych.workbench.comparing import Comparison

_FIRST = 2
"""The weight of what must be read first."""
_LINE_GAP = 2


class VerdictPane(Pane):
    """The weighty statements large and each on a line of its own, the others in running text below."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__(context, comparison)
        self.links: list[Link] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.L, Space.XS, Space.L, 0)
        self._column.setSpacing(Space.XS)
        self._body: QWidget | None = None

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        if self.sheet is not None and self.sheet.clauses == sheet.clauses:
            self.sheet = sheet
            return
        self.sheet = sheet
        self.comparison = comparison
        if self._body is not None:
            self._column.removeWidget(self._body)
            self._body.deleteLater()
        self.links = []
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        told = [clause for clause in sheet.clauses if clause.facet != sheet.key]
        first = [clause for clause in told if clause.weight >= _FIRST]
        rest = sorted((clause for clause in told if clause.weight < _FIRST), key=lambda clause: -clause.weight)
        for clauses, gap in ((first, Space.XL), (rest, Space.L)):
            if clauses:
                line = Flow(gap, _LINE_GAP)
                for clause in clauses:
                    line.addWidget(self._link(clause, len(first) == 1))
                column.addLayout(line)
        self._column.addWidget(self._body)

    def changes(self) -> list[str]:
        return []

    def _link(self, clause: Clause, alone: bool) -> Link:
        """`alone`: the only weighty statement, so that it may be said loud."""
        theme = self.context.theme
        if clause.weight >= _FIRST:
            text, bracket, detail = clause.text.partition(" (")
            size = Size.TITLE if alone else Size.SECTION
            link = Link(theme, text, theme.font(size, bold=True), detail=f"({detail}" if bracket else "")
        else:
            link = Link(theme, clause.text, theme.font(), "text" if clause.weight else "muted")
        link.clicked.connect(lambda: self.jump_asked.emit(clause.facet, clause.row))
        self.links.append(link)
        return link
