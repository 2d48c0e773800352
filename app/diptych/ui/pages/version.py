"""The page of one version: the sections of a comparison with one column."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import Any

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.changes import Changes
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Sample
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Version
from diptych.errors import DiptychError
from diptych.job import Job
from diptych.ui.context import Context
from diptych.ui.models.facts import Facts, FactsModel
from diptych.ui.models.partners import parent as parent_of
from diptych.ui.pages import version_tables as tables
from diptych.ui.pages.page import Page
from diptych.ui.pages.verbs import Verbs
from diptych.ui.pages.version_actions import ACTIONS
from diptych.ui.pages.version_curves import Curves
from diptych.ui.pages.version_facts import inspection
from diptych.ui.pages.version_focus import FocusPage
from diptych.ui.pages.version_header import VersionHeader
from diptych.ui.pages.version_jobs import SAMPLES_READ, read_dossier, read_samples, read_tokenizer
from diptych.ui.pages.version_nearest import Nearest
from diptych.ui.pages.version_section import EMPTY, ROWS_SHOWN, Section, absent
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import hairline
from diptych.ui.widgets.sectionrail import Entry, SectionRail
from diptych.ui.widgets.table import RowTable

SECTIONS = (
    ("overview", "Overview"),
    ("hyperparameters", "Hyperparameters"),
    ("metrics", "Metrics"),
    ("curves", "Curves"),
    ("outputs", "Outputs"),
    ("weights", "Weights"),
    ("tokenizer", "Tokenizer"),
    ("config", "Configuration"),
    ("data", "Data"),
    ("files", "Files"),
)
OVERVIEW_ROWS = 40
"""The overview is what the page is for: it is shown whole."""
WIDEST = 1240
"""A line of facts longer than this is hard to follow."""
NARROW = 760
"""A page narrower than this has no room for the list of sections."""


class VersionPage(Page):
    """Shows one version at a time."""

    key = "version"
    title = "Version"
    symbol = "cube"
    actions_table = ACTIONS
    left = Signal()
    """The user is done with this page."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.version: Version | None = None
        self.dossier: Dossier | None = None
        self.verbs = Verbs(context, self)
        self._jobs: list[Running] = []
        self._focused = ""
        self._filled: deque[Section] = deque()
        self._next = QTimer(self)
        self._next.setInterval(0)
        self._next.timeout.connect(self._show_next)
        self._build()

    # building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """Make the page from the outside in: Qt styles everything within a widget again that gets another parent."""
        theme = self.context.theme
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        body = QHBoxLayout()
        body.setSpacing(0)
        self.header = VersionHeader(self.context, self)
        self._connect_header()
        page.addWidget(self.header)
        page.addWidget(hairline())
        page.addLayout(body, 1)
        self.rail = SectionRail(theme, self)
        self.rail.chosen.connect(self.go_to)
        self.rail.opened.connect(self.focus_section)
        self._rail_line = hairline(vertical=True)
        self.stack = QStackedWidget(self)
        body.addWidget(self.rail)
        body.addWidget(self._rail_line)
        body.addWidget(self.stack, 1)
        self.report = QScrollArea(self.stack)
        self.report.setWidgetResizable(True)
        self.report.setAccessibleName("Facts of the version")
        self.report.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.stack.addWidget(self.report)
        self._inner = QWidget(self.report)
        self.report.setWidget(self._inner)
        row = QHBoxLayout(self._inner)
        row.setContentsMargins(0, 0, 0, 0)
        measure = QWidget(self._inner)
        measure.setMaximumWidth(theme.px(WIDEST))
        row.addWidget(measure, 1)
        row.addStretch(0)
        column = QVBoxLayout(measure)
        column.setContentsMargins(0, 0, 0, Space.XXL)
        column.setSpacing(Space.S)
        self.sections: dict[str, Section] = {}
        for key, title in SECTIONS:
            section = Section(self.context, key, title, OVERVIEW_ROWS if key == "overview" else ROWS_SHOWN, measure)
            section.focus_asked.connect(self.focus_section)
            self.sections[key] = section
            column.addWidget(section)
        column.addStretch(1)
        self.curves = Curves(self.context, self.sections["curves"])
        self.sections["curves"].body.addWidget(self.curves)
        self.nearest = Nearest(self.context, self.sections["weights"])
        self.sections["weights"].body.addWidget(self.nearest)

    @cached_property
    def focus(self) -> FocusPage:
        """The page of one table."""
        page = FocusPage(self.context, self.stack)
        page.left.connect(self.leave_section)
        self.stack.addWidget(page)
        return page

    def _connect_header(self) -> None:
        header = self.header
        header.back_asked.connect(self.leave)
        header.base_asked.connect(self.open_base)
        header.compare_asked.connect(self.compare)
        header.note_asked.connect(lambda: self.with_version(self.verbs.note))
        header.push_asked.connect(lambda: self.with_version(self.verbs.push))
        header.tags_asked.connect(self.tag)
        header.tag_removed.connect(self._remove_tag)
        header.stars_asked.connect(self.star)
        header.copy_asked.connect(self.verbs.copy)
        header.reveal_asked.connect(self.reveal)
        header.rescan_asked.connect(lambda: self.with_version(self.verbs.rescan))

    # showing ---------------------------------------------------------------------------------------------------

    def show_version(self, key: int) -> None:
        """Show the version with this key: its head at once, the rest as it is read."""
        found = self.context.workbench.versions([key])
        if not found:
            self.leave()
            return
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()
        self.leave_section()
        self.version, self.dossier = found[0], None
        self._show_head()
        for section_key, section in self.sections.items():
            if section_key not in ("overview", "files"):
                section.show_words("Reading…")
                section.show_count("")
        self.curves.show_series(())
        self.report.verticalScrollBar().setValue(0)
        self._show_rail()
        self._start("Read version", read_dossier(self.context.workbench, found[0]), self._show_dossier)

    def _show_head(self) -> None:
        assert self.version is not None
        version = self.version
        base_known = version.base is not None and version.base.parent is not None
        self.header.show_version(version, base_known)
        self.sections["overview"].show_facts(tables.overview(version), "")
        self._show_soon("overview")
        self._fill("files", tables.files(version), display.size(sum(one.bytes for one in version.artifacts)))
        self.nearest.show_version(version)
        self.context.inspected.emit(inspection(version))

    def _show_dossier(self, dossier: Dossier) -> None:
        self.dossier = dossier
        self._fill("hyperparameters", tables.hyperparameters(dossier.hyperparameters, configuration=False))
        self._fill("config", tables.hyperparameters(dossier.hyperparameters, configuration=True))
        self._fill("metrics", tables.metrics(dossier.metrics))
        self._fill("weights", tables.weights(dossier.tensors))
        self._fill("data", tables.datasets(dossier.datasets))
        self.sections["curves"].show_words("" if dossier.series else EMPTY["curves"])
        self.sections["curves"].show_count(f"{len(dossier.series)}" if dossier.series else "")
        self.curves.show_series(dossier.series)
        if dossier.samples is None:
            self.sections["outputs"].show_words(EMPTY["outputs"])
        else:
            self._start("Read answers", read_samples(dossier.samples), self._show_samples, "outputs")
        if dossier.tokenizer is None:
            self.sections["tokenizer"].show_words(absent("tokenizer", dossier.version))
        else:
            self._start("Read tokenizer", read_tokenizer(dossier.tokenizer), self._show_tokenizer, "tokenizer")
        self._show_rail()

    def _show_samples(self, samples: list[Sample]) -> None:
        more = len(samples) > SAMPLES_READ
        note = f"The first {SAMPLES_READ:,} answers; a comparison reads all." if more else ""
        self._fill("outputs", tables.outputs(samples[:SAMPLES_READ]), note=note)
        self._show_rail()

    def _show_tokenizer(self, tokenizer: Tokenizer) -> None:
        self._fill("tokenizer", tables.tokenizer(tokenizer), display.plural(len(tokenizer.vocabulary), "token"))
        self._show_rail()

    def _fill(self, key: str, facts: Facts, count: str = "", note: str = "") -> None:
        section = self.sections[key]
        if facts.things:
            section.show_facts(facts, count or f"{len(facts.things):,}", note)
            self._show_soon(key)
        else:
            section.show_words(absent(key, self.version) if self.version is not None else "")

    def _show_soon(self, key: str) -> None:
        self._filled.append(self.sections[key])
        self._next.start()

    def _show_next(self) -> None:
        """Show the rows of one section a turn of the event loop, so that the window answers meanwhile."""
        if self._filled:
            self._filled.popleft().show_rows()
        else:
            self._next.stop()

    def _show_rail(self) -> None:
        counts = {key: len(section.model.facts.things) for key, section in self.sections.items()}
        counts["curves"] = len(self.dossier.series) if self.dossier is not None else 0
        counts["overview"] = 0
        entries = []
        for key, title in SECTIONS:
            count = counts[key]
            quiet = not count and key != "overview"
            entries.append(Entry(key, title, f"{count:,}" if count else "", quiet, str(count) if count else ""))
        self.rail.set_entries(entries)

    def _start(self, title: str, job: Job[Any], done: Callable[[Any], None], section: str = "") -> None:
        self._jobs.append(self.context.runner.start(title, job, done, self._failing(section), quiet=True))

    def _failing(self, section: str) -> Callable[[Exception], None]:
        def fail(error: Exception) -> None:
            if section and isinstance(error, DiptychError):
                self.sections[section].show_words(f"{error.message} {error.hint}".strip())
            else:
                self.context.fail(error)

        return fail

    # moving ----------------------------------------------------------------------------------------------------

    def go_to(self, key: str) -> None:
        """Bring a section to the top."""
        if self._focused:
            self.focus_section(key) if self.sections[key].model.facts.things else self.leave_section()
        place = self.sections[key].mapTo(self._inner, QPoint(0, 0))
        self.report.verticalScrollBar().setValue(place.y())
        self.rail.mark(key)

    def focus_section(self, key: str) -> None:
        """Give a table the whole page."""
        facts = self.sections[key].model.facts
        if not facts.things:
            return
        self._focused = key
        self.rail.mark(key)
        self.stack.setCurrentWidget(self.focus)
        self.focus.show_facts(self.sections[key].title, facts)

    def leave_section(self) -> None:
        """Show all sections again."""
        if self._focused:
            self._focused = ""
            self.stack.setCurrentIndex(0)
            self.rail.setFocus()

    def back(self) -> None:
        """Leave the section that has the page, else the page."""
        if self._focused:
            self.leave_section()
        else:
            self.leave()

    def leave(self) -> None:
        """Go back to where this page was opened."""
        self.left.emit()

    def _scrolled(self, value: int) -> None:
        top = value + Space.XXL
        current = SECTIONS[0][0]
        for key, section in self.sections.items():
            if section.mapTo(self._inner, QPoint(0, 0)).y() <= top:
                current = key
        bar = self.report.verticalScrollBar()
        self.rail.mark(SECTIONS[-1][0] if value and value == bar.maximum() else current)

    # verbs -----------------------------------------------------------------------------------------------------

    def open_base(self) -> None:
        """Show the version this one was made from."""
        base = parent_of(self.context.workbench, self.version) if self.version is not None else None
        if base is not None:
            self.context.version_asked.emit(base.key)

    def compare(self) -> None:
        """Ask what to compare with."""
        if self.version is not None:
            button = self.header.compare
            self.verbs.compare_with(self.version, button.mapToGlobal(button.rect().bottomLeft()))

    def tag(self) -> None:
        """Ask for tags."""
        if self.version is not None:
            self.verbs.tag([self.version.key])

    def with_version(self, do: Callable[[Version], object]) -> None:
        """Do something to the version on show."""
        if self.version is not None:
            do(self.version)

    def star(self, stars: int) -> None:
        """Give stars."""
        if self.version is not None:
            self.verbs.star([self.version.key], stars)

    def reveal(self) -> None:
        """Open the folder."""
        if self.version is not None and self.version.path is not None:
            self.verbs.reveal(self.version.path)

    def copy(self) -> None:
        """Copy the row under the cursor, or the name."""
        table = self.focusWidget()
        if isinstance(table, RowTable) and table.currentIndex().isValid():
            model = table.model()
            if isinstance(model, FactsModel):
                rows = sorted({index.row() for index in table.selectionModel().selectedRows()})
                self.verbs.copy("\n".join(model.line(row) for row in rows or [table.currentIndex().row()]))
        elif self.version is not None:
            self.verbs.copy(self.version.name)

    def _remove_tag(self, tag: str) -> None:
        if self.version is not None:
            self.verbs.retag([self.version.key], (), [tag])

    # page ------------------------------------------------------------------------------------------------------

    def entered(self) -> None:
        self.rail.setFocus()
        if self.version is not None:
            self.context.inspected.emit(inspection(self.version))

    def refresh(self, changes: Changes) -> None:
        if self.version is None:
            return
        if self.version.key in changes.removed:
            self.version = None
            if self.isVisible():
                self.leave()
        elif self.version.key in changes.updated:
            found = self.context.workbench.versions([self.version.key])
            if found:
                self.version = found[0]
                self._show_head()

    def state(self) -> dict[str, object]:
        return {"version": self.version.id} if self.version else {}

    def restore(self, state: dict[str, object]) -> None:
        known = state.get("version")
        if isinstance(known, str):
            try:
                self.show_version(self.context.workbench.resolve(known).key)
            except DiptychError:
                return  # it is gone since; the library is in front anyway

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = event.size().width() >= self.context.theme.px(NARROW)
        self.rail.setVisible(wide)
        self._rail_line.setVisible(wide)
        super().resizeEvent(event)
