"""The strip at the foot of the window: how much is here, and the job that runs."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from diptych import display
from diptych.domain.changes import Changes
from diptych.ui.context import Context
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided, label


class StatusStrip(QWidget):
    """Counts at the left, the oldest running job at the right with time left and Cancel."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._running: Running | None = None
        self._job: tuple[QWidget, ...] = ()
        self.setProperty("role", "raised")
        self.setFixedHeight(context.theme.px(32))
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.L, 0, Space.S, 0)
        row.setSpacing(Space.M)
        self._row = row
        self._counts = label(role="muted")
        row.addWidget(self._counts)
        row.addStretch(1)
        context.runner.changed.connect(self.show_job)
        context.changed.connect(self.show_counts)
        self.show_counts(Changes())
        self.show_job()

    def _make_job(self) -> None:
        """Make what tells of a job, when there is one to tell of."""
        self._text = Elided()
        self._left = label(role="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(140)
        self._bar.setAccessibleName("Progress")
        self._cancel = QPushButton("Cancel")
        self._cancel.setProperty("role", "flat")
        self._cancel.setAccessibleName("Cancel the running job")
        self._cancel.clicked.connect(self._stop)
        self._row.addWidget(self._text, 2)
        self._row.addWidget(self._bar)
        self._row.addWidget(self._left)
        self._row.addWidget(self._cancel)
        self._job = (self._text, self._bar, self._left, self._cancel)

    def show_counts(self, _changes: Changes) -> None:
        """Count the versions again."""
        self._counts.setText(display.plural(self._context.workbench.count(), "version"))

    def show_job(self) -> None:
        """Show the oldest job that a user would wait for."""
        running = next((job for job in self._context.runner.active if not job.quiet), None)
        self._running = running
        if running is not None and not self._job:
            self._make_job()
        for widget in self._job:
            widget.setVisible(running is not None)
        if running is None:
            return
        tick = running.tick
        self._text.set_text(f"{running.title}   {tick.text}" if tick.text else running.title)
        known = tick.total > 0
        self._bar.setRange(0, 1000 if known else 0)
        self._bar.setValue(round(1000 * min(tick.done / tick.total, 1)) if known else 0)
        left = running.seconds_left
        going = f"{display.duration(left)} left" if left is not None else ""
        self._left.setText("paused" if running.paused else going)

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
