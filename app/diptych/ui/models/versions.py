"""The rows of the library. It holds keys; what they stand for is read when a row comes into sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from diptych import display
from diptych.domain.version import State, Version
from diptych.errors import DiptychError
from diptych.ui.context import Context
from diptych.ui.models.arrangement import Arrangement, Group, View
from diptych.ui.models.columns import KIND_SYMBOLS, STATE_SYMBOLS, Column, columns, state_word, tone, usual
from diptych.ui.models.summary import Summary, summaries, summarise
from diptych.ui.models.tips import plain_tip, tip
from diptych.ui.widgets.cells import CELL, EMPTY, Align, Cell
from diptych.ui.widgets.heads import HEAD, Head

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData

MIME = "application/x-diptych-versions"
"""Keys of versions, in decimal, one a line."""
AROUND = 48
"""Rows read at once when one of them comes into sight."""
KEPT = 20_000
"""Versions remembered at most."""
FEW = 12
"""Groups up to this size are open until the user closes them …"""
OPEN_UP_TO = 400
"""… while the library shows no more versions than this."""
MARK, NAME = 0, 1
FIRST = 2
"""Columns before the ones that can be chosen."""

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_FLAGS = (
    Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsSelectable
    | Qt.ItemFlag.ItemNeverHasChildren
    | Qt.ItemFlag.ItemIsDragEnabled
)
"""Of every cell; summed once, since Qt asks many times for each cell it paints."""
_HEAD_ROLES = frozenset({HEAD, int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.ToolTipRole)})


class VersionsModel(QAbstractTableModel):
    """One row for each version, and one for each run while grouped. Columns: mark, name, and the chosen ones."""

    summarised = Signal()
    """Runs were read: what is said of them is known now."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._arrangement = Arrangement(View())
        self._rows: list[int] = []
        self._known: dict[int, Version] = {}
        self._summaries: dict[str, Summary] = {}
        self._wanted: dict[str, Group] = {}
        self._toggled: set[str] = set()
        self._marks: list[int | None] = [None, None]
        self.sorted_by = "created", True
        self.columns: tuple[Column, ...] = columns(usual(()))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._summarise)
        self._busy = False

    # what is shown ---------------------------------------------------------------------------------------------

    def arrange(self, arrangement: Arrangement) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._arrangement = arrangement
        self._rows = arrangement.rows(self.is_open)
        self._summaries.clear()
        self._wanted.clear()
        self.endResetModel()

    def show_columns(self, keys: Iterable[str]) -> None:
        """Show other columns."""
        self.beginResetModel()
        self.columns = columns(keys)
        self.endResetModel()

    def forget(self, keys: Iterable[int]) -> None:
        """Read these versions again."""
        gone = set(keys)
        for key in gone:
            self._known.pop(key, None)
        groups = {
            self._arrangement.groups[n].model for k in gone if (n := self._arrangement.group_of.get(k)) is not None
        }
        for model in groups:
            self._summaries.pop(model, None)
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, self.columnCount() - 1))

    @property
    def arrangement(self) -> Arrangement:
        """What is shown."""
        return self._arrangement

    # rows ------------------------------------------------------------------------------------------------------

    def version(self, row: int) -> Version | None:
        """The version in a row; None for a run, or where it is gone."""
        if not 0 <= row < len(self._rows) or self._rows[row] < 0:
            return None
        return self._read(row)

    def key(self, row: int) -> int | None:
        """The key of the version in a row, without reading it."""
        return self._rows[row] if 0 <= row < len(self._rows) and self._rows[row] >= 0 else None

    def group(self, row: int) -> Group | None:
        """The run in a row; None for a version."""
        if not 0 <= row < len(self._rows) or self._rows[row] >= 0:
            return None
        return self._arrangement.groups[~self._rows[row]]

    def summary(self, row: int) -> Summary | None:
        """What is known of the run in a row; None until it was read, and for a version."""
        group = self.group(row)
        return self._summary(group) if group is not None else None

    def keys(self, first: int, last: int) -> list[int]:
        """The versions of these rows; a closed run stands for all of its own."""
        found: list[int] = []
        for code in self._rows[first : last + 1]:
            if code >= 0:
                found.append(code)
            elif not self.is_open(self._arrangement.groups[~code]):
                found += self._arrangement.groups[~code].keys
        return found

    def row_of(self, key: int) -> int:
        """The row of a version, or of its closed run; -1 if it is not shown."""
        try:
            return self._rows.index(key)
        except ValueError:
            number = self._arrangement.group_of.get(key)
            if number is None or not self._arrangement.view.grouped:
                return -1
            return self._rows.index(~number)

    def row_of_group(self, model: str) -> int:
        """The row of a run; -1 if it is not shown."""
        for row, code in enumerate(self._rows):
            if code < 0 and self._arrangement.groups[~code].model == model:
                return row
        return -1

    def is_open(self, group: Group) -> bool:
        """Whether the versions of a run are shown."""
        usually = len(group.keys) <= FEW and len(self._arrangement.keys) <= OPEN_UP_TO
        return usually != (group.model in self._toggled)

    def fold(self, row: int, show: bool | None = None) -> None:
        """Show or hide the versions of the run in a row; None: the other way round."""
        group = self.group(row)
        if group is None or self.is_open(group) == show:
            return
        if self.is_open(group):
            self.beginRemoveRows(_ROOT, row + 1, row + len(group.keys))
            del self._rows[row + 1 : row + 1 + len(group.keys)]
            self._toggled ^= {group.model}
            self.endRemoveRows()
        else:
            self.beginInsertRows(_ROOT, row + 1, row + len(group.keys))
            self._rows[row + 1 : row + 1] = group.keys
            self._toggled ^= {group.model}
            self.endInsertRows()
        self.dataChanged.emit(self.index(row, 0), self.index(row, self.columnCount() - 1))

    @property
    def toggled(self) -> list[str]:
        """Runs that are open or closed against the usual, to be remembered."""
        return sorted(self._toggled)

    @toggled.setter
    def toggled(self, models: Iterable[str]) -> None:
        self._toggled = set(models)

    # marks -----------------------------------------------------------------------------------------------------

    @property
    def marks(self) -> tuple[int | None, int | None]:
        """The versions marked as A and B."""
        return self._marks[0], self._marks[1]

    def mark(self, key: int) -> None:
        """Take the mark from a version, or mark it: as A, then as B; a third one takes the place of B."""
        if key in self._marks:
            self._marks[self._marks.index(key)] = None
        elif None in self._marks:
            self._marks[self._marks.index(None)] = key
        else:
            self._marks[1] = key
        self._repaint(MARK)

    def unmark(self, keys: Iterable[int] | None = None) -> None:
        """Take the marks from these versions, or from all."""
        gone = set(self._marks) if keys is None else set(keys)
        self._marks = [None if key in gone else key for key in self._marks]
        self._repaint(MARK)

    # Qt --------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else FIRST + len(self.columns)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        if role == CELL:
            return self._cell(index.row(), index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cell(index.row(), index.column()).text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(index.row(), index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(index.row(), index.column())
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in _HEAD_ROLES or orientation != Qt.Orientation.Horizontal:
            return None
        if not 0 <= section < self.columnCount():
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self.columns[section - FIRST].tip) if section >= FIRST else "Marked for comparing"
        head = self._head(section)
        if role == HEAD:
            return head
        whole = f"{head.above}/{head.title}" if head.above else head.title
        return f"{whole} {head.arrow}".rstrip()

    def _head(self, section: int) -> Head:
        column = self.columns[section - FIRST] if section >= FIRST else None
        sort = column.sort if column else ("", "name")[section]
        arrow = ("↓" if self.sorted_by[1] else "↑") if sort and sort == self.sorted_by[0] else ""
        if column is None:
            return Head(("", "Name")[section], arrow=arrow)
        return Head(column.title, column.above, arrow, right=column.align in (Align.RIGHT, Align.POINT))

    def mimeTypes(self) -> list[str]:
        return [MIME, "text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        from PySide6.QtCore import QMimeData, QUrl  # what is dragged is asked for late

        rows = sorted({index.row() for index in indexes})
        keys = [key for row in rows for key in self.keys(row, row)]
        data = QMimeData()
        data.setData(MIME, "\n".join(map(str, keys)).encode())
        paths = [version.path for version in self._context.workbench.versions(keys[:AROUND]) if version.path]
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        return data

    # reading ---------------------------------------------------------------------------------------------------

    def _read(self, row: int) -> Version | None:
        key = self._rows[row]
        if key not in self._known:
            if len(self._known) > KEPT:
                self._known.clear()
            near = self._rows[max(row - AROUND // 4, 0) : row + AROUND]
            keys = [code for code in near if code >= 0 and code not in self._known]
            try:
                versions = self._context.workbench.versions(keys)
            except DiptychError:
                return None  # the next query says what is wrong, once and not for every cell
            self._known.update({version.key: version for version in versions})
        return self._known.get(key)

    def _summary(self, group: Group) -> Summary | None:
        summary = self._summaries.get(group.model)
        if summary is not None:
            return summary
        if all(key in self._known for key in group.keys):
            summary = summarise(group.model, [self._known[key] for key in group.keys])
            self._summaries[group.model] = summary
            return summary
        self._wanted[group.model] = group
        if not self._busy:
            self._timer.start()
        return None

    def _summarise(self) -> None:
        """Read the runs that came into sight, the last ones first."""
        groups = list(self._wanted.values())[-AROUND:][::-1]
        self._wanted.clear()
        if groups and not self._busy:
            self._busy = True
            job = summaries(self._context.workbench, groups)
            self._context.runner.start("Read runs", job, self._summarised, self._summary_failed, quiet=True)

    def _summarised(self, found: list[Summary]) -> None:
        self._busy = False
        self._summaries.update({summary.model: summary for summary in found})
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, self.columnCount() - 1))
        self.summarised.emit()
        if self._wanted:
            self._timer.start()

    def _summary_failed(self, error: Exception) -> None:
        self._busy = False
        self._context.fail(error)

    def _repaint(self, column: int) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, column), self.index(len(self._rows) - 1, column))

    # cells -----------------------------------------------------------------------------------------------------

    def _cell(self, row: int, column: int) -> Cell:
        group = self.group(row)
        if group is not None:
            return self._group_cell(group, column)
        version = self._read(row)
        if version is None:
            return Cell("gone", color="faint") if column == NAME else EMPTY
        if column == MARK:
            return self._mark_cell(version.key)
        if column == NAME:
            return self._name_cell(version)
        return self.columns[column - FIRST].cell(version)

    def _mark_cell(self, key: int) -> Cell:
        if key == self._marks[0]:
            return Cell("●", Align.CENTER, "a", bold=True)
        if key == self._marks[1]:
            return Cell("■", Align.CENTER, "b", bold=True)
        return EMPTY

    def _name_cell(self, version: Version) -> Cell:
        grouped = self._arrangement.view.grouped and version.key in self._arrangement.group_of
        name = version.name
        if grouped:
            name = name.removeprefix(version.model).lstrip("/@ ") or name
        state = "" if version.state is State.COMPLETE else state_word(version.state)
        symbol = STATE_SYMBOLS[version.state] if state else KIND_SYMBOLS[version.kind]
        shown = {column.key for column in self.columns}
        return Cell(
            display.visible(name), color=tone(version), after=state, symbol=symbol, indent=grouped,
            alarm=version.state is State.DAMAGED,
            badges=() if "tags" in shown else tuple(map(display.visible, sorted(version.tags))),
            rating=0 if "stars" in shown else version.stars,
        )  # fmt: skip

    def _group_cell(self, group: Group, column: int) -> Cell:
        if column == MARK:
            return EMPTY
        summary = self._summary(group)
        if column == NAME:
            noun = summary.noun if summary else "version"
            count = display.plural(len(group.keys), noun)
            return Cell(display.visible(group.model), bold=True, after=count, fold=self.is_open(group))
        return self.columns[column - FIRST].group(summary) if summary else EMPTY

    def _spoken(self, row: int, column: int) -> str:
        cell = self._cell(row, column)
        if column == MARK:
            return {"●": "marked as A", "■": "marked as B"}.get(cell.text, "")
        if column != NAME:
            return cell.text
        group, version = self.group(row), self.version(row)
        if group is not None:
            return f"{cell.text}, {cell.after}, {'open' if cell.fold else 'closed'}"
        if version is None:
            return cell.text
        stars = f"{cell.rating} of 5 stars" if cell.rating else ""
        return ", ".join(filter(None, (display.visible(version.name), cell.after, stars, *cell.badges)))

    def _tip(self, row: int, column: int) -> str:
        version = self.version(row)
        key = self.columns[column - FIRST].key if column >= FIRST else "name" if column == NAME else ""
        cell = self._cell(row, column)
        return plain_tip(tip(version, key, cell.text) if version is not None else cell.text)
