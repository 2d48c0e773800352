"""The page of lineage: which version was made from which, as declared and as the weights tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.changes import Changes
from diptych.domain.lineage import Edge, Origin, Pedigree, Verdict
from diptych.domain.version import Version
from diptych.job import Job, Tick
from diptych.ui.actions import Action
from diptych.ui.context import Alert, Context
from diptych.ui.models.facts import FactsModel
from diptych.ui.pages.lineage_graph import RUN, Drawing, drawing, table
from diptych.ui.pages.page import Page
from diptych.ui.pages.version_section import lay_out, watch
from diptych.ui.tokens import Space
from diptych.ui.widgets.graph import Graph
from diptych.ui.widgets.label import Elided, hairline, label
from diptych.ui.widgets.table import RowTable

if TYPE_CHECKING:
    from diptych.workbench import Workbench
    from diptych.workbench.fingerprinting import FingerprintReport
    from diptych.workbench.lineage import LineageReport

_ADD = "Add a folder with models, and what their records say of one another is drawn here."
_HOW = "Fingerprint weights: each file is read once, then descent is told from what the weights have in common."
_LOOKED = "Of the versions that have fingerprints, no two are of kin. Fingerprint weights again after adding more."


class LineagePage(Page):
    """A graph, its twin as a table, and below what speaks for the step that leads to the current version."""

    key = "lineage"
    title = "Lineage"
    symbol = "lineage"
    actions_table: ClassVar[tuple[Action, ...]]

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.found = Pedigree((), (), 0)
        self._versions: dict[str, Version] = {}
        self._opened: set[str] = set()
        self._about: int | None = None
        self._keys: frozenset[str] = frozenset()
        """The nodes of the graph."""
        self._wanted = ""
        """The node to go to when it is there."""
        self._build()

    def _build(self) -> None:
        theme = self.context.theme
        head = QHBoxLayout()
        head.setContentsMargins(Space.L, Space.M, Space.M, Space.M)
        head.setSpacing(Space.S)
        head.addWidget(label("Lineage", "title"))
        self.words = label("", "muted")
        head.addSpacing(Space.S)
        head.addWidget(self.words)
        head.addStretch(1)
        self.all = _button("Show all versions", self.show_all)
        self.twin = _button("Table", self.toggle_table)
        self.infer_button = _button("Infer from weights", self.infer)
        for button in (self.all, self.twin, self.infer_button):
            head.addWidget(button)
        self.stack = QStackedWidget(self)
        self.graph = Graph(theme, "Graph of lineage", self.stack)
        self.graph.current_changed.connect(self._show_evidence)
        self.graph.opened.connect(self._open_node)
        self.model = FactsModel(parent=self)
        self.table = RowTable(theme, "Edges of the lineage", self.stack)
        self.table.setModel(self.model)
        watch(self.table, self.model, self.context)
        self.table.opened.connect(self._open_row)
        self.table.selectionModel().currentRowChanged.connect(lambda: self._show_evidence())
        for widget in (self.graph, self.table, self._nothing()):
            self.stack.addWidget(widget)
        foot = QHBoxLayout()
        foot.setContentsMargins(Space.L, Space.S, Space.M, Space.S)
        foot.setSpacing(Space.S)
        self.evidence = Elided()
        self.confirm = _button("Confirm  Y", lambda: self.judge(Verdict.CONFIRMED))
        self.reject = _button("Reject  N", lambda: self.judge(Verdict.REJECTED))
        foot.addWidget(self.evidence, 1)
        foot.addWidget(self.confirm)
        foot.addWidget(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(hairline())
        column.addWidget(self.stack, 1)
        column.addWidget(hairline())
        column.addLayout(foot)

    def _nothing(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(2)
        self.hint = label("", "muted")
        for words in (label("Nothing is known of where your versions come from.", "section"), self.hint):
            column.addWidget(words, 0, Qt.AlignmentFlag.AlignHCenter)
            column.addSpacing(Space.S)
        self.start = _button("Fingerprint weights", self._begin)
        self.start.setProperty("role", "primary")
        column.addWidget(self.start, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return page

    # what is shown

    def show_version(self, key: int) -> None:
        """Show the ancestors and descendants of one version."""
        self._about = key
        self.read()

    def show_all(self) -> None:
        """Show every version that has kin or a fingerprint."""
        self._about = None
        self.read()

    def read(self) -> None:
        """Read the pedigree anew."""
        job = _read(self.context.workbench, self._about, frozenset(self._opened))
        self.context.runner.start("Read lineage", job, self._show, quiet=True)

    def _show(self, read: tuple[Pedigree, Drawing]) -> None:
        self.found = found = read[0]
        self._versions = {one.id: one for one in found.versions}
        inferred = sum(edge.origin is Origin.INFERRED for edge in found.edges)
        about = next((one for one in found.versions if one.key == self._about), None)
        declared = len(found.edges) - inferred
        words = f"{display.plural(len(found.versions), 'version')} · {declared:,} declared, {inferred:,} inferred"
        words = words if found.versions else ""
        self.words.setText(f"{display.elide(display.visible(about.name), 40)} · {words}" if about else words)
        self.twin.setEnabled(bool(found.edges))
        self.all.setVisible(self._about is not None)
        facts = table(found)
        self.model.show_facts(facts)
        lay_out(self.table, facts, self.context)
        self._put(read[1])
        if not found.edges:
            empty = not self.context.workbench.count()
            self.hint.setText(_ADD if empty else _LOOKED if found.fingerprints else _HOW)
            self.start.setText("Go to the library" if empty else "Fingerprint weights")
            self.stack.setCurrentIndex(2)
        elif self.stack.currentIndex() == 2:
            self.stack.setCurrentIndex(0)
        if about is not None:
            self.graph.go_to(self._place(about))
        self._show_evidence()

    def _draw(self) -> None:
        """Lay out what is known, with other runs folded than before."""
        job = drawing(self.found, frozenset(self._opened))
        self.context.runner.start("Lay out lineage", job, self._put, quiet=True)

    def _put(self, shown: Drawing) -> None:
        self._keys = frozenset(node.key for node in shown.nodes)
        self.graph.show_graph(shown.nodes, shown.arrows, shown.layout)
        if self._wanted in self._keys:
            self.graph.go_to(self._wanted)
            self._wanted = ""

    def _place(self, version: Version) -> str:
        """The key of the node that stands for a version, which may be its run."""
        run = RUN + version.model
        return run if run in self._keys else version.id

    def toggle_table(self) -> None:
        """Show the edges as a table, or as a graph again."""
        if self.found.edges:
            self.stack.setCurrentIndex(1 - self.stack.currentIndex())
            self.twin.setText("Graph" if self.stack.currentIndex() == 1 else "Table")
            self._focus()
            if self.stack.currentIndex() == 1 and not self.table.currentIndex().isValid():
                self.table.setCurrentIndex(self.model.index(0, 0))
            self._show_evidence()

    # the current edge

    @property
    def edge(self) -> Edge | None:
        """The edge that is judged and told of: in the table that of the row, in the graph the one that leads here."""
        if self.stack.currentIndex() == 1:
            row: Edge | None = self.model.thing(self.table.currentIndex().row())
            return row
        here = [one for one in self.found.edges if one.child == self.graph.current]
        # what waits for a word goes first
        open_ = (one for one in here if one.origin is Origin.INFERRED and one.verdict is Verdict.NONE)
        return (
            next(open_, None)
            or next((one for one in here if one.origin is Origin.INFERRED), None)
            or next(iter(here), None)
        )

    def _show_evidence(self, _key: str = "") -> None:
        edge = self.edge
        inferred = edge is not None and edge.origin is Origin.INFERRED
        self.confirm.setEnabled(inferred)
        self.reject.setEnabled(inferred)
        if edge is None:
            node = self.graph.current
            choose = "Choose a version to see what speaks for its descent." if self.found.edges else ""
            self.evidence.set_text("Enter opens the run." if node.startswith(RUN) else "Nothing is known before it."
                                   if node else choose)  # fmt: skip
            return
        names = " + ".join(display.visible(self._versions[one].name) for one in edge.parents if one in self._versions)
        sure = "declared" if not inferred else f"{edge.confidence:.0%} sure"
        self.evidence.set_text(f"{edge.relation} {names} · {sure} · {'; '.join(edge.evidence)}")

    def judge(self, verdict: Verdict) -> None:
        """Confirm or reject the current edge; the same word again takes it back."""
        edge = self.edge
        if edge is None or edge.origin is Origin.DECLARED:
            return
        said = Verdict.NONE if edge.verdict is verdict else verdict
        self.context.apply(self.context.workbench.judge(edge, said))

    # verbs

    def open(self) -> None:
        """Open the version of the current node, or the run."""
        self._open_node(self.graph.current)

    def compare(self) -> None:
        """Compare the version with its parent, the parent as A."""
        edge = self.edge
        if edge is not None and edge.parents[0] in self._versions:
            self.context.comparison_asked.emit(self._versions[edge.parents[0]], self._versions[edge.child])

    def focus_here(self) -> None:
        """Show only the kin of the current version."""
        if version := self._versions.get(self.graph.current):
            self.show_version(version.key)

    def fold(self) -> None:
        """Fold all runs that are open."""
        self._opened.clear()
        self._draw()

    def _open_node(self, key: str) -> None:
        if key.startswith(RUN):
            self._opened.add(key.removeprefix(RUN))
            run = [one for one in self.found.versions if one.model == key.removeprefix(RUN) and one.step is not None]
            self._wanted = min(run, key=lambda one: one.step or 0).id
            self._draw()
        elif version := self._versions.get(key):
            self.context.version_asked.emit(version.key)

    def _open_row(self, index: QModelIndex) -> None:
        edge = self.model.thing(index.row())
        if edge is not None:
            self._open_node(edge.child)

    def infer(self) -> None:
        """Look for descent in the fingerprints; make those first where there are none."""
        if not self.found.fingerprints:
            self.fingerprint()
            return
        job = self.context.workbench.infer_lineage()
        self.context.runner.start("Infer lineage", job, self._inferred)

    def _begin(self) -> None:
        if self.context.workbench.count():
            self.fingerprint()
        else:
            self.context.page_asked.emit("library")

    def fingerprint(self) -> None:
        """Read the weights of all versions once, then look for descent."""
        job = self.context.workbench.fingerprint()
        self.context.runner.start("Fingerprint weights", job, self._fingerprinted)

    def _fingerprinted(self, report: FingerprintReport) -> None:
        self.context.apply(report.changes)
        job = self.context.workbench.infer_lineage()
        self.context.runner.start("Infer lineage", job, self._inferred)

    def _inferred(self, report: LineageReport) -> None:
        self.context.alerted.emit(Alert(f"Lineage: {report}"))
        self.read()

    # page

    def entered(self) -> None:
        self.read()
        self._focus()

    def _focus(self) -> None:
        (self.graph, self.table, self.start)[self.stack.currentIndex()].setFocus()

    def refresh(self, changes: Changes) -> None:
        if self.isVisible():
            self.read()


def _read(workbench: Workbench, about: int | None, opened: frozenset[str]) -> Job[tuple[Pedigree, Drawing]]:
    """The pedigree of all, or of one version while that is in the catalog, and how it is drawn."""
    yield Tick("Read lineage")
    chosen = workbench.versions([about]) if about is not None else []
    found = workbench.pedigree(chosen[0] if chosen else None)
    return found, (yield from drawing(found, opened))


def _button(text: str, act: object) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(act)
    return button


LineagePage.actions_table = (
    Action("lineage.open", "Open", LineagePage.open, (), "open"),
    Action("lineage.compare", "Compare with parent", LineagePage.compare, ("C",), "compare"),
    Action("lineage.confirm", "Confirm", lambda page: page.judge(Verdict.CONFIRMED), ("Y",), "check"),
    Action("lineage.reject", "Reject", lambda page: page.judge(Verdict.REJECTED), ("N",), "cancel"),
    Action("lineage.focus", "Only the kin of this version", LineagePage.focus_here, ("G",), "filter"),
    Action("lineage.all", "All versions", LineagePage.show_all, ("Escape",), "library"),
    Action("lineage.fit", "Show everything", lambda page: page.graph.fit(), ("Ctrl+0",), "grid"),
    Action("lineage.fold", "Fold runs", LineagePage.fold, ("F",), "collapsed"),
    Action("lineage.table", "Graph or table", LineagePage.toggle_table, ("T",), "table"),
    Action("lineage.infer", "Infer from weights", LineagePage.infer, (), "fingerprint"),
)
