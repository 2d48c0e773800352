"""The page of a run's time-lapse: how every layer moved, how far the whole is, and the path, step by step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from diptych import display
from diptych.compare.moments import SOURCE
from diptych.compare.timelapse import Against
from diptych.domain.changes import Changes
from diptych.job import Job, Tick
from diptych.ui.actions import Action
from diptych.ui.context import Alert, Context
from diptych.ui.models.facts import FactsModel
from diptych.ui.models.lapse import Lapse, explained, inspection, read_lapse, table, write_csv
from diptych.ui.pages.compare_export import write_picture
from diptych.ui.pages.page import Page
from diptych.ui.pages.timelapse_parts import Body, Foot, Head, Missing, Nothing, column, picture_of
from diptych.ui.pages.version_section import lay_out
from diptych.ui.runner import Running
from diptych.ui.widgets.label import hairline
from diptych.ui.widgets.table import RowTable

if TYPE_CHECKING:
    from diptych.workbench.fingerprinting import FingerprintReport

_LIVE_SECONDS = 1.5
"""While fingerprints are made, what is there is read again this often."""
_VIEWS, _TABLE, _NOTHING = range(3)


class TimelapsePage(Page):
    """Three views of one run that mark the same step, their twin as a table, and the step in words."""

    key = "timelapse"
    title = "Time-lapse"
    symbol = "activity"
    actions_table: ClassVar[tuple[Action, ...]]
    left = Signal()
    """Show the page from which this one was opened."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.model = ""
        self.lapse: Lapse | None = None
        self.against = Against.PREVIOUS
        self.place = 0
        self._reading: Running | None = None
        self._making: Running | None = None
        self._read_at = 0.0
        self._wanted: int | None = None
        self._build()
        context.runner.changed.connect(self._watch)

    def _build(self) -> None:
        theme = self.context.theme
        self.head = Head(theme, self)
        self.head.back_asked.connect(self.left)
        self.head.against.connect(self.hold_against)
        self.head.table.toggled.connect(self._show_twin)
        self.head.picture_asked.connect(self.export_picture)
        self.head.csv_asked.connect(self.export_table)
        self.missing = Missing(self)
        self.missing.make.clicked.connect(self.fingerprint)
        self.missing.cancel.clicked.connect(self.cancel)
        self.stack = QStackedWidget(self)
        self.body = Body(theme, self.stack)
        self.facts = FactsModel(parent=self)
        self.table = RowTable(theme, "Steps of the run", self.stack)
        self.table.setModel(self.facts)
        self.table.opened.connect(lambda: self.compare())
        self.table.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.nothing = Nothing(self.stack)
        self.nothing.act.clicked.connect(self._remedy)
        for widget in (self.body, self.table, self.nothing):
            self.stack.addWidget(widget)
        for view in self.body.views:
            view.chosen.connect(self.go_to)
            view.opened.connect(self.compare)
        self.body.map.row_chosen.connect(lambda _: self._tell())
        self.foot = Foot(theme, self)
        self.foot.compare.clicked.connect(self.compare)
        column(self, (self.head, hairline(), self.missing, self.stack, self.foot), stretched=self.stack)

    # what is shown -------------------------------------------------------------------------------------------------

    def show_run(self, model: str, step: int | None = None) -> None:
        """Show a run, at a step if one is named."""
        if model != self.model:
            self.lapse = None
            self.place = 0
            self.head.show_run(model, "Reading fingerprints…")
            self.stack.setCurrentIndex(_NOTHING)
            self.nothing.show_words("Reading fingerprints…", "", "")
            self.missing.hide()
            self.foot.hide()
        self.model = model
        self._wanted = step
        self.read()

    def read(self) -> None:
        """Read and measure anew; of several questions only the last is answered."""
        if not self.model:
            self.nothing.show_words("Choose a run in the library to see how its weights moved.", "", "Library")
            self.stack.setCurrentIndex(_NOTHING)
            return
        if self._reading is not None:
            self._reading.cancel()
        self._read_at = time.monotonic()
        job = read_lapse(self.context.workbench, self.model)
        self._reading = self.context.runner.start("Time-lapse", job, self._show, self._failed, quiet=True)

    def _failed(self, error: Exception) -> None:
        self._reading = None
        self.lapse = None
        self.missing.hide()
        self.foot.hide()
        self.head.show_run(self.model, "")
        self.stack.setCurrentIndex(_NOTHING)
        self.nothing.show_words(getattr(error, "message", str(error)), getattr(error, "hint", ""), "Try again")

    def _show(self, lapse: Lapse) -> None:
        if lapse.run.model != self.model:
            return
        self._reading = None
        before = self.lapse.run.versions[self.place] if self.lapse and self.lapse.run.versions else None
        self.lapse = lapse
        run, shown = lapse.run, lapse.shown
        self.head.show_run(self.model, _counts(lapse))
        self.head.show_ready(shown is not None)
        self._show_missing()
        self.foot.setVisible(shown is not None)
        if shown is None:
            self._show_nothing(lapse)
            return
        steps = shown.moved.steps
        if self._wanted is not None:
            self.place = min(range(len(steps)), key=lambda at: abs(steps[at] - (self._wanted or 0)))
        elif before is not None:
            self.place = next((at for at, one in enumerate(run.versions) if one.id == before.id), self.place)
        else:
            self.place = len(steps) - 1
        self._wanted = None
        self.place = min(self.place, len(steps) - 1)
        self.body.show_told(run.told)
        self.body.lines.show_lines(steps, shown.lines)
        self.body.path.show_path(steps, shown.points, explained(shown.moved))
        self.body.map.show_lattice(steps, shown.lattices[self.against])
        self.facts.show_facts(table(lapse, shown))
        lay_out(self.table, self.facts.facts, self.context)
        self._show_twin(self.head.table.isChecked())
        self._tell()

    def _show_nothing(self, lapse: Lapse) -> None:
        run = lapse.run
        total = len(run.versions) + len(run.waiting) + run.absent
        known = len(run.versions)
        hint, button = "", ""
        if total < 2:
            words = "This run has one checkpoint; movement needs two."
        elif known >= 2:
            words = "The checkpoints have no tensor in common."
        else:
            words = f"{'Only 1' if known else 'None'} of {total:,} checkpoints has a fingerprint; two are needed."
            hint = "Weights are read once for it; after that the files are not needed."
            if known + len(run.waiting) < 2:
                hint = "The weights of the others are not here. Scan the folder that holds them."
            elif not self.making:
                button = f"Fingerprint {display.plural(len(run.waiting), 'checkpoint')}"
        self.nothing.show_words(words, hint, button)
        self.stack.setCurrentIndex(_NOTHING)
        self.entered()

    def _show_missing(self) -> None:
        if self.lapse is None:
            return
        run = self.lapse.run
        share = None if self._making is None or not self.making else self._making.tick
        self.missing.show_state(len(run.waiting), run.absent, sum(one.bytes for one in run.waiting), share,
                                self.lapse.shown is not None)  # fmt: skip

    def _show_twin(self, as_table: bool) -> None:
        if self.lapse is None or self.lapse.shown is None:
            return
        # before the table comes into sight, since one without a current row chooses the first when it gets the focus
        self.table.setCurrentIndex(self.facts.index(self.place, 0))
        wanted = _TABLE if as_table else _VIEWS
        if self.stack.currentIndex() != wanted:  # else it was only read again, and the focus stays where it is
            self.stack.setCurrentIndex(wanted)
            self.entered()

    def _tell(self) -> None:
        """Mark the step everywhere and say what happened at it."""
        if self.lapse is None or self.lapse.shown is None:
            return
        moment = self.lapse.shown.moments[self.place]
        field = self.body.map.text_at(self.body.map.row, self.place)
        for view in self.body.views:
            view.show_place(self.place, f"{moment}. {field}" if view is self.body.map else str(moment))
        source = f"{field} · {SOURCE}, ± in 95 of 100 cases"
        self.foot.show_step(moment.headline, moment.layers, source, bool(self.place))
        self.context.inspected.emit(inspection(self.lapse.run.versions[self.place], moment))

    # verbs -----------------------------------------------------------------------------------------------------------

    def go_to(self, place: int) -> None:
        """Mark another step; beyond the ends nothing happens."""
        if self.lapse is None or self.lapse.shown is None:
            return
        place = min(max(place, 0), len(self.lapse.shown.moments) - 1)
        if place != self.place:
            self.place = place
            if self.head.table.isChecked():
                self.table.setCurrentIndex(self.facts.index(place, 0))
            self._tell()

    def _row_chosen(self, index: QModelIndex) -> None:
        if index.isValid() and self.stack.currentIndex() == _TABLE:
            self.go_to(index.row())

    def go_to_end(self) -> None:
        """Mark the last step."""
        if self.lapse is not None and self.lapse.shown is not None:
            self.go_to(len(self.lapse.shown.moments) - 1)

    def hold_against(self, against: Against) -> None:
        """Colour the map by the movement since the checkpoint before, since the first, or until the last."""
        self.against = against
        self.head.show_against(against)
        if self.lapse is not None and self.lapse.shown is not None:
            self.body.map.show_lattice(self.lapse.shown.moved.steps, self.lapse.shown.lattices[against])
            self._tell()

    def compare(self) -> None:
        """Compare the checkpoint before with this one."""
        if self.lapse is not None and self.lapse.shown is not None and self.place:
            versions = self.lapse.run.versions
            self.context.comparison_asked.emit(versions[self.place - 1], versions[self.place])

    def open(self) -> None:
        """Show the page of the checkpoint."""
        if self.lapse is not None and self.lapse.shown is not None:
            self.context.version_asked.emit(self.lapse.run.versions[self.place].key)

    @property
    def making(self) -> bool:
        """Whether this page's fingerprints are being made."""
        return self._making is not None and self._making.active

    def fingerprint(self) -> None:
        """Make the fingerprints that are missing."""
        if self.lapse is None or self.making or not self.lapse.run.waiting:
            return
        job = self.context.workbench.fingerprint([one.key for one in self.lapse.run.waiting])
        title = f"Fingerprint {display.visible(self.model)}"
        self._making = self.context.runner.start(title, job, self._made, self._unmade, self._ticked)
        self._show_missing()
        if self.lapse.shown is None:
            self._show_nothing(self.lapse)

    def cancel(self) -> None:
        """Stop making fingerprints; those that were made stay."""
        if self._making is not None:
            self._making.cancel()

    def _ticked(self, _tick: Tick) -> None:
        self._show_missing()
        if time.monotonic() - self._read_at > _LIVE_SECONDS and self._reading is None:
            self.read()

    def _made(self, report: FingerprintReport) -> None:
        self._making = None
        self.context.apply(report.changes)
        if report.problems:
            self.context.alerted.emit(Alert(f"Fingerprints: {report}", "See Activity for the reasons."))
        self.read()

    def _unmade(self, error: Exception) -> None:
        self._making = None
        self.context.fail(error)
        self.read()

    def _watch(self) -> None:
        """A job that was cancelled calls nobody: look for its end."""
        if self._making is not None and not self._making.active:
            self._making = None
            self.read()

    def _remedy(self) -> None:
        if not self.model:
            self.context.page_asked.emit("library")
        elif self.lapse is None:
            self.read()
        else:
            self.fingerprint()

    def export_picture(self, file: Path | None = None) -> None:
        """Write what the page shows as a picture, asking where."""
        if self.lapse is not None and self.lapse.shown is not None and (file := self._chosen(file, "png")) is not None:
            title = f"{display.visible(self.model)} · {self.lapse.shown.moments[self.place].headline}"
            self._write(file, write_picture(picture_of(self.body, self.context.theme, title), file))

    def export_table(self, file: Path | None = None) -> None:
        """Write every step and layer as a table for spreadsheets, asking where."""
        if self.lapse is not None and self.lapse.shown is not None and (file := self._chosen(file, "csv")) is not None:
            self._write(file, write_csv(self.lapse, self.lapse.shown, file))

    def _chosen(self, file: Path | None, ending: str) -> Path | None:
        if isinstance(file, Path):
            return file
        name = "".join(one if one.isalnum() or one in "-_." else "-" for one in self.model).strip("-.")[:60] or "run"
        chosen, _ = QFileDialog.getSaveFileName(self, "Export time-lapse", f"{name}-timelapse.{ending}", f"*.{ending}")
        return Path(chosen) if chosen else None

    def _write(self, file: Path, job: Job[object]) -> None:
        said = Alert(f"Wrote {display.path(file)}")
        start = self.context.runner.start
        start(f"Write {display.path(file)}", job, done=lambda _: self.context.alerted.emit(said), quiet=True)

    # page ------------------------------------------------------------------------------------------------------------

    def entered(self) -> None:
        (self.body.map, self.table, self.nothing.act)[self.stack.currentIndex()].setFocus()
        if not self.model:
            self.read()

    def refresh(self, changes: Changes) -> None:
        if self.model and self.isVisible():
            self.read()


