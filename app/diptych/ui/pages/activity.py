"""Jobs that run, and what became of those that ended."""

from __future__ import annotations

import time
from collections import deque

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from diptych import display
from diptych.domain.shipping import Phase as Journey
from diptych.domain.shipping import Voyage
from diptych.errors import DiptychError
from diptych.job import Tick
from diptych.ui.context import Context
from diptych.ui.icons import icon
from diptych.ui.pages.deliveries import Deliveries
from diptych.ui.pages.page import Page
from diptych.ui.runner import Phase, Running
from diptych.ui.tokens import ICON, Space
from diptych.ui.widgets.label import Elided, hairline, label

MEASURE = 860
"""Widest line of jobs, so that a wide window keeps name and state together."""
_PACE_SECONDS = 5.0
_LEAST_PACE_SECONDS = 1.0
_SYMBOLS = {
    Phase.QUEUED: "partial",
    Phase.RUNNING: "activity",
    Phase.DONE: "check",
    Phase.FAILED: "warning",
    Phase.CANCELLED: "cancel",
}

_AT_ONCE = 4
"""Rows made in one turn of the event loop."""


class ActivityPage(Page):
    """The list of jobs of this session, newest first."""

    key = "activity"
    title = "Activity"
    symbol = "activity"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._rows: dict[Running, JobRow] = {}
        self._over: set[Running] = set()
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.timeout.connect(self.update_rows)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setAccessibleName("Jobs")
        outer.addWidget(self._scroll)
        self._body = QWidget(self._scroll)
        self._scroll.setWidget(self._body)
        self._list = QVBoxLayout(self._body)
        self._list.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        self._list.setSpacing(0)
        self._list.addWidget(label("Activity", "title"))
        self._list.addSpacing(Space.L)
        self._empty = label("Nothing has run yet. Scans and hashing appear here with their progress.", "muted")
        self._list.addWidget(self._empty)
        self.deliveries = Deliveries(context)
        self.deliveries.setMaximumWidth(MEASURE)
        self._list.addWidget(self.deliveries)
        self._list.addStretch(1)
        context.runner.changed.connect(self.update_rows)

    def inspects(self, width: int) -> bool:
        return False  # there are no rows to tell of

    def entered(self) -> None:
        self._scroll.setFocus()
        self.update_rows()  # jobs that ran before the page was made
        self.deliveries.read()

    def update_rows(self) -> None:
        """Show every job as it stands now; of those that are new, a few at a time."""
        made = 0
        for running in self.context.runner.jobs:
            if running.quiet:
                continue
            if running not in self._rows:
                if made == _AT_ONCE or self._more.isActive():  # others ask within the same turn
                    self._more.start()
                    break
                made += 1
                row = JobRow(running, self._body)
                row.setMaximumWidth(MEASURE)
                self._rows[running] = row
                self._list.insertWidget(2, row)
                self._empty.hide()
            self._rows[running].show_state()
        over = {running for running in self._rows if not running.active}
        if over - self._over:  # a push that was cancelled or failed can be taken up again
            self._over = over
            self.deliveries.read()


