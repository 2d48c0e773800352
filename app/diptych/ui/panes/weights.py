"""Where the weights changed: a heat map of layers and modules, the same as a table, and one tensor in a drawer."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.sheet import Grid, GridCell, Row, Sheet, Status
from diptych.ui.context import Context
from diptych.ui.models.rows import Showing, spoken, written
from diptych.ui.pane import Pane
from diptych.ui.runner import Running
from diptych.ui.table import SheetTable
from diptych.ui.tokens import Space
from diptych.ui.widgets.drawer import Drawer
from diptych.ui.widgets.heatlegend import Legend
from diptych.ui.widgets.heatmap import HeatMap, Patch
from diptych.workbench.comparing import Comparison, TensorDetail, TensorSpectrum

_SIGNS = {"=": "identical", "╳": "on one side only", "≠": "another shape", "~": "tied"}


_WHOLE = "weight"
"""The module of what is not part of a layer."""
_COLUMNS = frozenset({"relative_change", "cosine", "max_abs", "changed_fraction"})
"""What the table shows; the drawer has the rest."""


class WeightsPane(Pane):
    """Map, table and drawer over one sheet."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__(context, comparison)
        theme = context.theme
        self.map = HeatMap(theme)
        self.legend = Legend(theme, self.map.heat)
        self.table = SheetTable(theme, "Tensors")
        self.drawer = Drawer(theme)
        self.drawer.hide()
        self.toggle = QPushButton("Table")
        self.toggle.setProperty("role", "flat")
        self.toggle.setCheckable(True)
        self.toggle.setToolTip("The map as a table  t")
        self.toggle.toggled.connect(self._toggled)
        self._cells: dict[tuple[int, int], GridCell] = {}
        self._place_of: dict[str, tuple[int, int]] = {}
        self._rows: dict[str, Row] = {}
        self._running: Running | None = None
        self._decomposing: Running | None = None
        self._in_table: Sheet | None = None
        self._key = ""
        """The row in the drawer."""
        self._lay_out()
        self.map.moved.connect(self._moved)
        self.map.opened.connect(self._open_cell)
        self.map.left_over.connect(self.left_over)
        self.table.row_entered.connect(self.row_entered)
        self.table.rearranged.connect(self.rearranged)
        self.table.opened.connect(self._open_row)
        self.table.focus_asked.connect(self.focus_asked)
        self.table.left_over.connect(self.left_over)
        self.table.menu_asked.connect(self.menu_asked)
        self.drawer.closed.connect(self._close_drawer)
        self.drawer.spectrum_asked.connect(self._ask_spectrum)

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        self.sheet = sheet
        self.comparison = comparison
        self._rows = {row.key: row for row in sheet.rows}
        self._show_grid(sheet.grid)
        self._toggled()

    def show_rows(self, showing: Showing) -> None:
        super().show_rows(showing)
        self.table.show_rows(showing)

    def stand_alone(self, alone: bool) -> None:
        super().stand_alone(alone)
        self.table.stand_alone(alone)
        self._fit_rows()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_rows()

    def _fit_rows(self) -> None:
        """On a page of its own the map uses the height, within reason."""
        room = (self.height() - 4 * self.legend.height()) // max(self.map.heat.rowCount(), 1)
        theme = self.context.theme
        self.map.set_row_height(min(max(room, theme.px(24)), theme.px(40)) if self.alone else theme.px(24))

    def changes(self) -> list[str]:
        if self._as_table():
            return self.table.changes()
        order = sorted(self._cells, key=lambda place: (place[1], place[0]))
        return [self._cells[at].keys[0] for at in order if _changed(self._cells[at])]

    def select(self, key: str) -> bool:
        if self._as_table():
            return self.table.select(key)
        if key not in self._place_of:
            return False
        self.map.set_cursor(*self._place_of[key])
        return True

    def next_order(self) -> None:
        self.table.next_order()

    def current(self) -> Row | None:
        if self._as_table():
            return self.table.current()
        index = self.map.currentIndex()
        cell = self._cells.get((index.row(), index.column())) if index.isValid() else None
        return self._rows.get(cell.keys[0]) if cell is not None and cell.keys else None

    def cursor_rect(self) -> QRect:
        if self._as_table():
            return QRect(self.table.mapTo(self, self.table.cursor_rect().topLeft()), self.table.cursor_rect().size())
        return self.map.geometry()

    def tools(self) -> list[QWidget]:
        return [self.toggle]

    def toggle_table(self) -> None:
        """Change between the map and its twin; the cursor stays on its tensor."""
        self.toggle.toggle()

    def _lay_out(self) -> None:
        map_side = QVBoxLayout()
        map_side.setSpacing(Space.S)
        map_side.addWidget(self.map)
        map_side.addWidget(self.legend)
        map_side.addStretch(1)
        self._map_side = QWidget()
        self._map_side.setLayout(map_side)
        map_side.setContentsMargins(Space.L, Space.XS, 0, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._map_side, 1)
        row.addWidget(self.table, 1)
        row.addWidget(self.drawer, 0, Qt.AlignmentFlag.AlignTop)

    def _as_table(self) -> bool:
        return self.toggle.isChecked() or self.sheet is None or self.sheet.grid is None

    def _toggled(self) -> None:
        current = self.current_of_other()
        as_table = self._as_table()
        if as_table and self.sheet is not None and self.sheet is not self._in_table:
            self._in_table = self.sheet
            shown = tuple(column for column in self.sheet.columns if column.key in _COLUMNS)
            self.table.show_sheet(replace(self.sheet, columns=shown))
        self._map_side.setVisible(not as_table)
        self.table.setVisible(as_table)
        self.toggle.setEnabled(self.sheet is not None and self.sheet.grid is not None)
        self.setFocusProxy(self.table if as_table else self.map)
        self.rearranged.emit()
        if current is not None and self.sheet is not None and self.sender() is self.toggle:
            self.select(current.key)
            (self.table.list if as_table else self.map).setFocus()

    def current_of_other(self) -> Row | None:
        """The row under the cursor of the look that just went away."""
        if not self._as_table():
            return self.table.current()
        index = self.map.currentIndex()
        cell = self._cells.get((index.row(), index.column())) if index.isValid() else None
        return self._rows.get(cell.keys[0]) if cell is not None and cell.keys else None

    def _show_grid(self, grid: Grid | None) -> None:
        if grid is None:
            return
        layers = {name: at for at, name in enumerate(grid.rows)}
        modules = {name: at for at, name in enumerate(grid.columns)}
        places = {(modules[cell.column], layers[cell.row]): cell for cell in grid.cells}
        self._cells = {place: cell for place, cell in places.items() if cell.keys}
        self._place_of = {key: place for place, cell in self._cells.items() for key in cell.keys}
        patches = {place: self._patch(cell, grid.legend) for place, cell in places.items()}
        apart = [display.visible(name) for name in grid.rows if _layer(name) is None]
        rows = [" · ".join(apart[:4]) if name == _WHOLE else display.visible(name) for name in grid.columns]
        layer_names = [_layer(name) or display.visible(name) for name in grid.rows]
        self.map.heat.show(tuple(rows), tuple(layer_names), patches)
        used = {cell.symbol for cell in grid.cells}
        signs = [(sign, name) for sign, name in _SIGNS.items() if sign in used]
        waiting = sum(patch.value is None and not patch.symbol for patch in patches.values())
        self.legend.explain(grid.legend, [*signs, ("□", "not read yet")] if waiting else signs)

    def _patch(self, cell: GridCell, legend: str) -> Patch:
        name = cell.row if cell.column == _WHOLE else f"{cell.row}, {cell.column}"
        if cell.symbol:
            said = _SIGNS.get(cell.symbol, cell.status.value)
            if cell.status in (Status.LEFT_ONLY, Status.RIGHT_ONLY):
                said = "only in A" if cell.status is Status.LEFT_ONLY else "only in B"
        elif cell.value is not None:
            said = f"{legend} {display.number(cell.value, 3)}"
        else:
            said = "not read yet"
        several = f" ({len(cell.keys)} tensors)" if len(cell.keys) > 1 else ""
        tone = {Status.LEFT_ONLY: "a", Status.RIGHT_ONLY: "b", Status.SAME: "muted"}.get(cell.status, "text")
        return Patch(display.visible(f"{name}: {said}{several}"), cell.value, cell.symbol, tone)

    def _moved(self, row: int, column: int) -> None:
        current = self.current()
        if current is not None:
            self.map.setAccessibleDescription(self.map.cursor_text())
            self.row_entered.emit(current)
            if self.drawer.isVisible():
                self._open(current)

    def _open_cell(self, row: int, column: int) -> None:
        current = self.current()
        if current is not None:
            self._open(current)

    def _open_row(self, row: object) -> None:
        if isinstance(row, Row):
            self._open(row)

    def _open(self, row: Row) -> None:
        """Show one tensor; its histograms are read by a job."""
        for running in (self._running, self._decomposing):
            if running is not None:
                running.cancel()
        self._key = row.key
        sides = [(f"{sign} {letter}", cell.text if cell else "not there") for sign, letter, cell in
                 (("●", "A", row.left), ("■", "B", row.right))]  # fmt: skip
        columns = self.sheet.columns if self.sheet is not None else ()
        facts = sides + [
            (column.title, written(row.values.get(column.key), column.format))
            for column in columns
            if row.values.get(column.key) is not None
        ]
        self.drawer.show_facts(row.key, facts, "Counting values…")
        self.drawer.setAccessibleDescription(spoken(row))
        self.drawer.show()
        if _matrix(row):
            self.drawer.offer_spectrum()
        job = self.context.workbench.tensor(self.comparison, row.key)
        self._running = self.context.runner.start(
            f"Histogram of {row.key}", job, done=self._counted, failed=self._not_counted, quiet=True
        )

    def _counted(self, detail: TensorDetail) -> None:
        self.drawer.show_state("")
        for which, histogram in enumerate(detail.histograms):
            if histogram is not None:
                self.drawer.show_counts(which, histogram.counts, histogram.edges)

    def _not_counted(self, error: Exception) -> None:
        self.drawer.show_state(str(error))

    def _ask_spectrum(self) -> None:
        """Decompose the change of the tensor in the drawer; the histograms come first, if they are not there yet."""
        self.drawer.wait_for_spectrum()
        key = self._key
        self._decomposing = self.context.runner.start(
            f"Spectrum of {key}",
            self.context.workbench.spectrum(self.comparison, key),
            done=self._decomposed,
            failed=lambda error: self.drawer.say_of_spectrum(str(error)) if key == self._key else None,
            quiet=True,
        )

    def _decomposed(self, found: TensorSpectrum) -> None:
        if found.key == self._key:
            self.drawer.show_spectrum(found.spectrum.values.tolist(), found.spectrum.low_rank, found.told)

    def _close_drawer(self) -> None:
        self.drawer.hide()
        (self.table.list if self._as_table() else self.map).setFocus()


def _layer(name: str) -> str | None:
    """The number of a layer (`layer 3`); with its stack where a network has two (`dec 3`); None for the others."""
    stack, _, number = name.rpartition(" ")
    if not number.isdigit():
        return None
    return number if stack in ("", "layer") else f"{display.visible(stack)[:3]} {number}"


def _matrix(row: Row) -> bool:
    """Whether the change of a row may have a spectrum: both sides have it, and it is known to have moved."""
    shape = row.values.get("shape_left")
    flat = isinstance(shape, list) and len(shape) != 2
    return row.status is Status.DIFFERS and not flat and bool(row.values.get("relative_change"))


def _changed(cell: GridCell) -> bool:
    """Whether a field is known to hold a difference."""
    return cell.status is not Status.SAME and (cell.value is not None or bool(cell.symbol))
