"""One section of the page of a version: a heading, a count, and a table, charts or a sentence."""

from __future__ import annotations

from functools import cached_property

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QPushButton, QVBoxLayout, QWidget

from diptych.domain.version import Role, State, Version
from diptych.ui.context import Context
from diptych.ui.models.facts import NO_FACTS, Facts, FactsModel
from diptych.ui.pages.version_facts import told
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.table import ReportTable, RowTable

ROWS_SHOWN = 12
"""Rows a table shows within the page; the rest has a page of its own."""
EMPTY = {
    "hyperparameters": "No record names a hyperparameter.",
    "metrics": "No evaluation of this version is known.",
    "curves": "No record holds a curve.",
    "outputs": "No record holds answers to single items.",
    "weights": "The weights are not here.",
    "tokenizer": "This version brings no tokenizer.",
    "config": "No configuration was found.",
    "data": "No record names a data set.",
    "files": "No file is here.",
}
"""What a section says that nothing was found for."""


def absent(key: str, version: Version) -> str:
    """What a section says that has nothing to show, though its files may be there or may have been."""
    roles = {artifact.role for artifact in version.artifacts}
    if key == "tokenizer" and Role.TOKENIZER in roles:
        return "The tokenizer is not here now."
    faults = [told(problem, version) for problem in version.problems]
    if key == "weights" and Role.WEIGHTS in roles and faults and version.state is not State.OFFLINE:
        return f"The weights cannot be read: {faults[0]}"
    return EMPTY[key]


class Section(QWidget):
    """A part of the page that fills when what it shows was read."""

    focus_asked = Signal(str)
    """Give this section the whole page (key)."""

    def __init__(
        self, context: Context, key: str, title: str, most: int = ROWS_SHOWN, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.key = key
        self.title = title
        self._context = context
        self._most = most
        self.model = FactsModel(parent=self)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(Space.S, Space.L, Space.S, 0)
        self.body.setSpacing(Space.S)
        head = QHBoxLayout()
        head.setContentsMargins(Space.S, 0, Space.S, 0)
        head.setSpacing(Space.S)
        self.body.addLayout(head)
        head.addWidget(label(title, "section"))
        self._count = label("", "muted")
        head.addWidget(self._count)
        head.addStretch(1)
        self._head = head
        self._words = label("Reading…", "muted", wrap=True)
        self._words.setContentsMargins(Space.S, 0, Space.S, 0)
        self.body.addWidget(self._words)

    @cached_property
    def table(self) -> ReportTable:
        """Below the words; made with the first facts, since many a section never has one."""
        table = ReportTable(self._context.theme, self.title, self._most, self)
        table.setModel(self.model)
        table.opened.connect(self._focus)
        watch(table, self.model, self._context)
        self.body.insertWidget(self.body.indexOf(self._words) + 1, table)
        return table

    @cached_property
    def more(self) -> QPushButton:
        """Beside the heading, where there are more rows than the page has room for."""
        more = QPushButton(self)
        more.setProperty("role", "flat")
        more.clicked.connect(self._focus)
        self._head.addWidget(more)
        return more

    def show_facts(self, facts: Facts, count: str, note: str = "") -> None:
        """Take other facts; `show_rows` shows them."""
        self.model.show_facts(facts)
        self._count.setText(count)
        self._words.setText(note)
        self._words.setVisible(bool(note))

    def show_rows(self) -> None:
        """Fit the table to the facts. The first time makes it, which takes the window a few milliseconds."""
        facts = self.model.facts
        if not facts.things:
            return
        self.table.horizontalHeader().setVisible(facts.headed)
        lay_out(self.table, facts, self._context)
        self.table.fit()
        self.table.show()
        more = len(facts.things) > self._most
        if more:
            self.more.setText(f"Show all {len(facts.things):,}")
        if more or "more" in vars(self):
            self.more.setVisible(more)

    def show_count(self, count: str) -> None:
        """Say how much there is beside the heading."""
        self._count.setText(count)

    def show_words(self, text: str) -> None:
        """Say something in place of the table; nothing: only what was added to the body."""
        self.model.show_facts(NO_FACTS)
        self._words.setText(text)
        self._words.setVisible(bool(text))
        for made in ("table", "more"):
            if made in vars(self):
                getattr(self, made).hide()

    def _focus(self) -> None:
        if self.model.facts.things:
            self.focus_asked.emit(self.key)


def lay_out(table: RowTable, facts: Facts, context: Context) -> None:
    """Give columns their widths; the one without takes what is left."""
    header = table.horizontalHeader()
    for number, title in enumerate(facts.titles):
        if title.width:
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.Interactive)
            table.setColumnWidth(number, context.theme.px(title.width))
        else:
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)


def watch(table: RowTable, model: FactsModel, context: Context) -> None:
    """Show the current row of a table in the inspector."""
    _Watch(table, model, context)


class _Watch(QWidget):
    """Lives with its table; a bound method keeps no closure alive."""

    def __init__(self, table: RowTable, model: FactsModel, context: Context) -> None:
        super().__init__(table)
        self.hide()
        self._model = model
        self._context = context
        table.selectionModel().currentRowChanged.connect(self._moved)

    def _moved(self, index: QModelIndex) -> None:
        thing = self._model.thing(index.row())
        if thing is not None:
            self._context.inspected.emit(self._model.facts.inspect(thing))
