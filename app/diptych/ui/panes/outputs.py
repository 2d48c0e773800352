"""The answers of both versions to the same questions, word by word."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRect
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from diptych import display
from diptych.compare.words import word_diff
from diptych.domain.sheet import Row, Sheet, Span, Spans
from diptych.job import Job, Tick
from diptych.ui.context import Context
from diptych.ui.models.pairs import ORDERS, PairsModel
from diptych.ui.models.rows import Showing
from diptych.ui.pane import Pane
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.difftext import DiffText
from diptych.ui.widgets.label import hairline, label
from diptych.ui.widgets.pairlist import PairList
from diptych.workbench.comparing import Comparison

_HEIGHT = 13 * 28
_LIST = 300
_QUICK = 20_000
"""Characters of both answers up to which the word diff is made at once; longer ones go to a worker."""
_QUESTION = 4_000


class OutputsPane(Pane):
    """Pairs at the left; the question above, both answers side by side below."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__(context, comparison)
        theme = context.theme
        self.model = PairsModel(self)
        self.list = PairList(theme, "Pairs of answers")
        self.list.setModel(self.model)
        self.list.setFixedWidth(theme.px(_LIST))
        self.order = QComboBox()
        self.order.addItems(list(ORDERS))
        self.order.setAccessibleName("Order of the pairs")
        self.order.view().setAccessibleName("Order of the pairs")
        self.order.currentTextChanged.connect(self._reorder)
        self.question = label(role="muted", wrap=True, selectable=True)
        self.target = label(role="muted", wrap=True, selectable=True)
        self.question.setAccessibleName("Question")
        self.target.setAccessibleName("Expected answer")
        self.left = DiffText(theme, "Answer of A", "a")
        self.right = DiffText(theme, "Answer of B", "b")
        self._left_title = _side_title("● A", "a")
        self._right_title = _side_title("■ B", "b")
        self._running: Running | None = None
        self._shown: Row | None = None
        self._quiet = False
        self._lay_out()
        self.list.moved.connect(self._moved)
        self.list.left_over.connect(self.left_over)
        self.list.menu_asked.connect(self.menu_asked)
        self.list.opened.connect(self._opened)
        self.setFocusProxy(self.list)
        self.setFixedHeight(theme.px(_HEIGHT))

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        self.sheet = sheet
        self.comparison = comparison
        self._fill()

    def show_rows(self, showing: Showing) -> None:
        super().show_rows(showing)
        if self.sheet is not None:
            self._fill()

    def stand_alone(self, alone: bool) -> None:
        super().stand_alone(alone)
        self.list.set_within_report(not alone)
        self.left.set_within_report(not alone)
        self.right.set_within_report(not alone)
        if alone:
            self.setMinimumHeight(0)
            self.setMaximumHeight(16777215)
        else:
            self.setFixedHeight(self.context.theme.px(_HEIGHT))

    def changes(self) -> list[str]:
        return [row.key for row in self.model.rows() if row.differs]

    def select(self, key: str) -> bool:
        index = self.model.find(key)
        if index.isValid():
            self.list.set_cursor(index)
        return index.isValid()

    def current(self) -> Row | None:
        return self.model.row_at(self.list.currentIndex())

    def cursor_rect(self) -> QRect:
        return self.rect()

    def tools(self) -> list[QWidget]:
        return [self.order]

    def _lay_out(self) -> None:
        answers = QSplitter()
        answers.setChildrenCollapsible(False)
        for title, text in ((self._left_title, self.left), (self._right_title, self.right)):
            side = QWidget()
            column = QVBoxLayout(side)
            column.setContentsMargins(Space.M, Space.S, Space.S, 0)
            column.setSpacing(Space.XS)
            column.addWidget(title)
            column.addWidget(text, 1)
            answers.addWidget(side)
        right = QVBoxLayout()
        right.setSpacing(Space.S)
        above = QVBoxLayout()
        above.setContentsMargins(Space.L, Space.S, Space.L, 0)
        above.addWidget(self.question)
        above.addWidget(self.target)
        right.addLayout(above)
        right.addWidget(hairline())
        right.addWidget(answers, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.S, 0, Space.L, 0)
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addWidget(hairline(vertical=True))
        row.addLayout(right, 1)

    def _reorder(self) -> None:
        if self.sheet is not None:
            self._fill(first=True)
            self.rearranged.emit()

    def _fill(self, first: bool = False) -> None:
        assert self.sheet is not None
        current = None if first else self.current()
        self.model.show(self.sheet, self.showing, self.order.currentText())
        index = self.model.find(current.key) if current is not None else QModelIndex()
        if not index.isValid() and self.model.rowCount():
            index = self.model.index(0)
        if index.isValid():
            self._quiet = True
            self.list.set_cursor(index)
            self._quiet = False
        else:
            self._draw(None)

    def _moved(self, index: QModelIndex) -> None:
        row = self.model.row_at(index)
        self._draw(row)
        if not self._quiet:
            self.row_entered.emit(row)

    def _opened(self, index: QModelIndex) -> None:
        if not self.alone:
            self.focus_asked.emit()

    def _draw(self, row: Row | None) -> None:
        self._shown = row
        if self._running is not None:
            self._running.cancel()
            self._running = None
        prompt = str(row.values.get("prompt") or "") if row is not None else ""
        target = str(row.values.get("target") or "") if row is not None else ""
        self.question.setText(_clip(prompt))
        self.question.setVisible(bool(prompt))
        said = str(row.values.get("flip") or "") if row is not None else ""
        said = " · ".join(part for part in (said, row.note if row is not None else "") if part)
        expected = f"Expected: {_clip(target)}" if target else ""
        self.target.setText("   ·   ".join(part for part in (expected, said) if part))
        self.target.setVisible(bool(target or said))
        left = row.left.text if row is not None and row.left is not None else ""
        right = row.right.text if row is not None and row.right is not None else ""
        if row is None or row.left is None or row.right is None or left == right:
            self._show_spans(Spans((Span(left, False),), (Span(right, False),), 0.0))
        elif len(left) + len(right) <= _QUICK:
            self._show_spans(word_diff(left, right))
        else:
            self._show_spans(Spans((Span(left, False),), (Span(right, False),), 0.0))
            job = _difference(row.key, left, right)
            self._running = self.context.runner.start("Word difference", job, done=self._differed, quiet=True)

    def _differed(self, answer: tuple[str, Spans]) -> None:
        key, spans = answer
        if self._shown is not None and self._shown.key == key:
            self._show_spans(spans)

    def _show_spans(self, spans: Spans) -> None:
        row = self._shown
        self.left.show_runs((span.text, span.changed) for span in spans.left)
        self.right.show_runs((span.text, span.changed) for span in spans.right)
        for title, letter, cell, key in (
            (self._left_title, "● A", row.left if row else None, "scores_left"),
            (self._right_title, "■ B", row.right if row else None, "scores_right"),
        ):
            missing = "" if cell is not None or row is None else "   has no answer"
            title.setText(f"{letter}   {_scores(row, key)}{missing}")


def _difference(key: str, left: str, right: str) -> Job[tuple[str, Spans]]:
    yield Tick("Comparing words")
    return key, word_diff(left, right)


def _side_title(text: str, side: str) -> QLabel:
    title = label(text, "caption")
    title.setProperty("role", "")
    title.setProperty("side", side)
    return title


def _scores(row: Row | None, key: str) -> str:
    scores = row.values.get(key) if row is not None else None
    if not isinstance(scores, dict):
        return ""
    pairs = [(name, value) for name, value in scores.items() if isinstance(value, int | float)]
    return "   ".join(f"{display.visible(name)} {display.number(float(value))}" for name, value in pairs[:4])


def _clip(text: str) -> str:
    lines = display.visible(text[:_QUESTION], keep_newlines=True).strip().split("\n")
    kept = "\n".join(lines[-3:]) if len(lines) > 3 else "\n".join(lines)
    return display.elide(kept, 360)
