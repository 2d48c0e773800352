"""Comparisons whose answers are written by hand, step by step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from diptych.domain.dossier import Dossier
from diptych.domain.sheet import Cell, Column, Grid, GridCell, Row, Sheet, Status
from diptych.domain.version import Kind, State, Version
from diptych.job import Job, Tick
from diptych.ui.pane import Pane
from diptych.workbench.comparing import Comparison, FacetInfo

D = TypeVar("D", bound=QDialog)
MODULES = ("q", "k", "norm₁")
COLUMNS = (Column("relative_change", "‖Δ‖ ∕ ‖A‖", format="g3"), Column("cosine", "cosine", format="g6"))


def version(name: str) -> Version:
    """A version that exists only in name."""
    return Version(0, "~0123456789", name, name, Kind.MODEL, State.COMPLETE, None)


def row(key: str, left: str | None, right: str | None, **more: object) -> Row:
    """A row of two texts; None where a side has none."""
    status = Status.SAME if left == right else Status.DIFFERS
    status = Status.LEFT_ONLY if right is None else Status.RIGHT_ONLY if left is None else status
    cells = [None if text is None else Cell(text, text) for text in (left, right)]
    return replace(Row(key, status, *cells), **more)


def weights(layers: int, read: int, complete: bool = True) -> Sheet:
    """A sheet of tensors of which the first `read` were compared: q and k moved, the norms are equal."""
    names = [f"layers.{layer}.{module}" for layer in range(layers) for module in MODULES]
    rows, cells = [], []
    for at, name in enumerate(names):
        layer, module = name.split(".")[1:]
        moved = None if "norm" in module else 10.0 ** -(1 + at % 3)
        if at < read:
            values = {"relative_change": moved, "cosine": 0.999}
            made = row(name, "F32 [8, 8]", "F32 [8, 8]", status=Status.SAME if moved is None else Status.DIFFERS)
            rows.append(replace(made, values=values if moved else {}))
        known = at < read
        status = Status.NOT_COMPARABLE if not known else Status.DIFFERS if moved else Status.SAME
        symbol = "=" if known and moved is None else ""
        cells.append(GridCell(f"layer {layer}", module, status, moved if known else None, (name,), symbol))
    grid = Grid(tuple(f"layer {layer}" for layer in range(layers)), MODULES, tuple(cells), "‖B−A‖ ∕ ‖A‖")
    return Sheet("weights", "Weights", "tensors", tuple(rows), COLUMNS, grid=grid, complete=complete)


def at_once(sheet: Sheet) -> Generator[Tick, None, Sheet]:
    """A job that has nothing to do."""
    yield Tick("Comparing")
    return sheet


def failing(error: Exception) -> Generator[Tick, None, Sheet]:
    """A job that fails."""
    yield Tick("Comparing")
    raise error


def step_by_step(sheets: list[Sheet], go: Event) -> Generator[Tick, None, Sheet]:
    """A job that shows all but the last of `sheets` as partial answers, and ends when told to."""
    for at, sheet in enumerate(sheets[:-1]):
        yield Tick("Reading weights", at + 1, len(sheets), "bytes", sheet)
    while not go.wait(0.01):
        yield Tick("Reading weights", len(sheets) - 1, len(sheets), "bytes", sheets[-2])
    return sheets[-1]


@dataclass
class Scripted(Comparison):
    """Asks nobody: each facet's answer is a job that the test wrote."""

    script: Mapping[str, Job[Sheet]] = field(default_factory=dict)

    @property
    def facets(self) -> tuple[FacetInfo, ...]:
        return tuple(FacetInfo(key, key.capitalize(), key in ("outputs", "weights")) for key in self.script)

    def sheet(self, key: str) -> Job[Sheet]:
        self._known[key] = yield from self.script[key]
        return self._known[key]

    def sheets(self) -> Mapping[str, Sheet]:
        return {key: self._known[key] for key in self.script if key in self._known}


def scripted(script: Mapping[str, Job[Sheet]], left: str = "left", right: str = "right") -> Scripted:
    """A comparison of two names with these jobs."""
    return Scripted(Dossier(version(left)), Dossier(version(right)), script=script)


def shown(pane: Pane, sheet: Sheet, qtbot: QtBot) -> Comparison:
    """Show a pane with a sheet in a window of its own."""
    comparison = scripted({sheet.key: at_once(sheet)})
    qtbot.addWidget(pane)
    pane.resize(1000, 700)
    pane.show_sheet(sheet, comparison)
    pane.show()
    qtbot.waitExposed(pane)
    return comparison


def during(kind: type[D], act: Callable[[D], object]) -> list[D]:
    """Meet the dialog of this kind when it opens; the returned list holds it then."""
    seen: list[D] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, kind):
            seen.append(dialog)
            try:
                act(dialog)
            finally:
                if dialog.isVisible():
                    dialog.reject()
        else:
            QTimer.singleShot(5, look)

    QTimer.singleShot(0, look)
    return seen
