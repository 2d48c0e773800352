"""One section of a comparison: its title with the counts, its states, its pane."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.sheet import Sheet
from diptych.errors import DiptychError
from diptych.ui.context import Context
from diptych.ui.models.rows import Showing
from diptych.ui.pane import Pane
from diptych.ui.panes import pane_for
from diptych.ui.runner import Running
from diptych.ui.tokens import Size, Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.link import Link
from diptych.ui.widgets.sectionrail import Entry
from diptych.workbench.comparing import Comparison

PATIENCE_MS = 150
"""What is done within this time shows no sign of work."""
_NOTES = 4
NOTHING = {
    "metrics": "No results on either side. Add the results of an evaluation to compare metrics.",
    "curves": "No training log on either side. Add trainer_state.json to compare curves.",
    "outputs": "No samples on either side. Add samples_*.jsonl to compare answers.",
    "weights": "No weights on either side.",
    "tokenizer": "No tokenizer on either side.",
}


class Section(QWidget):
    """Title, state and pane of one facet."""

    focus_asked = Signal(str)
    retry_asked = Signal(str)
    cancel_asked = Signal(str)

    def __init__(
        self, context: Context, comparison: Comparison, key: str, title: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        theme = context.theme
        self.key = key
        self.title = title
        self.sheet: Sheet | None = None
        self.pane: Pane = pane_for(key)(context, comparison)
        self._showing = Showing()
        self._running: Running | None = None
        self._error = ""
        self._was_stopped = False
        self._head = Link(theme, title, theme.font(Size.SECTION, bold=True))
        self._head.clicked.connect(lambda: self.focus_asked.emit(key))
        self._head.setToolTip("Give this section the whole page  ↵")
        self.counts = label(role="muted")
        self.notes = label(role="muted", wrap=True)
        self.state = label(role="muted", wrap=True)
        self._work = label(role="caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(theme.px(160))
        self._bar.setAccessibleName(f"Progress of {title}")
        self._cancel = Link(theme, "Cancel", theme.font())
        self._cancel.setAccessibleName(f"Cancel {title}")
        self._cancel.clicked.connect(lambda: self.cancel_asked.emit(key))
        self._retry = QPushButton("Retry")
        self._retry.setAccessibleName(f"Retry {title}")
        self._retry.clicked.connect(lambda: self.retry_asked.emit(key))
        self._lay_out()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._tell)
        self._tell()

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        """Show an answer, whole or partial."""
        self.sheet = sheet
        self._error = ""
        if sheet.complete:
            self._running = None
        self.pane.show_sheet(sheet, comparison)
        self._tell()

    def show_work(self, running: Running) -> None:
        """Show how far the job has come."""
        fresh = self._running is None
        self._was_stopped = False
        self._running = running
        self._error = ""
        if fresh and self.sheet is None:
            self._patience.start()
        else:
            self._tell()

    def show_error(self, error: Exception) -> None:
        """Show why there is no answer."""
        self._running = None
        hint = f" {error.hint}" if isinstance(error, DiptychError) and error.hint else ""
        kind = "" if isinstance(error, DiptychError) else f"This is a bug: {type(error).__name__}: "
        self._error = f"{kind}{error}{hint}"
        self._tell()

    def show_stopped(self) -> None:
        """Say that the job was cancelled; what it found stays in view."""
        self._running = None
        self._error = ""
        self._was_stopped = True
        self._tell()

    def show_rows(self, showing: Showing) -> None:
        """Show another part of the rows."""
        self._showing = showing
        self.pane.show_rows(showing)
        self._tell()

    def stand_alone(self, alone: bool) -> None:
        """Fill the page, or be one section of the report."""
        self.pane.stand_alone(alone)
        self._column.setStretchFactor(self.pane, 1 if alone else 0)
        self._tell()

    def changes(self) -> Sequence[str]:
        """Keys of the differences that can be walked."""
        return self.pane.changes() if self.sheet is not None and not self.pane.isHidden() else []

    def entry(self) -> Entry:
        """The line of the rail."""
        sheet = self.sheet
        if self._error:
            return Entry(self.key, self.title, "failed", False, "failed")
        if sheet is None:
            return Entry(self.key, self.title, "…" if self._running is not None else "", True, "not known yet")
        if self.key == "summary":
            return Entry(self.key, self.title, "", False, "")
        badge = f"{sheet.differs:,}/{sheet.total:,}" if sheet.rows else "–"
        if not sheet.complete and self._running is not None:
            badge += " …"
        return Entry(self.key, self.title, badge, not sheet.differs and not sheet.undecided, sheet.counts)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(Space.L, 0, Space.L, 0)
        head.setSpacing(Space.M)
        head.addWidget(self._head)
        head.addWidget(self.counts)
        head.addStretch(1)
        head.addWidget(self._work)
        head.addWidget(self._bar)
        head.addWidget(self._cancel)
        for tool in self.pane.tools():
            head.addWidget(tool)
        said = QHBoxLayout()
        said.setContentsMargins(Space.L, 0, Space.L, 0)
        said.setSpacing(Space.M)
        said.addWidget(self.state, 1)
        said.addWidget(self._retry)
        self._said = QWidget()
        self._said.setLayout(said)
        notes = QHBoxLayout()
        notes.setContentsMargins(Space.L, 0, Space.L, 0)
        notes.addWidget(self.notes)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Space.XS)
        box = QWidget(self)
        box.setLayout(head)
        if self.key == "summary":  # says what it is by itself
            box.hide()
        else:
            self._column.addWidget(box)
        self._column.addLayout(notes)
        self._column.addWidget(self._said)
        self._column.addWidget(self.pane)
        self._column.addStretch(0)  # what is said stands at the top of the page where there is no pane below it

    def _tell(self) -> None:
        """Put the state into words."""
        sheet, running = self.sheet, self._running
        working = running is not None and not self._patience.isActive()
        self.counts.setText(_counts(sheet) if sheet is not None and self.key != "summary" else "")
        self._tell_work(running if working else None)
        text = ""
        if self._error:
            text = self._error
        elif self._was_stopped:
            text = "Stopped. What was found so far is shown." if sheet is not None else "Stopped."
        elif sheet is None:
            text = "" if self.key == "summary" else f"{_working(running)}" if working else "Not started."
            text = "" if running is not None and not working else text
        elif not sheet.rows and not sheet.clauses:
            text = "" if sheet.notes else NOTHING.get(self.key, f"No {sheet.noun} on either side.")
        self.state.setText(display.visible(text))
        self.state.setProperty("role", "danger" if self._error else "muted")
        self.state.style().polish(self.state)
        self._retry.setVisible(bool(self._error) or self._was_stopped)
        self._said.setVisible(bool(text))
        notes = sheet.notes[:_NOTES] if sheet is not None and self.key != "summary" else ()
        self.notes.setText("\n".join(display.visible(note) for note in notes))
        self.notes.setVisible(bool(notes))
        known = sheet is not None and bool(sheet.rows or sheet.clauses or sheet.charts or sheet.grid)
        equal = sheet is not None and _all_same(sheet) and sheet.complete and not self._showing.all
        worth = known and (not equal or self.key == "summary")
        self.pane.setVisible(worth)
        for tool in self.pane.tools():
            tool.setVisible(worth)

    def _tell_work(self, running: Running | None) -> None:
        on = running is not None and running.active
        self._work.setVisible(on)
        self._cancel.setVisible(on)
        self._bar.setVisible(on and running is not None and running.tick.total > 0)
        if running is not None and on:
            tick = running.tick
            left = running.seconds_left
            so_far = ""
            if tick.unit == "bytes":
                so_far = f"{display.size(int(tick.done))} of {display.size(int(tick.total))}"
            until = f"{display.duration(left)} left" if left is not None and running.seconds > 1 else ""
            self._work.setText(" · ".join(part for part in (so_far, until) if part))
            self._bar.setMaximum(1000)
            self._bar.setValue(round(1000 * tick.done / tick.total) if tick.total else 0)


def _counts(sheet: Sheet) -> str:
    if not sheet.rows:
        return ""
    if _all_same(sheet):
        same = f"all {sheet.total:,} {sheet.noun} are the same" if sheet.total > 1 else "the only one is the same"
        return same if sheet.complete else ""
    rest = ((sheet.undecided, "not comparable"), (sheet.same, "the same"), (sheet.ignored, "ignored"))
    parts = [f"{sheet.differs:,} of {sheet.total:,} differ"]
    parts += [f"{count:,} {word}" for count, word in rest if count]
    return " · ".join(parts)


def _all_same(sheet: Sheet) -> bool:
    return bool(sheet.rows) and sheet.same == sheet.total


def _working(running: Running | None) -> str:
    return (running.tick.text or "Working") + "…" if running is not None else ""
