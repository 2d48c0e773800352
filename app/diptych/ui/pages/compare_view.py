"""One comparison: the head, the line of filters, the rail of sections and the report."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QCursor, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from diptych.domain.sheet import Row, Sheet
from diptych.ui.context import Context
from diptych.ui.models.rows import Showing
from diptych.ui.pages import compare_text
from diptych.ui.pages.compare_bar import Bar
from diptych.ui.pages.compare_changes import Changes
from diptych.ui.pages.compare_copying import Copying
from diptych.ui.pages.compare_facets import SUMMARY, Facets
from diptych.ui.pages.compare_header import Head
from diptych.ui.pages.compare_ignore import Ignoring
from diptych.ui.pages.compare_report import Report
from diptych.ui.pages.compare_review import Reviewed
from diptych.ui.pages.compare_section import Section
from diptych.ui.pane import Pane
from diptych.ui.widgets.label import hairline
from diptych.ui.widgets.sectionrail import Entry, SectionRail
from diptych.workbench.comparing import Comparison


class ComparisonView(QWidget):
    """Shows one `Comparison` while its facets are computed."""

    other_asked = Signal(str, object)
    """Compare with this version on a side in place of the present one."""
    renamed = Signal()
    """A and B have changed places."""

    def __init__(self, context: Context, comparison: Comparison, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.facets = Facets(context, comparison, self)
        self.head = Head(context, self)
        self.head.chosen.connect(self.other_asked)
        self.head.swap_asked.connect(self.swap)
        self.bar = Bar(context, self)
        self.bar.showing_changed.connect(self._show_rows)
        self.rail = SectionRail(context.theme, self)
        self.rail.chosen.connect(self.jump)
        self.rail.opened.connect(self.focus_section)
        self.report = Report(context.theme, self)
        self.report.reading.connect(self._read)
        self._ignoring = Ignoring(context, self.facets)
        self._copying = Copying(self.bar)
        self.reviewed = Reviewed()
        self._at: tuple[str, str] = ("", "")
        self._differences: Changes | None = None
        self._wanted: dict[str, object] = {}
        self._lay_out()
        self.head.show_pair(comparison.left.version, comparison.right.version, comparison.relation)
        self.facets.ready.connect(self._ready)
        self.facets.ticked.connect(self._ticked)
        self.facets.failed.connect(self._failed)
        self.facets.stopped.connect(self._stopped)
        self.facets.turned.connect(self._turned)
        self._unmade = list(comparison.facets)
        self.rail.set_entries([Entry(facet.key, facet.title) for facet in self._unmade])
        self._builder = QTimer(self)
        self._builder.timeout.connect(self._make_next)
        self._builder.start(0)

    @property
    def comparison(self) -> Comparison:
        """The comparison as its sides stand now."""
        return self.facets.comparison

    @property
    def sections(self) -> dict[str, Section]:
        """The sections by facet, in the order of reading."""
        return self.report.sections

    def close_jobs(self) -> None:
        """Stop what still runs for this view."""
        self._builder.stop()
        self.facets.close()

    # reading -----------------------------------------------------------------------------------------------------

    def swap(self) -> None:
        """Make A of B; the cursor stays on its row."""
        self.facets.swap()

    def _turned(self) -> None:
        comparison = self.comparison
        self.head.show_pair(comparison.left.version, comparison.right.version, comparison.relation)
        self._tell()
        self.renamed.emit()

    def toggle_all(self) -> None:
        """Show all rows, or only those that differ."""
        self.bar.toggle_all()

    def filter_rows(self) -> None:
        """Type into the filter."""
        self.bar.field.setFocus()
        self.bar.field.selectAll()

    def changes(self) -> list[tuple[str, str]]:
        """Section and row of every difference, in the order of reading."""
        return list(self._changes())

    def step_change(self, by: int) -> None:
        """Go to the next (1) or previous (-1) difference, around the ends."""
        changes = self._changes()
        if not changes.total:
            return
        place = changes.place(*self._at)
        section = self._at[0] or self.report.in_view()
        self.go(*changes.at(changes.nearest(section, by) if place < 0 else (place + by) % changes.total))

    def step_section(self, by: int) -> None:
        """Go to the next or previous section, around the ends."""
        keys = list(self.sections)
        if not keys:
            return
        present = self.alone or self._at[0] or self.report.in_view()
        at = (keys.index(present) + by) % len(keys) if present in keys else 0
        if self.alone:
            self.focus_section(keys[at])
        else:
            self.jump(keys[at])

    def jump(self, key: str, row: str = "") -> None:
        """Show a section, at one of its rows."""
        if key not in self.sections:
            return
        if self.alone and self.alone != key:
            self.focus_section(key)
        if row and self.go(key, row):
            return
        self._at = (key, "")
        self.report.show_section(key)
        self.rail.mark(key)

    def go(self, key: str, row: str) -> bool:
        """Put the cursor on a row; False where it is not shown."""
        if self.alone and self.alone != key:
            self.focus_section(key)
        pane = self.sections[key].pane
        if not pane.select(row):
            return False
        self._at = (key, row)
        pane.setFocus()
        self.report.show_cursor(key)
        self.rail.mark(key)
        self._count()
        return True

    def focus_section(self, key: str) -> None:
        """Give a section the whole page."""
        if key not in self.sections or self.alone == key:
            return
        self.report.show_alone(key)
        if self._at[0] != key:
            self._at = (key, "")
        self.rail.mark(key)
        self.bar.set_alone(self.sections[key].title)
        self.sections[key].pane.setFocus()

    def focus_current(self) -> None:
        """Give the section being read the whole page."""
        self.focus_section(self._at[0] or self.report.in_view())

    def leave_section(self) -> None:
        """Go back to the report, where it was left."""
        if self.alone:
            self.report.show_all()
            self.bar.set_alone("")

    @property
    def alone(self) -> str:
        """The section that fills the page, or nothing."""
        return self.report.alone

    # taking away ---------------------------------------------------------------------------------------------------

    def _pane(self) -> Pane | None:
        """The pane with the cursor."""
        section = self.sections.get(self._at[0])
        return section.pane if section is not None else None

    def current_row(self) -> Row | None:
        """The row under the cursor."""
        pane = self._pane()
        return pane.current() if pane is not None else None

    def copy_row(self) -> None:
        """Copy the row under the cursor; of the values of a tensor the one under the cursor."""
        pane = self._pane()
        self._copying.copy(self.current_row(), pane.copied() if pane is not None else "")

    def copy_row_as_markdown(self) -> None:
        """Copy the row under the cursor as a table of one line."""
        self._copying.copy_as_markdown(self.current_row())

    def ignore_row(self) -> None:
        """Offer to leave the row under the cursor out of the count, or to count it again."""
        row = self.current_row()
        if row is not None and not self._ignoring.offer(self.sections[self._at[0]].pane, self._at[0], row):
            self.bar.say("Only settings and results can be ignored")

    def review_row(self) -> None:
        """Tick off the difference under the cursor and go to the next that is open; or take its mark away."""
        following = self.reviewed.tick_off(self._changes(), self._at)
        self._show_reviewed(self._at[0])
        if following is None:
            self.bar.say("All differences reviewed")
        else:
            self.go(*following)

    def tell_panes(self, verb: str, *arguments: object) -> None:
        """Let each pane do what only those with a picture can: `toggle_table`, `zoom`, `show_values`."""
        for section in self.sections.values():
            getattr(section.pane, verb)(*arguments)
        self._count()

    def next_order(self) -> None:
        """Sort the table under the cursor by its next column."""
        pane = self._pane()
        if pane is not None:
            pane.next_order()

    def all_sheets(self) -> dict[str, Sheet]:
        """The whole answers so far, in the order of reading."""
        sheets = {key: section.sheet for key, section in self.sections.items()}
        return {key: sheet for key, sheet in sheets.items() if sheet is not None and sheet.complete}

    def state(self) -> dict[str, object]:
        """What to remember of the view."""
        return {
            "all": self.bar.showing().all, "scroll": self.report.place(), "alone": self.alone,
            "reviewed": self.reviewed.state(),
        }  # fmt: skip

    def restore(self, state: dict[str, object]) -> None:
        """Take up what `state` returned, once the sheets are there."""
        if state.get("all") is True:
            self.bar.toggle_all()
        self._wanted = state
        self.reviewed.restore(state.get("reviewed"))

    # inside --------------------------------------------------------------------------------------------------------

    def _make_next(self) -> None:
        """Make one section a turn of the event loop, so that the window answers meanwhile; then begin to compare."""
        if self._unmade:
            facet = self._unmade.pop(0)
            self.report.add(self._made(facet.key, facet.title))
            return
        self._builder.stop()
        self.rail.mark(next(iter(self.sections), ""))
        self._tell()
        alone = self._wanted.get("alone")
        if isinstance(alone, str) and alone:
            self.focus_section(alone)
        self.facets.start()

    def _made(self, key: str, title: str) -> Section:
        section = Section(self.context, self.comparison, key, title, self.report.body)
        section.show_rows(self.bar.showing())
        section.focus_asked.connect(self._toggle_alone)
        section.retry_asked.connect(self.facets.retry)
        section.cancel_asked.connect(self.facets.cancel)
        pane = section.pane
        pane.jump_asked.connect(self.jump)
        pane.focus_asked.connect(partial(self.focus_section, key))
        pane.row_entered.connect(partial(self._entered, key))
        pane.left_over.connect(partial(self._go_beyond, key))
        pane.menu_asked.connect(self._show_menu)
        pane.rearranged.connect(self._recount)
        return section

    def _lay_out(self) -> None:
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self.rail)
        body.addWidget(hairline(vertical=True))
        body.addWidget(self.report, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.bar)
        column.addWidget(hairline())
        column.addLayout(body, 1)

    def _ready(self, key: str, sheet: Sheet) -> None:
        if key in self.sections:
            self.sections[key].show_sheet(sheet, self.comparison)
            self._show_reviewed(key)
            self._tell()
            scroll = self._wanted.get("scroll")
            if isinstance(scroll, int) and scroll:
                self.report.go_to(scroll)
            if not self.facets.busy():
                self._wanted = {}

    def _ticked(self, key: str, running: object) -> None:
        job = self.facets.running(key)
        if key in self.sections and job is not None:
            self.sections[key].show_work(job)
            self._tell_rail()

    def _failed(self, key: str, error: Exception) -> None:
        if key in self.sections:
            self.sections[key].show_error(error)
            self._tell()

    def _stopped(self, key: str) -> None:
        if key in self.sections:
            self.sections[key].show_stopped()
            self._tell()

    def _tell(self) -> None:
        self._tell_rail()
        self._recount()

    def _tell_rail(self) -> None:
        self.rail.set_entries([section.entry() for section in self.sections.values()])

    def _count(self) -> None:
        changes = self._changes()
        self.bar.show_count(changes.place(*self._at) + 1, changes.total, len(self.reviewed))

    def _changes(self) -> Changes:
        """Every difference with its place; kept until something is shown anew, since they may be many."""
        if self._differences is None:
            self._differences = Changes([(key, section.changes()) for key, section in self.sections.items()])
        return self._differences

    def _show_reviewed(self, key: str) -> None:
        if key in self.sections:
            self.sections[key].pane.show_reviewed(self.reviewed.rows(key))
            self._count()

    def _recount(self) -> None:
        self._differences = None
        self._count()

    def _show_rows(self, showing: Showing) -> None:
        for section in self.sections.values():
            section.show_rows(showing)
        self._tell()

    def _toggle_alone(self, key: str) -> None:
        self.leave_section() if self.alone == key else self.focus_section(key)

    def _entered(self, key: str, row: object) -> None:
        if isinstance(row, Row):
            self._at = (key, row.key)
            self.context.inspected.emit(compare_text.inspection(row))
            self.rail.mark(key)
            self._count()

    def _go_beyond(self, key: str, by: int) -> None:
        keys = [name for name, section in self.sections.items() if not section.pane.isHidden() and name != SUMMARY]
        if self.alone or key not in keys:
            return
        at = keys.index(key) + by
        if 0 <= at < len(keys):
            rows = self.sections[keys[at]].changes()
            if rows:
                self.go(keys[at], rows[0 if by > 0 else -1])
            else:
                self.jump(keys[at])

    def _read(self, key: str) -> None:
        if not self.rail.hasFocus():
            self.rail.mark(key)

    def _show_menu(self, place: object) -> None:
        menu = QMenu(self)
        menu.setAccessibleName("Row")
        menu.addAction("Copy row", self.copy_row)
        menu.addAction("Copy row as Markdown", self.copy_row_as_markdown)
        row = self.current_row()
        if row is not None:
            menu.addSeparator()
            self._ignoring.fill(menu, self._at[0], row)
        menu.popup(place if isinstance(place, QPoint) else QCursor.pos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.bar.field.text():
            self.bar.field.clear()
        elif self.alone:
            self.leave_section()
        else:
            super().keyPressEvent(event)
