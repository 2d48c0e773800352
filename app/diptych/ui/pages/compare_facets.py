"""Runs the facets of one comparison one by one: the cheap ones first, each part in the order of reading."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.job import Job, Tick
from diptych.ui.context import Context
from diptych.ui.runner import Phase, Running
from diptych.workbench.comparing import Comparison, turned

SUMMARY = "summary"


class Facets(QObject):
    """The jobs of a comparison. A swap turns what is known and what still arrives; nothing is computed again."""

    ready = Signal(str, object)
    """Facet and `Sheet`; the last sheet of a facet is complete."""
    ticked = Signal(str, object)
    """Facet and its `Running`."""
    failed = Signal(str, object)
    """Facet and the exception."""
    stopped = Signal(str)
    """A facet was cancelled."""
    turned = Signal()
    """A and B have changed places; the sheets follow."""

    def __init__(self, context: Context, comparison: Comparison, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.comparison = comparison
        self._context = context
        self._origin = comparison
        self._turned = False
        self._running: dict[str, Running] = {}
        self._partial: dict[str, Sheet] = {}
        self._waiting: list[str] = []
        self._outdated = False
        """Something was found since the verdict under way began."""
        self._closed = False
        self._begun = False
        context.runner.changed.connect(self._look_for_stopped)

    def start(self) -> None:
        """Begin with everything that is not known yet."""
        self._begun = True
        known = self.comparison.sheets()
        for key, sheet in known.items():
            self.ready.emit(key, sheet)
        facets = [facet for facet in self.comparison.facets if facet.key not in known and facet.key != SUMMARY]
        self._waiting = [facet.key for facet in sorted(facets, key=lambda facet: facet.heavy)]
        self._go_on()

    def retry(self, key: str) -> None:
        """Begin one facet again."""
        if key not in self._running:
            self._start(key)

    def judge(self, rules: Rules) -> None:
        """Compare by other rules: what they bear on is compared again, which is quick."""
        self.comparison.judge(rules)
        again = [facet.key for facet in self.comparison.facets if not facet.heavy and facet.key != SUMMARY]
        self._waiting = again + [key for key in self._waiting if key not in again]
        self._go_on()

    def cancel(self, key: str) -> None:
        """Stop one facet; what it found so far stays in view."""
        if key in self._running:
            self._running[key].cancel()

    def running(self, key: str) -> Running | None:
        """The job of a facet while it runs."""
        return self._running.get(key)

    def busy(self) -> bool:
        """Whether a facet is running or waiting."""
        return not self._begun or bool(self._running or self._waiting)

    def swap(self) -> None:
        """Make A of B. What is known is turned by a worker, since it may be long; then all changes at once."""
        self._context.runner.start("Swap", _known(self.comparison.swapped()), done=self._swapped, quiet=True)

    def close(self) -> None:
        """Stop everything."""
        self._closed = True
        self._waiting.clear()
        for running in self._running.values():
            running.cancel()

    def _swapped(self, comparison: Comparison) -> None:
        if self._closed:
            return
        self.comparison = comparison
        self._turned = comparison is not self._origin
        self.turned.emit()
        known = self.comparison.sheets()
        for key, sheet in known.items():
            self.ready.emit(key, sheet)
        for key, sheet in self._partial.items():
            if key not in known:
                self.ready.emit(key, self._turn(sheet))
        self._summarise()

    def _turn(self, sheet: Sheet) -> Sheet:
        return turned(sheet) if self._turned else sheet

    def _start(self, key: str) -> None:
        facet = next(facet for facet in self.comparison.facets if facet.key == key)
        title = f"{facet.title} of {self._origin.left.version.name} and {self._origin.right.version.name}"
        running = self._context.runner.start(
            title,
            self._origin.sheet(key),
            done=partial(self._done, key),
            failed=partial(self._failed, key),
            ticked=partial(self._ticked, key),
            quiet=not facet.heavy,
        )
        if running.active:
            self._running[key] = running
            self.ticked.emit(key, running)

    def _ticked(self, key: str, tick: Tick) -> None:
        if self._closed or key not in self._running:
            return
        if isinstance(tick.partial, Sheet) and tick.partial is not self._partial.get(key):
            self._partial[key] = tick.partial
            self.ready.emit(key, self._turn(tick.partial))
        self.ticked.emit(key, self._running[key])

    def _done(self, key: str, sheet: Sheet) -> None:
        self._running.pop(key, None)
        self._partial.pop(key, None)
        if self._closed:
            return
        self.ready.emit(key, self.comparison.sheets().get(key, sheet))
        if not any(self._is_cheap(waiting) for waiting in self._waiting):
            self._summarise()
        self._go_on()

    def _failed(self, key: str, error: Exception) -> None:
        self._running.pop(key, None)
        if self._closed:
            return
        self.failed.emit(key, error)
        self._go_on()

    def _look_for_stopped(self) -> None:
        """A cancelled job calls nobody back."""
        for key in [key for key, running in self._running.items() if running.phase is Phase.CANCELLED]:
            del self._running[key]
            if not self._closed:
                self.stopped.emit(key)
                self._go_on()

    def _go_on(self) -> None:
        """Begin the next facet. They run one after the other: two jobs that compute in Python only slow the window."""
        if self._waiting and not self._running.keys() - {SUMMARY}:
            self._start(self._waiting.pop(0))

    def _is_cheap(self, key: str) -> bool:
        return any(facet.key == key and not facet.heavy for facet in self.comparison.facets)

    def _summarise(self) -> None:
        self._outdated = True
        if SUMMARY in self._running or SUMMARY not in {facet.key for facet in self.comparison.facets}:
            return
        self._outdated = False
        running = self._context.runner.start(
            "Verdict", self.comparison.sheet(SUMMARY), done=self._summed, failed=self._not_summed, quiet=True
        )
        if running.active:
            self._running[SUMMARY] = running

    def _summed(self, sheet: Sheet) -> None:
        self._running.pop(SUMMARY, None)
        if self._closed:
            return
        if self._outdated:
            self._summarise()
        else:
            self.ready.emit(SUMMARY, sheet)

    def _not_summed(self, error: Exception) -> None:
        self._running.pop(SUMMARY, None)
        if not self._closed:
            self.failed.emit(SUMMARY, error)


def _known(comparison: Comparison) -> Job[Comparison]:
    """Let a comparison turn what the other direction knows."""
    yield Tick("Exchanging A and B")
    comparison.sheets()
    return comparison
