"""Where the weights changed: a heat map of layers and modules, the same as a table, and one tensor to its numbers.

Ever closer: the whole network, one layer with its experts, a tensor in the drawer, its values in place of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QRect, Qt, QTimer
from PySide6.QtGui import QImage, QKeyEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from diptych import display
from diptych.compare.folding import OWN
from diptych.compare.grid import layer
from diptych.domain.sheet import Grid, GridCell, Row, Sheet
from diptych.ui.context import Context
from diptych.ui.models.heat import Fields, spokesman
from diptych.ui.models.rows import Showing
from diptych.ui.onetensor import OneTensor
from diptych.ui.pane import Pane
from diptych.ui.table import SheetTable
from diptych.ui.tokens import Space
from diptych.ui.widgets.heatlegend import Legend
from diptych.ui.widgets.heatmap import HeatMap
from diptych.ui.widgets.heatmodel import scale_for
from diptych.ui.widgets.heatpicture import picture
from diptych.ui.widgets.label import Elided
from diptych.ui.widgets.link import Link
from diptych.workbench.comparing import Comparison

_COLUMNS = frozenset({"relative_change", "cosine", "max_abs", "changed_fraction"})
"""What the table shows; the drawer has the rest."""
_UNFOLDED = 8192
"""Tensors that a line of the map unfolds to at most; what is more is read in the table."""
_VALUES = 14
"""Rows of values that are seen within the report."""


class WeightsPane(Pane):
    """Map, table, drawer and values over one sheet."""

    def __init__(self, context: Context, comparison: Comparison) -> None:
        super().__init__(context, comparison)
        theme = context.theme
        self.map = HeatMap(theme)
        self.legend = Legend(theme, self.map.heat)
        self.table = SheetTable(theme, "Tensors", context.runner)
        self.tensor = OneTensor(context, comparison, self)
        self.drawer, self.values = self.tensor.drawer, self.tensor.values
        self.toggle = QPushButton("Table")
        self.toggle.setProperty("role", "flat")
        self.toggle.setCheckable(True)
        self.toggle.setToolTip("The map as a table  t")
        self.toggle.toggled.connect(self._toggled)
        self.up = Link(theme, "all layers", theme.font())
        self.up.setAccessibleName("Back to all layers")
        self.up.clicked.connect(self._fold)
        self.crumb = Elided(color=QPalette.ColorRole.PlaceholderText)
        self.line = ""
        """The line of the grid that is unfolded on the map; empty: all lines."""
        self._whole: Fields | None = None
        self._fields: Fields | None = None
        self._known: dict[str, Row] = {}
        self._in_table: Sheet | None = None
        self._lay_out()
        self.map.moved.connect(self._moved)
        self.map.opened.connect(self._open_field)
        self.map.left_over.connect(self.left_over)
        self.table.row_entered.connect(self.row_entered)
        self.table.rearranged.connect(self.rearranged)
        self.table.opened.connect(self._open_row)
        self.table.focus_asked.connect(self.focus_asked)
        self.table.left_over.connect(self.left_over)
        self.table.menu_asked.connect(self.menu_asked)
        self.drawer.closed.connect(self._close_drawer)
        self.tensor.values_opened.connect(self._arrange)
        self.values.closed.connect(self._close_values)

    # the sheet -----------------------------------------------------------------------------------------------------

    def show_sheet(self, sheet: Sheet, comparison: Comparison) -> None:
        self.sheet = sheet
        self.comparison = comparison
        self.tensor.turn_to(comparison)
        self._known = {}
        self._whole = Fields.of(sheet.grid) if sheet.grid is not None else None
        self._show_fields()
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

    def changes(self) -> Sequence[str]:
        if self._as_table() or self._whole is None:
            return self.table.changes()
        return self._whole.changes()

    def select(self, key: str) -> bool:
        if self._as_table():
            return self.table.select(key)
        spot = self._fields.spot_of(key) if self._fields is not None else None
        if spot is None and self.line:
            self._unfold("")
            spot = self._fields.spot_of(key) if self._fields is not None else None
        if spot is None:
            return False
        self.map.set_cursor(*spot)
        return True

    def next_order(self) -> None:
        self.table.next_order()

    def current(self) -> Row | None:
        return self.table.current() if self._as_table() else self._on_map()

    def picture(self) -> QImage | None:
        if self._fields is None:
            return None
        names = [display.visible(side.version.name) for side in (self.comparison.left, self.comparison.right)]
        title = f"A {names[0]}  ⇄  B {names[1]}" + (f"  ·  {display.visible(self.line)}" if self.line else "")
        return picture(self.map.heat, self.legend, title, self.context.theme)

    def copied(self) -> str:
        return self.tensor.value_text() if self.values.isVisible() else ""

    def cursor_rect(self) -> QRect:
        if self.values.isVisible():
            return self.values.geometry()
        if self._as_table():
            return QRect(self.table.mapTo(self, self.table.cursor_rect().topLeft()), self.table.cursor_rect().size())
        return self.map.geometry()

    def tools(self) -> list[QWidget]:
        return [self.toggle]

    def toggle_table(self) -> None:
        """Change between the map and its twin; the cursor stays on its tensor."""
        self._close_values()
        self.toggle.toggle()

    # closer and farther --------------------------------------------------------------------------------------------

    def zoom(self, by: int) -> None:
        """Wider fields, then the layer under the cursor, then its tensor, then its values (1); or back (-1)."""
        if by <= 0 and self.values.isVisible():
            self._close_values()
        elif by <= 0 and self.drawer.isVisible():
            self._close_drawer()
        elif self._as_table() or not self.map.zoom(by):
            if by > 0:
                self._descend()
            elif not self._as_table():
                self._fold()

    def show_values(self) -> None:
        """Show the numbers of the tensor under the cursor."""
        row = self.current()
        if row is not None and self.values.isHidden():
            if self.tensor.row is not row:
                self._open(row)
            self.tensor.show_values()

    def _descend(self) -> None:
        if self.drawer.isVisible():
            self.tensor.show_values()
        elif self.line or self._as_table():
            self._open_row(self.current())
        elif (cell := self._cell()) is not None:
            self._unfold(cell.row, spokesman(cell))

    def _fold(self) -> None:
        """Show all lines again, the cursor on what it was on."""
        if self.line:
            row = self._on_map()
            self._unfold("", row.key if row is not None else "")
            self.map.setFocus()

    def _unfold(self, line: str, key: str = "") -> None:
        """Show one line of the map by itself, or all of them; the cursor goes to a tensor."""
        self.line = line
        self._show_fields()
        spot = self._fields.spot_of(key) if self._fields is not None and key else None
        if spot is not None:
            self.map.set_cursor(*spot)

    def _show_fields(self) -> None:
        """Draw the map of all lines, or of the one that is unfolded."""
        whole = self._whole
        if whole is None:
            return
        if self.line not in whole.grid.rows:
            self.line = ""
        grid: Grid = layer(whole.grid, self.line, self._rows()) if self.line else whole.grid
        self._fields = Fields.of(grid) if self.line else whole
        mixture = bool(self.line) and len(grid.rows) > 1
        self.map.set_corner("expert" if mixture else "" if self.line else "layer")
        self.map.widen_first(mixture and grid.rows[0] == OWN)
        scale = scale_for(whole.patches.values())
        self.map.heat.show(self._fields.rows, self._fields.columns, self._fields.patches, scale)
        self.legend.explain(grid.legend, self._fields.signs())
        tensors = sum(len(cell.keys) for cell in self._fields.cells.values())
        self.crumb.set_text(f"›  {display.visible(self.line)}  ·  {display.plural(tensors, 'tensor')}")
        self._crumbs.setVisible(bool(self.line))
        self._fit_rows()

    # inside --------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        crumbs = QHBoxLayout()
        crumbs.setContentsMargins(0, 0, 0, 0)
        crumbs.setSpacing(Space.S)
        crumbs.addWidget(self.up)
        crumbs.addWidget(self.crumb, 1)
        self._crumbs = QWidget()
        self._crumbs.setLayout(crumbs)
        map_side = QVBoxLayout()
        map_side.setSpacing(Space.S)
        map_side.addWidget(self._crumbs)
        map_side.addWidget(self.map)
        map_side.addWidget(self.legend)
        map_side.addStretch(1)
        self._map_side = QWidget()
        self._map_side.setLayout(map_side)
        map_side.setContentsMargins(Space.L, Space.XS, Space.L, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._map_side, 1)
        row.addWidget(self.table, 1)
        row.addWidget(self.values, 1)
        row.addWidget(self.drawer, 0, Qt.AlignmentFlag.AlignTop)

    def _fit_rows(self) -> None:
        """On a page of its own the map uses the height, within reason."""
        room = (self.height() - 4 * self.legend.height()) // max(self.map.heat.rowCount(), 1)
        theme = self.context.theme
        self.map.set_row_height(min(max(room, theme.px(24)), theme.px(40)) if self.alone else theme.px(24))
        self.values.setMinimumHeight(0 if self.alone else self.values.height_for(_VALUES))

    def _as_table(self) -> bool:
        return self.toggle.isChecked() or self._whole is None

    def _rows(self) -> dict[str, Row]:
        """The rows of the sheet by key, put in order when the first is asked for."""
        if not self._known and self.sheet is not None:
            self._known = {row.key: row for row in self.sheet.rows}
        return self._known

    def _cell(self) -> GridCell | None:
        index = self.map.currentIndex()
        if not index.isValid() or self._fields is None:
            return None
        return self._fields.cells.get((index.row(), index.column()))

    def _on_map(self) -> Row | None:
        cell = self._cell()
        return self._rows().get(spokesman(cell)) if cell is not None else None

    def _toggled(self) -> None:
        as_table = self._as_table()
        current = self._on_map() if as_table else self.table.current()
        if as_table and self.sheet is not None and self.sheet is not self._in_table:
            self._in_table = self.sheet
            shown = tuple(column for column in self.sheet.columns if column.key in _COLUMNS)
            self.table.show_sheet(self.sheet, shown)
        self._arrange()
        self.toggle.setEnabled(self._whole is not None)
        self.rearranged.emit()
        if self.sender() is self.toggle:
            if current is not None:
                self.select(current.key)
                # the look that comes has its size, and so can scroll there, only after this turn of the event loop
                QTimer.singleShot(0, self, partial(self.select, current.key))
            self._front().setFocus()

    def _arrange(self) -> None:
        """Show the map, the table, or the values in place of either."""
        numbers = self.values.isVisibleTo(self)
        self._map_side.setVisible(not numbers and not self._as_table())
        self.table.setVisible(not numbers and self._as_table())
        self.setFocusProxy(self.values if numbers else self._front())

    def _front(self) -> QWidget:
        return self.table.list if self._as_table() else self.map

    def _moved(self, row: int, column: int) -> None:
        self.map.setAccessibleDescription(self.map.cursor_text())
        current = self._on_map()
        if current is not None:
            self.row_entered.emit(current)
            if self.drawer.isVisible():
                self._open(current)

    def _open_field(self, row: int, column: int) -> None:
        """Open a tensor; a field of several is unfolded first, where they are not too many to see."""
        cell = self._cell()
        if cell is None:
            return
        if self.line or len(cell.keys) == 1:
            self._open_row(self._on_map())
        elif self._whole is not None and self._whole.count(cell.row) <= _UNFOLDED:
            self._unfold(cell.row, spokesman(cell))
        else:
            self.toggle.setChecked(True)

    def _open_row(self, row: object) -> None:
        if isinstance(row, Row):
            self._open(row)

    def _open(self, row: Row) -> None:
        self.tensor.show(row, self.sheet.columns if self.sheet is not None else ())

    def _close_drawer(self) -> None:
        self.tensor.close()
        self._arrange()
        self._front().setFocus()

    def _close_values(self) -> None:
        if self.values.isVisible():
            self.tensor.close_values()
            self._arrange()
            self._front().setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.line and not self._as_table():
            self._fold()
        else:
            super().keyPressEvent(event)
