"""Which columns the library shows: the usual ones as far as there is room, or those the user chose."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from diptych.ui.context import Context
from diptych.ui.models.columns import choices, giving_way, usual
from diptych.ui.models.versions import FIRST, VersionsModel
from diptych.ui.pages.library_table import LibraryTable

SETTLE_MS = 150
"""Changes of width that come close together are written down once."""


class LibraryColumns(QObject):
    """Keeps the columns of the table and the settings in step."""

    def __init__(self, context: Context, table: LibraryTable, model: VersionsModel, page: QWidget) -> None:
        super().__init__(page)
        self._context = context
        self._table = table
        self._model = model
        self._page = page
        self._usual: list[str] = list(usual(()))
        self._remember = QTimer(self)
        self._remember.setSingleShot(True)
        self._remember.setInterval(SETTLE_MS)
        self._remember.timeout.connect(self.remember)
        table.arranged.connect(self._remember.start)
        table.horizontalHeader().customContextMenuRequested.connect(self._show_menu)
        settings = context.workbench.settings
        table.set_widths(settings.widths)
        self._show(list(settings.columns) or self._usual)

    def show_usual(self, metrics: Sequence[tuple[str, int]]) -> None:
        """Take the most common metrics into the usual columns; they are shown unless the user chose others."""
        self._usual = list(usual(metrics))
        if not self._context.workbench.settings.columns:
            self._show(self._usual)

    def ask(self) -> None:
        """Ask which columns to show."""
        from diptych.ui.dialogs.columns import ColumnsDialog  # a window starts without its dialogs

        columns = self._context.workbench.columns()
        offered = choices(columns.metrics, columns.hyperparameters)
        dialog = ColumnsDialog(self._context.theme, offered, self._table.order(), self._usual, self._page)
        if dialog.exec():
            self.choose(dialog.shown())
        dialog.deleteLater()

    def choose(self, keys: list[str]) -> None:
        """Show these columns from now on."""
        if keys == self._table.order():
            return
        settings = self._context.workbench.settings
        settings.columns = () if keys == self._usual else tuple(keys)
        settings.save()
        self._show(keys)

    def remember(self) -> None:
        """Keep order and widths in the settings; the usual columns are not written down."""
        settings = self._context.workbench.settings
        order = self._table.order(hidden=True)
        settings.columns = () if order == self._usual else tuple(order)
        settings.widths = self._table.widths()
        settings.save()

    def _show(self, keys: list[str]) -> None:
        if keys != self._table.order(hidden=True):
            place = self._table.place()
            self._model.show_columns(keys)
            self._table.lay_out()
            self._table.go_to(place)
        self._table.give_way(giving_way(keys) if set(keys) == set(self._usual) else ())

    def _show_menu(self, place: QPoint) -> None:
        header = self._table.horizontalHeader()
        section = header.logicalIndexAt(place)
        menu = QMenu(self._page)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if section >= FIRST:
            column = self._model.columns[section - FIRST]
            menu.addAction(f"Hide {column.title}").setData(column.key)
        menu.addAction("Columns…").setData("")
        menu.triggered.connect(self._menu_chosen)
        menu.popup(header.mapToGlobal(place))

    def _menu_chosen(self, action: QAction) -> None:
        hidden = action.data()
        if hidden:
            self.choose([key for key in self._table.order() if key != hidden])
        else:
            self.ask()