def _counts(lapse: Lapse) -> str:
    run = lapse.run
    every = sorted(one.step or 0 for one in (*run.versions, *run.waiting))
    parts = [display.plural(len(every) + run.absent, "checkpoint")]
    if len(every) > 1:
        parts.append(f"steps {every[0]:,} to {every[-1]:,}")
    if lapse.shown is not None:
        layers = {field.row for field in lapse.shown.moved.fields if field.layer}
        parts.append(display.plural(len(layers), "layer"))
        if lapse.shown.moved.left_out:
            parts.append(f"{display.plural(lapse.shown.moved.left_out, 'tensor')} not in all of them left out")
    return " · ".join(parts)


def _shown(page: TimelapsePage) -> bool:
    return page.lapse is not None and page.lapse.shown is not None


def _later(page: TimelapsePage) -> bool:
    return _shown(page) and page.place > 0


TimelapsePage.actions_table = (
    Action("timelapse.back", "Back", lambda page: page.left.emit(), ("Escape", "Alt+Left"), "back"),
    Action("timelapse.next", "Next step", lambda page: page.go_to(page.place + 1), ("Right",), "", when=_shown),
    Action("timelapse.previous", "Previous step", lambda page: page.go_to(page.place - 1), ("Left",), "", when=_shown),
    Action("timelapse.first", "First step", lambda page: page.go_to(0), ("Home",), "", when=_shown),
    Action("timelapse.last", "Last step", TimelapsePage.go_to_end, ("End",), "", when=_shown),
    Action("timelapse.compare", "Compare with previous step", TimelapsePage.compare, ("C",), "compare", when=_later),
    Action("timelapse.open", "Open checkpoint", TimelapsePage.open, ("O",), "open", when=_shown),
    Action("timelapse.against", "Against previous, first or last", lambda page: page.hold_against(page.head.next()),
           ("A",), "swap", when=_shown),
    Action("timelapse.table", "Views or table", lambda page: page.head.table.toggle(), ("T",), "table", when=_shown),
    Action("timelapse.fingerprint", "Fingerprint what is missing", TimelapsePage.fingerprint, (), "fingerprint"),
    Action("timelapse.picture", "Save picture…", TimelapsePage.export_picture, ("Ctrl+S",), "export", when=_shown),
    Action("timelapse.csv", "Save table as CSV…", TimelapsePage.export_table, (), "export", when=_shown),
)  # fmt: skip
