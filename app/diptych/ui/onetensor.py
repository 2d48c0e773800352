"""One tensor of a comparison: its facts and histograms in a drawer, its spectrum when asked for, its values."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from diptych import display
from diptych.domain.sheet import Column, Row, Status
from diptych.job import Tick
from diptych.ui.context import Context
from diptych.ui.models.rows import spoken, told
from diptych.ui.runner import Running
from diptych.ui.widgets.drawer import Drawer
from diptych.ui.widgets.numbers import Numbers
from diptych.ui.widgets.valueview import ValueView
from diptych.workbench.comparing import Comparison, TensorDetail, TensorSpectrum
from diptych.workbench.values import TensorPage, tensor_page

_MARGIN = 2
"""Pages around what is in view that are read along with it."""


class OneTensor(QObject):
    """Fills a drawer and a page of values; each is read by a job that can be stopped."""

    values_opened = Signal()

    def __init__(self, context: Context, comparison: Comparison, parent: QObject) -> None:
        super().__init__(parent)
        self.drawer = Drawer(context.theme)
        self.values = ValueView(context.theme)
        self.row: Row | None = None
        """What is shown."""
        self._context = context
        self._comparison = comparison
        self._jobs: dict[str, Running] = {}
        self._wanted: tuple[range, range] | None = None
        """What is to be read after the page that is being read now."""
        self._page: TensorPage | None = None
        self.drawer.hide()
        self.values.hide()
        self.drawer.spectrum_asked.connect(self._ask_spectrum)
        self.drawer.values_asked.connect(self.show_values)
        self.drawer.cancel_asked.connect(self._cancel)
        self.values.grid.wanted.connect(self._read)
        self.values.grid.moved.connect(self._tell_value)

    def turn_to(self, comparison: Comparison) -> None:
        """Read from another comparison (A and B have changed places) from now on."""
        self._comparison = comparison

    def show(self, row: Row, columns: tuple[Column, ...]) -> None:
        """Show one tensor; its histograms are read by a job."""
        self.stop()
        self.row = row
        sides = [(f"{sign} {letter}", cell.text if cell else "not there") for sign, letter, cell in
                 (("●", "A", row.left), ("■", "B", row.right))]  # fmt: skip
        facts = sides + [
            fact
            for column in columns
            if row.values.get(column.key) is not None
            for fact in ((column.title, told(row, column)), *_bounds(row, column))
        ]
        self.drawer.show_facts(row.key, facts)
        self.drawer.show_state("Counting values…", working=True)
        self.drawer.setAccessibleDescription(spoken(row))
        self.drawer.show()
        if _matrix(row):
            self.drawer.offer_spectrum()
        job = self._context.workbench.tensor(self._comparison, row.key)
        self._jobs["histograms"] = self._context.runner.start(
            f"Histogram of {row.key}",
            job,
            done=self._counted,
            failed=lambda error: self._not_counted(row.key, error),
            ticked=self._counting,
            quiet=True,
        )

    def stop(self) -> None:
        """Stop whatever is read."""
        for running in self._jobs.values():
            running.cancel()
        self._jobs.clear()
        self._wanted = None

    def close(self) -> None:
        """Put everything away."""
        self.stop()
        self.row = None
        self.drawer.hide()
        self.values.hide()

    # histograms and spectrum ---------------------------------------------------------------------------------------

    def _key(self) -> str:
        return self.row.key if self.row is not None else ""

    def _counting(self, tick: Tick) -> None:
        if not tick.total or "histograms" not in self._jobs:
            return
        self.drawer.show_state(f"{tick.text}… {tick.done / tick.total:.0%}", working=True)
        if isinstance(tick.partial, TensorDetail):
            for which, histogram in enumerate(tick.partial.histograms):
                # the others come later, and nothing may move then
                self.drawer.show_counts(which, *((histogram.counts, histogram.edges) if histogram else ((), ())))

    def _counted(self, detail: TensorDetail) -> None:
        if detail.key != self._key():
            return
        self.drawer.show_state("")
        for which, histogram in enumerate(detail.histograms):
            if histogram is not None:
                self.drawer.show_counts(which, histogram.counts, histogram.edges)

    def _not_counted(self, key: str, error: Exception) -> None:
        if key == self._key():
            self.drawer.show_state(str(error))
            self.drawer.hide_counts()

    def _cancel(self) -> None:
        self.stop()
        self.drawer.show_state("Stopped.")

    def _ask_spectrum(self) -> None:
        """Decompose the change of the tensor in the drawer; the histograms come first, if they are not there yet."""
        self.drawer.wait_for_spectrum()
        key = self._key()
        self._jobs["spectrum"] = self._context.runner.start(
            f"Spectrum of {key}",
            self._context.workbench.spectrum(self._comparison, key),
            done=self._decomposed,
            failed=lambda error: self.drawer.say_of_spectrum(str(error)) if key == self._key() else None,
            quiet=True,
        )

    def _decomposed(self, found: TensorSpectrum) -> None:
        if found.key == self._key():
            self.drawer.show_spectrum(found.spectrum.values.tolist(), found.spectrum.low_rank, found.told)

    # values --------------------------------------------------------------------------------------------------------

    def show_values(self) -> None:
        """Show the numbers of the tensor in place of the map."""
        if self.row is None:
            return
        self._page = None
        self.drawer.hide()
        self.values.show()
        self.values_opened.emit()
        self.values.begin(self.row.key)
        self.values.setFocus()

    def close_values(self) -> None:
        """Go back to the drawer."""
        running = self._jobs.pop("values", None)
        if running is not None:
            running.cancel()
        self._wanted = None
        self.values.hide()
        self.drawer.setVisible(self.row is not None)

    def value_text(self) -> str:
        """The value under the cursor with its index, A, B and B − A between tabs; empty while it is not known."""
        found = self._exact()
        return "\t".join((f"{self._key()}{self.values.index_text()}", *found)) if found else ""

    def _read(self, rows: range, columns: range) -> None:
        """Read a part and what lies around it; one at a time, so that scrolling far does not queue up pages."""
        self._wanted = rows, columns
        running = self._jobs.get("values")
        if self.row is None or (running is not None and running.active):
            return
        self._wanted = None
        key = self.row.key
        self._jobs["values"] = self._context.runner.start(
            f"Values of {key}",
            tensor_page(self._comparison, key, _around(rows), _around(columns)),
            done=self._take_page,
            failed=lambda error: self._not_read(key, error),
            quiet=True,
        )

    def _take_page(self, page: TensorPage) -> None:
        self._jobs.pop("values", None)
        if page.key != self._key() or self.values.isHidden():
            return
        self._page = page
        numbers = Numbers(page.rows, page.columns, (page.left, page.right, page.change))
        self.values.show_page(page.shape, page.size, numbers, [display.visible(dtype) for dtype in page.dtypes])
        self._tell_value()
        wanted = self._wanted
        if wanted is not None:
            self._wanted = None
            rows, columns = wanted
            if not Numbers(page.rows, page.columns, ()).holds(rows, columns):
                self._read(rows, columns)

    def _not_read(self, key: str, error: Exception) -> None:
        self._jobs.pop("values", None)
        if key == self._key():
            self.values.say(display.visible(str(error)))

    def _exact(self) -> tuple[str, str, str] | None:
        page = self._page
        row, column = self.values.grid.cursor_at()
        return page.exact(row, column) if page is not None and row in page.rows and column in page.columns else None

    def _tell_value(self) -> None:
        found = self._exact()
        if found is None:
            return
        sides = [f"{name} {text}" for name, text in zip(("● A", "■ B", "B − A"), found, strict=True) if text]
        self.values.say("     ".join([self.values.index_text(), *sides]))


def _around(part: range) -> range:
    """A part with as much again before and behind it."""
    margin = _MARGIN * max(len(part), 1)
    return range(max(part.start - margin, 0), part.stop + margin)


def _bounds(row: Row, column: Column) -> list[tuple[str, str]]:
    """Between what an estimated change lies."""
    low, high = row.values.get("low"), row.values.get("high")
    if column.key != "relative_change" or not isinstance(low, float) or not isinstance(high, float):
        return []
    return [("95 % interval", f"{display.number(low, 3)} … {display.number(high, 3)}")]


def _matrix(row: Row) -> bool:
    """Whether the change of a row may have a spectrum: both sides have it, and it is known to have moved."""
    shape = row.values.get("shape_left")
    flat = isinstance(shape, list) and len(shape) != 2
    return row.status is Status.DIFFERS and not flat and bool(row.values.get("relative_change"))