class JobRow(QFrame):
    """One job: name, where it stands, time left, Cancel; afterwards its outcome and the files it could not use."""

    def __init__(self, running: Running, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._running = running
        self._shown: Phase | None = None
        self._pace = Pace()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        top = QHBoxLayout()
        top.setSpacing(Space.S)
        self._symbol = label()
        self.name = Elided(running.title)
        self._time = label(role="muted")
        self._pause = QPushButton("Pause")
        self._pause.setAccessibleName(f"Pause {running.title}")
        self._pause.clicked.connect(self._pause_or_go_on)
        self._pause.hide()
        self._cancel = QPushButton("Cancel")
        self._cancel.setAccessibleName(f"Cancel {running.title}")
        self._cancel.clicked.connect(running.cancel)
        top.addWidget(self._symbol)
        top.addWidget(self.name, 1)
        top.addWidget(self._time)
        top.addWidget(self._pause)
        top.addWidget(self._cancel)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(running.title)
        self._text = Elided()
        self._details = QToolButton()
        self._details.setText("Show details")
        self._details.setCheckable(True)
        self._details.hide()
        self._details.toggled.connect(self._show_details)
        self._list: QPlainTextEdit | None = None
        self._copy = QToolButton()
        self._copy.setText("Copy")
        self._copy.hide()
        self._copy.clicked.connect(self._copy_details)
        more = QHBoxLayout()
        more.setContentsMargins(ICON + Space.S, 0, 0, 0)  # below the name, which stands beside a symbol
        more.addWidget(self._text, 1)
        more.addWidget(self._copy)
        more.addWidget(self._details)
        column.addSpacing(Space.S)
        column.addLayout(top)
        column.addWidget(self._bar)
        column.addLayout(more)
        column.addSpacing(Space.S)
        column.addWidget(hairline())
        self._column = column

    def show_state(self) -> None:
        """Show progress; on a change of phase, everything else too."""
        running = self._running
        tick = running.tick
        if running.active:
            self._text.set_text(phases(tick, self._pace.told(time.monotonic(), tick)))
            self._pause.setVisible(isinstance(tick.partial, Voyage))
            known = tick.total > 0
            self._bar.setRange(0, 1000 if known else 0)
            if known:
                self._bar.setValue(round(1000 * min(tick.done / tick.total, 1)))
            left = running.seconds_left
            going = f"{display.duration(left)} left" if left is not None else ""
            self._time.setText("paused" if running.paused else going)
        if running.phase is self._shown:
            return
        self._shown = running.phase
        symbol = "warning" if running.problems else _SYMBOLS[running.phase]
        self._symbol.setPixmap(icon(symbol).pixmap(ICON, ICON))
        self._symbol.setAccessibleName(symbol)
        self._bar.setVisible(running.active)
        self._cancel.setVisible(running.active)
        if running.active:
            return
        self._pause.hide()
        self._time.setText(f"{running.phase} · {display.duration(running.seconds)}")
        self._text.set_text(outcome(running))
        details = bool(running.problems)
        self._details.setVisible(details)
        self._copy.setVisible(details)

    def _pause_or_go_on(self) -> None:
        paused = self._running.paused
        if paused:
            self._running.resume()
        else:
            self._running.pause()
        word = "Pause" if paused else "Go on"
        self._pause.setText(word)
        self._pause.setAccessibleName(f"{word} {self._running.title}")
        self.show_state()

    def _show_details(self, shown: bool) -> None:
        if self._list is None:  # it costs more than all else in a row, and few rows have details
            self._list = QPlainTextEdit(self._told(), self)
            self._list.setReadOnly(True)
            self._list.setAccessibleName("Details")
            self._list.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self._list.setFixedHeight(160)
            self._column.insertWidget(self._column.count() - 2, self._list)
        self._list.setVisible(shown)

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self._told())

    def _told(self) -> str:
        return "\n".join(display.visible(line) for line in map(str, self._running.problems))


class Pace:
    """How fast bytes move, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def told(self, now: float, tick: Tick) -> str:
        """How many bytes of how many have moved, and how fast they do; empty where a tick counts something else."""
        if tick.unit != "bytes" or not tick.total:
            return ""
        if self._seen and tick.done < self._seen[-1][1]:
            self._seen.clear()  # it counts something new
        self._seen.append((now, tick.done))
        while len(self._seen) > 2 and now - self._seen[1][0] > _PACE_SECONDS:
            self._seen.popleft()
        (began, before), moved = self._seen[0], f"{display.size(int(tick.done))} of {display.size(int(tick.total))}"
        if now - began < _LEAST_PACE_SECONDS or tick.done == before:
            return moved
        return f"{moved}, {display.size(int((tick.done - before) / (now - began)))}/s"


def phases(tick: Tick, moved: str = "") -> str:
    """What a job does now; of a push, every phase with a sign, the files so far, how much has `moved`, and which."""
    voyage = tick.partial
    if not isinstance(voyage, Voyage):
        return tick.text
    order = list(Journey)
    at = order.index(voyage.phase)
    steps = [f"{'✓' if place < at else '●' if place == at else '○'} {phase}" for place, phase in enumerate(order)]
    files = f"{voyage.files_done:,} of {display.plural(voyage.files, 'file')}" if voyage.files else ""
    return "   ".join(part for part in (" → ".join(steps), files, moved, voyage.file or tick.text) if part)


def outcome(running: Running) -> str:
    """What a job came to, in one line."""
    if running.phase is Phase.CANCELLED:
        pushing = isinstance(running.tick.partial, Voyage)
        return f"Cancelled. What {'had arrived' if pushing else 'it had found'} stays."
    if isinstance(running.error, DiptychError):
        return f"{running.error.message} {running.error.hint}".strip()
    if running.error is not None:
        return f"This is a bug: {type(running.error).__name__}: {running.error}"
    return running.told
